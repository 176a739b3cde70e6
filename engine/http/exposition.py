"""The metrics for Prometheus: the counts of this process, and what the database reports on request."""

from collections.abc import Sequence

from prometheus_client.exposition import generate_latest

from chainbell.engine.engine import Engine
from chainbell.storage import Webhook

MOST_ENDPOINTS = 100
"""How many endpoints have their own labels: those that have been failing the longest."""


def _tell_failing(engine: Engine, webhooks: Sequence[Webhook]) -> None:
    failing = [(webhook.failing_since, webhook) for webhook in webhooks if webhook.failing_since is not None]
    gauge = engine.core.metrics.failing
    gauge.clear()
    for since, webhook in sorted(failing, key=lambda one: one[0])[:MOST_ENDPOINTS]:
        state = "active" if webhook.is_active else "inactive"
        gauge.labels(webhook.id, state).set((engine.now() - since).total_seconds())


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
    webhooks = engine.portfolio.webhooks()
    _tell_failing(engine, webhooks)
    states = {"active": 0, "failing": 0, "inactive": 0}
    for webhook in webhooks:
        states["inactive" if not webhook.is_active else "failing" if webhook.failing_since else "active"] += 1
    for state, count in states.items():
        metrics.webhooks.labels(state).set(count)
    return generate_latest(metrics.registry)
