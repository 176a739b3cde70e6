"""The outbox: deliveries written with the events that they carry, claimed by lease, settled with their attempts.

A delivery is claimed by its state and lease, never by tailing ids; each claim raises its fence, and only the holder of
the current fence settles it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, func, insert, or_, select, update

from chainbell.storage.tables import AttemptRow, DeliveryRow, WebhookRow, table

DELIVERIES, ATTEMPTS, WEBHOOKS = table(DeliveryRow), table(AttemptRow), table(WebhookRow)

PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A message for one webhook: `id` travels as `webhookId`, `body` is what will be sent, its retry count 0."""

    id: str
    webhook_id: str
    event_id: str | None
    event: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery leased to us: `fence` proves it, `attempts` counts those recorded so far."""

    id: str
    webhook_id: str
    event: str
    body: bytes
    attempts: int
    fence: int
    tried_before: int = 0

    @property
    def attempt(self) -> int:
        """The number of the attempt to be made within the present series of tries, from 1."""
        return self.attempts - self.tried_before + 1


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one attempt came to: its log row, the delivery's next state, and when it is due again if it is pending."""

    claim: Claim
    state: str
    started_at: datetime
    duration_ms: int
    outcome: str
    http_status: int | None = None
    error: str | None = None
    response: str | None = None
    next_attempt_at: datetime | None = None
    deactivate_webhook: bool = False
    deactivation: str | None = None


def enqueue(connection: Connection, deliveries: Sequence[NewDelivery], now: datetime) -> None:
    if not deliveries:
        return
    rows = [
        {
            "id": delivery.id,
            "webhook_id": delivery.webhook_id,
            "event_id": delivery.event_id,
            "event": delivery.event,
            "body": delivery.body,
            "state": PENDING,
            "attempts": 0,
            "next_attempt_at": now,
            "lease_until": None,
            "fence": 0,
            "created_at": now,
            "finished_at": None,
            "tried_before": 0,
        }
        for delivery in deliveries
    ]
    connection.execute(insert(DELIVERIES), rows)


def claim(
    connection: Connection,
    now: datetime,
    lease_until: datetime,
    limit: int,
    *,
    busy: Mapping[str, int] = MappingProxyType({}),
    per_webhook: int | None = None,
) -> list[Claim]:
    """Leases up to `limit` due deliveries of active webhooks, first attempts before retries, oldest first.

    With `per_webhook` no webhook gets more than so many less those that it is `busy` with, and the webhooks take turns:
    what one endpoint has queued does not stand before what another has.
    """
    ids = _due(connection, now, limit) if per_webhook is None else _fair(connection, now, limit, busy, per_webhook)
    if not ids:
        return []
    leased = (
        update(DELIVERIES)
        .where(DELIVERIES.c.id.in_(ids))
        .values(lease_until=lease_until, fence=DELIVERIES.c.fence + 1)
        .returning(*(DELIVERIES.c[name] for name in Claim.__slots__))
    )
    claims = {row.id: Claim(*row) for row in connection.execute(leased)}
    return [claims[delivery_id] for delivery_id in ids]


def _fair(connection: Connection, now: datetime, limit: int, busy: Mapping[str, int], per_webhook: int) -> list[str]:
    """A share of the limit for each webhook that has anything due; what one does not use goes to the others."""
    anything_due = exists().where(
        DELIVERIES.c.webhook_id == WEBHOOKS.c.id, DELIVERIES.c.state == PENDING, DELIVERIES.c.next_attempt_at <= now
    )
    waiting = select(WEBHOOKS.c.id).where(WEBHOOKS.c.is_active, anything_due).order_by(WEBHOOKS.c.id)
    room = {webhook: per_webhook - busy.get(webhook, 0) for webhook in connection.scalars(waiting)}
    ids: list[str] = []
    while len(ids) < limit and (room := {webhook: free for webhook, free in room.items() if free > 0}):
        share = max(1, (limit - len(ids)) // len(room))
        for webhook, free in list(room.items()):
            wanted = min(share, free, limit - len(ids))
            found = _due(connection, now, wanted, webhook, besides=ids) if wanted else []
            ids += found
            room[webhook] = free - len(found) if len(found) == share else 0  # who took less has no more, or no room
    return ids


def _due(
    connection: Connection, now: datetime, limit: int, webhook_id: str | None = None, besides: Sequence[str] = ()
) -> list[str]:
    """The ids of what is due and leased to nobody, first attempts before retries, oldest first."""
    due = select(DELIVERIES.c.id).where(
        DELIVERIES.c.state == PENDING,
        DELIVERIES.c.next_attempt_at <= now,
        or_(DELIVERIES.c.lease_until.is_(None), DELIVERIES.c.lease_until <= now),
    )
    if webhook_id is None:
        due = due.join(WEBHOOKS, WEBHOOKS.c.id == DELIVERIES.c.webhook_id).where(WEBHOOKS.c.is_active)
    else:
        due = due.where(DELIVERIES.c.webhook_id == webhook_id)
    if besides:
        due = due.where(DELIVERIES.c.id.not_in(besides))
    if connection.dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True, of=DELIVERIES)
    due = due.order_by(DELIVERIES.c.next_attempt_at, DELIVERIES.c.id)
    ids = list(connection.scalars(due.where(DELIVERIES.c.attempts == DELIVERIES.c.tried_before).limit(limit)))
    if len(ids) < limit:
        retries = due.where(DELIVERIES.c.attempts > DELIVERIES.c.tried_before)
        ids += connection.scalars(retries.limit(limit - len(ids)))
    return ids


def claim_one(connection: Connection, delivery_id: str, now: datetime, lease_until: datetime) -> Claim | None:
    """Leases one pending delivery, of a paused webhook too; None if it is not pending or leased to somebody."""
    free = or_(DELIVERIES.c.lease_until.is_(None), DELIVERIES.c.lease_until <= now)
    leased = (
        update(DELIVERIES)
        .where(DELIVERIES.c.id == delivery_id, DELIVERIES.c.state == PENDING, free)
        .values(lease_until=lease_until, fence=DELIVERIES.c.fence + 1)
        .returning(*(DELIVERIES.c[name] for name in Claim.__slots__))
    )
    row = connection.execute(leased).first()
    return None if row is None else Claim(*row)


def settle(connection: Connection, settlement: Settlement) -> bool:
    """Records one attempt; see `settle_all`."""
    return settle_all(connection, [settlement])[0]


def settle_all(connection: Connection, settlements: Sequence[Settlement]) -> list[bool]:
    """Records attempts, their deliveries' next states and the webhooks' counters together, a statement a table.

    Of each, whether it was recorded: not if the lease has passed to somebody else.
    """
    held = _HELD if connection.dialect.name == "sqlite" else _HELD.with_for_update(of=DELIVERIES)
    fences = {row.id: row.fence for row in connection.execute(held, {"ids": [s.claim.id for s in settlements]})}
    ours = [settlement for settlement in settlements if fences.get(settlement.claim.id) == settlement.claim.fence]
    if ours:
        connection.execute(_SETTLE, [_next_state(settlement) for settlement in ours])
        connection.execute(_LOG, [_log_row(settlement) for settlement in ours])
        for webhook_id in sorted({settlement.claim.webhook_id for settlement in ours}):  # one order: no deadlock
            _count(connection, webhook_id, [s for s in ours if s.claim.webhook_id == webhook_id])
    recorded = {settlement.claim.id for settlement in ours}
    return [settlement.claim.id in recorded for settlement in settlements]


_HELD = select(DELIVERIES.c.id, DELIVERIES.c.fence).where(
    DELIVERIES.c.id.in_(bindparam("ids", expanding=True)), DELIVERIES.c.state == PENDING
)
_SETTLE = (
    update(DELIVERIES)
    .where(DELIVERIES.c.id == bindparam("of"))
    .values({name: bindparam(f"new_{name}", type_=DELIVERIES.c[name].type) for name in (
        "state", "attempts", "lease_until", "finished_at", "next_attempt_at"
    )})
)  # fmt: skip
_LOG = insert(ATTEMPTS)


def _next_state(settlement: Settlement) -> dict[str, Any]:
    return {
        "of": settlement.claim.id,
        "new_state": settlement.state,
        "new_attempts": settlement.claim.attempts + 1,
        "new_lease_until": None,
        "new_finished_at": None if settlement.state == PENDING else settlement.started_at,
        "new_next_attempt_at": settlement.next_attempt_at or settlement.started_at,
    }


def _log_row(settlement: Settlement) -> dict[str, Any]:
    return {
        "delivery_id": settlement.claim.id,
        "number": settlement.claim.attempts + 1,
        "webhook_id": settlement.claim.webhook_id,
        "event": settlement.claim.event,
        "started_at": settlement.started_at,
        "duration_ms": settlement.duration_ms,
        "outcome": settlement.outcome,
        "http_status": settlement.http_status,
        "error": settlement.error,
        "response": settlement.response,
    }


def _count(connection: Connection, webhook_id: str, settled: Sequence[Settlement]) -> None:
    """Adds to a webhook's counters; it is failing since the first failure after its last success."""
    succeeded = [number for number, settlement in enumerate(settled) if settlement.state == DELIVERED]
    since_last = settled[succeeded[-1] + 1 :] if succeeded else settled
    failing_since: Any = since_last[0].started_at if since_last else None
    if not succeeded:
        failing_since = func.coalesce(WEBHOOKS.c.failing_since, failing_since)
    counters: dict[str, Any] = {
        "total_calls": WEBHOOKS.c.total_calls + len(settled),
        "successful_calls": WEBHOOKS.c.successful_calls + len(succeeded),
        "failed_calls": WEBHOOKS.c.failed_calls + len(settled) - len(succeeded),
        "last_triggered": max(settlement.started_at for settlement in settled),
        "failing_since": failing_since,
    }
    gone = next((settlement for settlement in settled if settlement.deactivate_webhook), None)
    if gone is not None:
        counters |= {"is_active": False, "deactivation": gone.deactivation}
    connection.execute(update(WEBHOOKS).where(WEBHOOKS.c.id == webhook_id).values(counters))


def deactivate_failing(connection: Connection, webhook_id: str, since: datetime, reason: str) -> bool:
    """Switches a webhook off if it has failed everything from `since` on or longer; True if this call did it."""
    failing = and_(
        WEBHOOKS.c.id == webhook_id,
        WEBHOOKS.c.is_active,
        WEBHOOKS.c.failing_since.is_not(None),
        WEBHOOKS.c.failing_since <= since,
    )
    query = update(WEBHOOKS).where(failing).values(is_active=False, deactivation=reason)
    return connection.execute(query).rowcount == 1


def send_again(connection: Connection, webhook_id: str, delivery_id: str, now: datetime) -> bool:
    """Makes a finished delivery due now, with a new series of tries; False if it is not there or still pending."""
    same = and_(DELIVERIES.c.id == delivery_id, DELIVERIES.c.webhook_id == webhook_id, DELIVERIES.c.state != PENDING)
    return connection.execute(update(DELIVERIES).where(same).values(_again(now))).rowcount == 1


def recover(connection: Connection, webhook_id: str, since: datetime, now: datetime, limit: int) -> int:
    """Makes at most `limit` failed deliveries of a webhook due now, of those made at `since` or later; how many."""
    failed = (
        select(DELIVERIES.c.id)
        .where(DELIVERIES.c.webhook_id == webhook_id, DELIVERIES.c.state == FAILED, DELIVERIES.c.created_at >= since)
        .order_by(DELIVERIES.c.created_at, DELIVERIES.c.id)
        .limit(limit)
    )
    ids = connection.scalars(failed).all()
    if ids:
        connection.execute(update(DELIVERIES).where(DELIVERIES.c.id.in_(ids)).values(_again(now)))
    return len(ids)


def _again(now: datetime) -> dict[str, Any]:
    return {
        "state": PENDING,
        "next_attempt_at": now,
        "lease_until": None,
        "finished_at": None,
        "tried_before": DELIVERIES.c.attempts,
    }


def oldest_due(connection: Connection, now: datetime) -> datetime | None:
    """Since when the longest waiting delivery of an active webhook has been due; None if nothing is."""
    due = DELIVERIES.c.next_attempt_at
    query = (
        select(func.min(due, type_=due.type))
        .join(WEBHOOKS, WEBHOOKS.c.id == DELIVERIES.c.webhook_id)
        .where(WEBHOOKS.c.is_active, DELIVERIES.c.state == PENDING, due <= now)
    )
    oldest: datetime | None = connection.scalar(query)
    return oldest


def has_leases(connection: Connection, now: datetime) -> bool:
    """Whether a dispatcher holds a lease that lasts on a pending delivery of an active webhook."""
    leased = (
        select(DELIVERIES.c.id)
        .join(WEBHOOKS, WEBHOOKS.c.id == DELIVERIES.c.webhook_id)
        .where(WEBHOOKS.c.is_active, DELIVERIES.c.state == PENDING, DELIVERIES.c.lease_until > now)
    )
    return connection.execute(leased.limit(1)).first() is not None


def next_due(connection: Connection) -> datetime | None:
    """When the next pending delivery of an active webhook is due, or its lease runs out; None if there is none."""
    when = func.coalesce(
        DELIVERIES.c.lease_until, DELIVERIES.c.next_attempt_at, type_=DELIVERIES.c.next_attempt_at.type
    )
    query = (
        select(func.min(when, type_=DELIVERIES.c.next_attempt_at.type))
        .join(WEBHOOKS, WEBHOOKS.c.id == DELIVERIES.c.webhook_id)
        .where(WEBHOOKS.c.is_active, DELIVERIES.c.state == PENDING)
    )
    return connection.scalar(query)


def count_by_state(connection: Connection) -> dict[str, int]:
    """How many deliveries there are of each state."""
    rows = connection.execute(select(DELIVERIES.c.state, func.count()).group_by(DELIVERIES.c.state))
    return {row.state: row[1] for row in rows}
