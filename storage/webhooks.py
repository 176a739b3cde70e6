"""Webhook registrations, their counters, and the log of their attempts."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, insert, null, or_, select, tuple_, update

from chainbell.rules import HostId
from chainbell.storage.lists import among
from chainbell.storage.outbox import Attempt
from chainbell.storage.subscriptions import subscribe
from chainbell.storage.tables import AttemptRow, DeliveryRow, WebhookRow, table

WEBHOOKS, ATTEMPTS, DELIVERIES = table(WebhookRow), table(AttemptRow), table(DeliveryRow)
MASK = "•" * 8
"""What is shown in place of a header's value. It is no value itself, since values are ASCII."""
_IS_THERE = WEBHOOKS.c.deleted_at.is_(None)
_ALL = select(WEBHOOKS).where(_IS_THERE).order_by(WEBHOOKS.c.created_at, WEBHOOKS.c.id)
_OF_THESE = select(WEBHOOKS).where(among(WEBHOOKS.c.id, "ids"), _IS_THERE)
_OF_ACCOUNT = _ALL.where(WEBHOOKS.c.account_id == bindparam("account"))


@dataclass(frozen=True, slots=True)
class Webhook:
    """A registration as kept; sealed secrets open with the key ring, and the counters count attempts.

    The values of its headers are sealed too, except `open_headers`, from before they were.
    """

    id: str
    account_id: HostId
    name: str
    url: str
    events: tuple[str, ...]
    sealed_secret: str = field(repr=False)
    created_at: datetime
    sealed_headers: dict[str, str] = field(default_factory=dict, repr=False)
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
    open_headers: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The names of the custom headers, each with the mask in place of its value."""
        return dict.fromkeys((*self.open_headers, *self.sealed_headers), MASK)


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
            headers={},
            sealed_headers=webhook.sealed_headers,
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
    if "events" in changes:
        changes = {**changes, "events": list(changes["events"])}
    changed = update(WEBHOOKS).where(WEBHOOKS.c.id == webhook_id).values(changes).returning(WEBHOOKS.c.account_id)
    account: HostId | None = connection.scalar(changed)
    if account is not None and "events" in changes:
        subscribe(connection, account, webhook_id, changes["events"])
    return account is not None


def delete_webhook(connection: Connection, webhook_id: str, now: datetime) -> None:
    """Marks a registration as deleted: nothing finds it any more but its log, and its secrets are gone.

    Its deliveries stay for the log, until `purge` finds none left.
    """
    gone = {"deleted_at": now, "is_active": False, "secret": "", "headers": {}, "sealed_headers": {}}
    gone |= {"previous_secret": None, "previous_until": None, "ca_certificates": None}
    changed = update(WEBHOOKS).where(WEBHOOKS.c.id == webhook_id).values(gone).returning(WEBHOOKS.c.account_id)
    account: HostId | None = connection.scalar(changed)
    if account is not None:
        subscribe(connection, account, webhook_id, ())


def purge(connection: Connection, before: datetime, limit: int) -> int:
    """Deletes up to `limit` registrations that were deleted earlier than `before` and have no log left; how many."""
    has_log = exists().where(ATTEMPTS.c.webhook_id == WEBHOOKS.c.id)
    has_deliveries = exists().where(DELIVERIES.c.webhook_id == WEBHOOKS.c.id)
    ids = connection.scalars(
        select(WEBHOOKS.c.id).where(WEBHOOKS.c.deleted_at < before, ~has_log, ~has_deliveries).limit(limit)
    ).all()
    if ids:
        connection.execute(delete(WEBHOOKS).where(WEBHOOKS.c.id.in_(ids)))
    return len(ids)


def failing_webhooks(connection: Connection, limit: int) -> list[Webhook]:
    """The registrations, of all accounts, whose last success is the longest ago among those that fail."""
    failing = select(WEBHOOKS).where(WEBHOOKS.c.failing_since.is_not(None), _IS_THERE)
    rows = connection.execute(failing.order_by(WEBHOOKS.c.failing_since, WEBHOOKS.c.id).limit(limit))
    return [_webhook(row) for row in rows]


def webhooks(connection: Connection, account_id: HostId | None = None) -> list[Webhook]:
    """The registrations of one account, or all, oldest first."""
    if account_id is None:
        return [_webhook(row) for row in connection.execute(_ALL)]
    return [_webhook(row) for row in connection.execute(_OF_ACCOUNT, {"account": account_id})]


def sealed_secrets(connection: Connection, most: int) -> list[str]:
    """Up to so many of the sealed secrets that are kept."""
    return list(connection.scalars(select(WEBHOOKS.c.secret).where(_IS_THERE).limit(most)))


def with_open_headers(connection: Connection, limit: int) -> list[Webhook]:
    """Up to so many of the registrations whose header values are not sealed; locks them."""
    query = select(WEBHOOKS).where(WEBHOOKS.c.sealed_headers.is_(null())).limit(limit).with_for_update()
    return [_webhook(row) for row in connection.execute(query)]


def has_open_headers(connection: Connection) -> bool:
    """Whether the header values of some registration are not sealed."""
    query = select(WEBHOOKS.c.id).where(WEBHOOKS.c.sealed_headers.is_(null())).limit(1)
    return connection.execute(query).first() is not None


def find_webhook(connection: Connection, webhook_id: str, *, lock: bool = False) -> Webhook | None:
    """The registration with this id, of any account; None if there is none. It stays as it is where it is locked."""
    query = select(WEBHOOKS).where(WEBHOOKS.c.id == webhook_id, _IS_THERE)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else _webhook(row)


def account_of(connection: Connection, webhook_id: str) -> HostId | None:
    """Whose registration this is or, until its log is gone, was; None if there is none with this id."""
    found: HostId | None = connection.scalar(select(WEBHOOKS.c.account_id).where(WEBHOOKS.c.id == webhook_id))
    return found


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


def find_attempt(connection: Connection, webhook_id: str, delivery_id: str, number: int) -> Attempt | None:
    """One attempt of one webhook; None if there is none."""
    key = (ATTEMPTS.c.delivery_id == delivery_id, ATTEMPTS.c.number == number)
    row = connection.execute(select(ATTEMPTS).where(*key, ATTEMPTS.c.webhook_id == webhook_id)).mappings().first()
    return None if row is None else Attempt(**row)


def _webhook(row: Any) -> Webhook:
    return Webhook(
        id=row.id,
        account_id=row.account_id,
        name=row.name,
        url=row.url,
        events=tuple(row.events),
        sealed_secret=row.secret,
        created_at=row.created_at,
        sealed_headers=row.sealed_headers or {},
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
        open_headers=row.headers if row.sealed_headers is None else {},
    )
