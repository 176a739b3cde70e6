"""Webhooks and log entries in the reference's field names, one form for the API and the command line."""

from typing import Any

from chainbell.rules.payload import wire_instant
from chainbell.storage import Attempt, Webhook


def wire_webhook(webhook: Webhook, *, whole: bool = False) -> dict[str, Any]:
    """The reference's fields; `whole` adds those beyond it. Never a secret."""
    document: dict[str, Any] = {
        "id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "events": list(webhook.events),
        "isActive": webhook.is_active,
        "createdAt": wire_instant(webhook.created_at),
        "lastTriggered": None if webhook.last_triggered is None else wire_instant(webhook.last_triggered),
        "statistics": {
            "totalCalls": webhook.total_calls,
            "successfulCalls": webhook.successful_calls,
            "failedCalls": webhook.failed_calls,
        },
    }
    if whole:
        document |= {
            "headers": webhook.headers,
            "bodyFormat": webhook.body_format,
            "retryClientErrors": webhook.retry_client_errors,
            "caCertificates": webhook.ca_certificates,
            "failingSince": None if webhook.failing_since is None else wire_instant(webhook.failing_since),
            "deactivation": webhook.deactivation,
        }
    return document


def log_entry(attempt: Attempt) -> dict[str, Any]:
    """One attempt; `responseTime` is milliseconds, `error` stands on failures only."""
    entry = {
        "id": f"log_{attempt.delivery_id.removeprefix('wh_')}_{attempt.number}",
        "webhookId": attempt.webhook_id,
        "event": attempt.event,
        "timestamp": wire_instant(attempt.started_at),
        "status": "success" if attempt.succeeded else "failed",
        "httpStatus": attempt.http_status,
        "responseTime": attempt.duration_ms,
    }
    if not attempt.succeeded:
        entry["error"] = attempt.error or attempt.outcome
    return {**entry, "retries": attempt.number - 1}


def log_key(log_id: str) -> str | None:
    """The delivery of a log entry's id; None for what is no such id."""
    kind, _, rest = log_id.partition("_")
    delivery, _, number = rest.rpartition("_")
    return f"wh_{delivery}" if kind == "log" and delivery and number.isdigit() else None
