"""Webhook registrations, their counters, and the log of their attempts."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, insert, or_, select, tuple_, update

from chainbell.rules import HostId
from chainbell.storage.lists import among
from chainbell.storage.outbox import Attempt
from chainbell.storage.subscriptions import subscribe
from chainbell.storage.tables import AttemptRow, WebhookRow, table

WEBHOOKS, ATTEMPTS = table(WebhookRow), table(AttemptRow)
_ALL = select(WEBHOOKS).order_by(WEBHOOKS.c.created_at, WEBHOOKS.c.id)
_OF_THESE = select(WEBHOOKS).where(among(WEBHOOKS.c.id, "ids"))
_OF_ACCOUNT = _ALL.where(WEBHOOKS.c.account_id == bindparam("account"))


@dataclass(frozen=True, slots=True)
class Webhook:
    """A registration as kept; sealed secrets open with the key ring, and the counters count attempts."""

    id: str
    account_id: HostId
    name: str
    url: str
    events: tuple[str, ...]
    sealed_secret: str = field(repr=False)
    created_at: datetime
    headers: dict[str, str] = field(default_factory=dict)
    body_format: str = "compact"
    is_active: bool = True
    last_triggered: datetime | None = None
    total_calls: int = 0
    successful_calls: int = 0
    failed_calls: int = 0
    sealed_previous_secret: str | None = field(default=None, repr=False)
    previous_until: datetime | None = None
    retry_client_errors: bool = False
    failing_since: datetime | None = None
    deactivation: str | None = None
    ca_certificates: str | None = None


def add_webhook(connection: Connection, webhook: Webhook) -> None:
    """Writes a new registration, its counters at 0; raises IntegrityError if its id is taken."""
    connection.execute(
        insert(WEBHOOKS).values(
            id=webhook.id,
            account_id=webhook.account_id,
            name=webhook.name,
            url=webhook.url,
            events=list(webhook.events),
            secret=webhook.sealed_secret,
            headers=webhook.headers,
            body_format=webhook.body_format,
            is_active=webhook.is_active,
            created_at=webhook.created_at,
            last_triggered=None,
            total_calls=0,
            successful_calls=0,
            failed_calls=0,
            retry_client_errors=webhook.retry_client_errors,
            ca_certificates=webhook.ca_certificates,
        )
    )
    subscribe(connection, webhook.account_id, webhook.id, webhook.events)


def change_webhook(connection: Connection, webhook_id: str, changes: dict[str, Any]) -> bool:
    """Writes these columns of a registration; False if there is none with this id."""
    changed = update(WEBHOOKS).where(WEBHOOKS.c.id == webhook_id).values(changes).returning(WEBHOOKS.c.account_id)
    account: HostId | None = connection.scalar(changed)
    if account is not None and "events" in changes:
        subscribe(connection, account, webhook_id, changes["events"])
    return account is not None


def change_sealed(connection: Connection, webhook: Webhook, columns: dict[str, str]) -> int:
    """Writes secrets that were sealed anew, unless the webhook has other secrets by now; how many rows changed."""
    same = (WEBHOOKS.c.id == webhook.id) & (WEBHOOKS.c.secret == webhook.sealed_secret)
    return connection.execute(update(WEBHOOKS).where(same).values(columns)).rowcount


def delete_webhook(connection: Connection, webhook_id: str) -> bool:
    """Deletes a registration with its deliveries and their attempts; False if there is none with this id."""
    return connection.execute(delete(WEBHOOKS).where(WEBHOOKS.c.id == webhook_id)).rowcount == 1


def webhooks(connection: Connection, account_id: HostId | None = None) -> list[Webhook]:
    """The registrations of one account, or all, oldest first."""
    if account_id is None:
        return [_webhook(row) for row in connection.execute(_ALL)]
    return [_webhook(row) for row in connection.execute(_OF_ACCOUNT, {"account": account_id})]


def sealed_secrets(connection: Connection, most: int) -> list[str]:
    """Up to so many of the sealed secrets that are kept."""
    return list(connection.scalars(select(WEBHOOKS.c.secret).limit(most)))


def find_webhook(connection: Connection, webhook_id: str) -> Webhook | None:
    """The registration with this id, of any account; None if there is none."""
    row = connection.execute(select(WEBHOOKS).where(WEBHOOKS.c.id == webhook_id)).first()
    return None if row is None else _webhook(row)


def find_webhooks(connection: Connection, ids: Collection[str]) -> dict[str, Webhook]:
    """The registrations with these ids, by id; missing ones are left out."""
    rows = connection.execute(_OF_THESE, {"ids": list(ids)}) if ids else ()
    return {row.id: _webhook(row) for row in rows}


def attempt_log(
    connection: Connection,
    webhook_id: str,
    limit: int = 50,
    *,
    skip: int = 0,
    succeeded: bool | None = None,
    event: str | None = None,
    before: Attempt | None = None,
) -> list[Attempt]:
    """Up to `limit` attempts of one webhook, newest first, after the first `skip`; of one result or event if given.

    Those behind the attempt `before` are found by the index, however many come first; `skip` passes over each.
    """
    status = ATTEMPTS.c.http_status
    query = select(ATTEMPTS).where(ATTEMPTS.c.webhook_id == webhook_id)
    if succeeded is not None:
        success = and_(status.is_not(None), status >= 200, status < 300)
        query = query.where(success if succeeded else or_(status.is_(None), status < 200, status >= 300))
    if event is not None:
        query = query.where(ATTEMPTS.c.event == event)
    place = (ATTEMPTS.c.started_at, ATTEMPTS.c.delivery_id, ATTEMPTS.c.number)
    if before is not None:
        behind = tuple_(*place) < tuple_(before.started_at, before.delivery_id, before.number)
        query = query.where(ATTEMPTS.c.started_at <= before.started_at, behind)
    newest = query.order_by(*(column.desc() for column in place))
    return [Attempt(**row) for row in connection.execute(newest.limit(limit).offset(skip)).mappings()]


def _webhook(row: Any) -> Webhook:
    return Webhook(
        id=row.id,
        account_id=row.account_id,
        name=row.name,
        url=row.url,
        events=tuple(row.events),
        sealed_secret=row.secret,
        created_at=row.created_at,
        headers=row.headers,
        body_format=row.body_format,
        is_active=row.is_active,
        last_triggered=row.last_triggered,
        total_calls=row.total_calls,
        successful_calls=row.successful_calls,
        failed_calls=row.failed_calls,
        sealed_previous_secret=row.previous_secret,
        previous_until=row.previous_until,
        retry_client_errors=row.retry_client_errors,
        failing_since=row.failing_since,
        deactivation=row.deactivation,
        ca_certificates=row.ca_certificates,
    )
