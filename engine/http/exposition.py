"""The metrics for Prometheus: the counts of this process, and what the database reports on request."""

from prometheus_client.exposition import generate_latest

from chainbell.engine.engine import Engine

MOST_ENDPOINTS = 100
"""How many endpoints have their own labels: those that have been failing the longest."""


def exposition(engine: Engine) -> bytes:
    """The metrics in Prometheus' text format, as they are now. Blocks on the database."""
    metrics = engine.core.metrics
    metrics.built(engine.database.revision())
    metrics.oldest_due.set(engine.portfolio.oldest_due().total_seconds())
    counted = engine.portfolio.statistics()
    for status, count in counted.projects.items():
        metrics.projects.labels(status.lower()).set(count)
    for delivery, count in counted.deliveries.items():
        metrics.deliveries.labels(delivery.value).set(count)
    for state, count in engine.portfolio.count_webhooks().items():
        metrics.webhooks.labels(state).set(count)
    metrics.failing.clear()
    for webhook in engine.portfolio.failing_webhooks(MOST_ENDPOINTS):
        if webhook.failing_since is not None:
            state = "active" if webhook.is_active else "inactive"
            metrics.failing.labels(webhook.id, state).set((engine.now() - webhook.failing_since).total_seconds())
    return generate_latest(metrics.registry)
