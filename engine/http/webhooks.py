"""The routes of webhook registrations, as the reference has them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from chainbell.engine.account import AccountView
from chainbell.engine.documents.webhook import (
    LogEntry,
    WebhookCreated,
    WebhookInList,
    WebhookRead,
    WebhookShown,
    log_entry,
    log_key,
    webhook_created,
    webhook_in_list,
    webhook_read,
    webhook_shown,
)
from chainbell.engine.errors import InvalidInputError, NotFoundError
from chainbell.engine.http.bodies import LogQuery, Recovery, Registration, Rotation, TestEvent, Update
from chainbell.engine.http.routing import Routes
from chainbell.rules.payload import camel_case
from chainbell.storage import Attempt

routes = Routes("Webhooks")
WEBHOOKS = "/api/v1/webhooks"
ONE = WEBHOOKS + "/{webhookId}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookList:
    """The registrations of an account, oldest first."""

    value: tuple[WebhookInList, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLog:
    """A page of attempts, newest first."""

    value: tuple[LogEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryResent:
    """A delivery that is due again."""

    webhook_id: str
    delivery_id: str
    status: Literal["pending"] = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveriesRecovered:
    """How many failed deliveries are due again."""

    webhook_id: str
    recovered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRotated:
    """The secret that signs from now on, shown only here; the old one also signs for `overlap_hours`."""

    webhook_id: str
    secret: str
    overlap_hours: float


@routes.route("get", WEBHOOKS, "listWebhooks", scope="webhooks")
def list_webhooks(view: AccountView) -> WebhookList:
    """List webhooks with their statistics."""
    return WebhookList(value=tuple(webhook_in_list(webhook) for webhook in view.webhooks.list()))


@routes.route(
    "post",
    WEBHOOKS,
    "createWebhook",
    scope="webhooks",
    status=201,
    example={
        "name": "Production Webhook",
        "url": "https://api.yourapp.com/webhooks/exepron",
        "events": ["project.started", "task.red", "milestone.achieved"],
        "headers": {"X-Custom-Header": "value"},
    },
)
def create(view: AccountView, body: Registration) -> WebhookCreated | WebhookShown:
    """Register a webhook."""
    fields = body.model_dump(exclude={"url"})
    webhook, secret = view.webhooks.add(body.url, **fields)
    return webhook_created(webhook, secret) if body.secret is None else webhook_shown(webhook)


@routes.route("get", ONE, "readWebhook", scope="webhooks")
def read(view: AccountView, webhook_id: str) -> WebhookRead:
    """Read a webhook with the backlog of its deliveries."""
    return webhook_read(view.webhooks.get(webhook_id), view.webhooks.backlog(webhook_id))


@routes.route("put", ONE, "updateWebhook", scope="webhooks", example={"name": "Updated", "events": ["task.red"]})
def update(view: AccountView, webhook_id: str, body: Update) -> WebhookShown:
    """Change the fields that are given, and no others."""
    changes = body.model_dump(exclude_unset=True)
    for name, value in changes.items():
        if value is None and name != "ca_certificates":
            raise InvalidInputError(camel_case(name), "is null; leave out what is to stay")
    return webhook_shown(view.webhooks.update(webhook_id, **changes))


@routes.route("delete", ONE, "deleteWebhook", scope="webhooks", status=204)
def delete(view: AccountView, webhook_id: str) -> None:
    """Delete a webhook; its log can be read until its retention ends."""
    view.webhooks.delete(webhook_id)


@routes.route("patch", ONE + "/pause", "pauseWebhook", scope="webhooks")
def pause(view: AccountView, webhook_id: str) -> WebhookShown:
    """Pause a webhook: its deliveries are held."""
    return webhook_shown(view.webhooks.pause(webhook_id))


@routes.route("patch", ONE + "/resume", "resumeWebhook", scope="webhooks")
def resume(view: AccountView, webhook_id: str) -> WebhookShown:
    """Resume a webhook: its held deliveries are released."""
    return webhook_shown(view.webhooks.resume(webhook_id))


@routes.route("post", ONE + "/test", "testWebhook", scope="webhooks", example={"event": "project.started"})
async def test(view: AccountView, webhook_id: str, body: TestEvent) -> LogEntry:
    """Deliver a test event at once."""
    return log_entry(await view.webhooks.test(webhook_id, body.event, body.data))


@routes.route("get", ONE + "/logs", "listAttempts", scope="webhooks")
def logs(view: AccountView, webhook_id: str, query: LogQuery) -> AttemptLog:
    """List attempts, newest first; `before` takes the id of the last entry of a page for the page behind it."""
    succeeded = None if query.status is None else query.status == "success"
    before = None if query.before is None else _attempt(view, webhook_id, query.before)
    found = view.webhooks.log(
        webhook_id, query.top, skip=query.skip, succeeded=succeeded, event=query.event, before=before
    )
    return AttemptLog(value=tuple(log_entry(attempt) for attempt in found))


def _attempt(view: AccountView, webhook_id: str, log_id: str) -> Attempt:
    key = log_key(log_id)
    found = None if key is None else view.webhooks.attempt(webhook_id, *key)
    if found is None:
        raise InvalidInputError("before", "is the id of no entry of this log")
    return found


@routes.route("post", ONE + "/logs/{logId}/resend", "resendDelivery", scope="webhooks", status=202)
def resend(view: AccountView, webhook_id: str, log_id: str) -> DeliveryResent:
    """Send a finished delivery again."""
    key = log_key(log_id)
    if key is None:
        raise NotFoundError("logId", "is no id of a log entry")
    view.webhooks.resend(webhook_id, key.delivery_id)
    return DeliveryResent(webhook_id=webhook_id, delivery_id=key.delivery_id)


@routes.route(
    "post",
    ONE + "/recover",
    "recoverDeliveries",
    scope="webhooks",
    status=202,
    example={"since": "2025-01-30T14:30:00Z"},
)
def recover(view: AccountView, webhook_id: str, body: Recovery) -> DeliveriesRecovered:
    """Make failed deliveries due again, from an instant on."""
    return DeliveriesRecovered(webhook_id=webhook_id, recovered=view.webhooks.recover(webhook_id, body.since))


@routes.route("post", ONE + "/rotate-secret", "rotateSecret", scope="webhooks", example={"overlapHours": 24})
def rotate(view: AccountView, webhook_id: str, body: Rotation = Rotation()) -> SecretRotated:  # noqa: B008  frozen
    """Rotate the secret; the old one also signs during the overlap."""
    secret = view.webhooks.rotate(webhook_id, secret=body.secret, overlap=timedelta(hours=body.overlap_hours))
    return SecretRotated(webhook_id=webhook_id, secret=secret, overlap_hours=body.overlap_hours)
