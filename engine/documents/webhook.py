"""Webhooks and log entries in the reference's field names, one form for the API and the command line."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from chainbell.storage import Attempt, DeliveryState, Webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookStatistics:
    """How many requests were made, and how many of them the endpoint took."""

    total_calls: int
    successful_calls: int
    failed_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookInList:
    """A registration in the reference's fields. Never a secret."""

    id: str
    name: str
    url: str
    events: tuple[str, ...]
    is_active: bool
    created_at: datetime
    last_triggered: datetime | None
    statistics: WebhookStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookShown(WebhookInList):
    """A registration with the fields beyond the reference's.

    `failing_since` is set while nothing succeeds, `deactivation` says why chainbell switched it off.
    """

    headers: Mapping[str, str]
    body_format: str
    retry_client_errors: bool
    ca_certificates: str | None
    failing_since: datetime | None
    deactivation: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCreated(WebhookShown):
    """A registration whose secret was generated; the secret is shown this once."""

    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryBacklog:
    """How many deliveries of a webhook wait, have failed, have expired."""

    pending: int
    failed: int
    expired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRead(WebhookShown):
    """A registration with its backlog."""

    deliveries: DeliveryBacklog


def webhook_in_list(webhook: Webhook) -> WebhookInList:
    """A registration as lists show it."""
    return WebhookInList(**_of_list(webhook))


def webhook_shown(webhook: Webhook) -> WebhookShown:
    """A registration with all its fields."""
    return WebhookShown(**_of_all(webhook))


def webhook_created(webhook: Webhook, secret: str) -> WebhookCreated:
    """A registration with the secret that was generated for it."""
    return WebhookCreated(**_of_all(webhook), secret=secret)


def webhook_read(webhook: Webhook, backlog: Mapping[DeliveryState, int]) -> WebhookRead:
    """A registration with how many of its deliveries are in which state."""
    return WebhookRead(
        **_of_all(webhook), deliveries=DeliveryBacklog(**{state.value: count for state, count in backlog.items()})
    )


def _of_list(webhook: Webhook) -> dict[str, Any]:
    counts = WebhookStatistics(
        total_calls=webhook.total_calls,
        successful_calls=webhook.successful_calls,
        failed_calls=webhook.failed_calls,
    )
    same = ("id", "name", "url", "events", "is_active", "created_at", "last_triggered")
    return {**{name: getattr(webhook, name) for name in same}, "statistics": counts}


def _of_all(webhook: Webhook) -> dict[str, Any]:
    beyond = (
        "headers", "body_format", "retry_client_errors", "ca_certificates", "failing_since", "deactivation"
    )  # fmt: skip
    return _of_list(webhook) | {name: getattr(webhook, name) for name in beyond}


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessfulAttempt:
    """One request that the endpoint answered with 2xx; `response_time` is milliseconds."""

    id: str
    webhook_id: str
    event: str
    timestamp: datetime
    status: Literal["success"]
    http_status: int
    response_time: int
    retries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempt:
    """One request that came to nothing, and why; `response_time` is milliseconds."""

    id: str
    webhook_id: str
    event: str
    timestamp: datetime
    status: Literal["failed"]
    http_status: int | None
    response_time: int
    error: str
    retries: int


LogEntry = SuccessfulAttempt | FailedAttempt
_LOG_ID = re.compile("log_(.+)_([0-9]{1,9})", re.DOTALL)


def log_entry(attempt: Attempt) -> LogEntry:
    """One attempt as the log shows it."""
    shared: dict[str, Any] = {
        "id": f"log_{attempt.delivery_id.removeprefix('wh_')}_{attempt.number}",
        "webhook_id": attempt.webhook_id,
        "event": attempt.event,
        "timestamp": attempt.started_at,
        "http_status": attempt.http_status,
        "response_time": attempt.duration_ms,
        "retries": attempt.number - 1,
    }
    if attempt.succeeded:
        return SuccessfulAttempt(**shared, status="success")
    return FailedAttempt(**shared, status="failed", error=attempt.error or attempt.outcome)


class AttemptKey(NamedTuple):
    """Which attempt of which delivery."""

    delivery_id: str
    number: int


def log_key(log_id: str) -> AttemptKey | None:
    """The attempt of a log entry's id; None for what is no such id."""
    parts = _LOG_ID.fullmatch(log_id)
    return None if parts is None else AttemptKey(f"wh_{parts[1]}", int(parts[2]))
