"""Sending again: finished deliveries are made due again, and deliveries held for too long expire."""

from collections import Counter
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select, update

from chainbell.storage.notifications import notify
from chainbell.storage.outbox import DELIVERIES, IS_LOST, IS_PENDING, WEBHOOKS, DeliveryState

D = DELIVERIES.c


def send_again(connection: Connection, webhook_id: str, delivery_id: str, now: datetime) -> bool:
    """Makes a finished delivery due now, with a new series of tries; False if it is not there or still pending."""
    same = and_(D.id == delivery_id, D.webhook_id == webhook_id, D.state != DeliveryState.PENDING.value)
    is_there = connection.execute(update(DELIVERIES).where(same).values(_again(now))).rowcount == 1
    notify(connection)
    return is_there


def recover(connection: Connection, webhook_id: str, since: datetime, now: datetime, limit: int) -> int:
    """Makes up to `limit` failed or expired deliveries created at `since` or later due now; returns how many.

    Test events are left aside: they are sent once.
    """
    lost = (
        select(D.id)
        .where(D.webhook_id == webhook_id, IS_LOST, D.created_at >= since, D.event_id.is_not(None))
        .order_by(D.created_at, D.id)
        .limit(limit)
    )
    ids = connection.scalars(lost).all()
    if ids:
        connection.execute(update(DELIVERIES).where(D.id.in_(ids)).values(_again(now)))
        notify(connection)
    return len(ids)


def _again(now: datetime) -> dict[str, Any]:
    return {
        "state": DeliveryState.PENDING.value,
        "next_attempt_at": now,
        "lease_until": None,
        "finished_at": None,
        "tried_before": D.attempts,
        "is_retry": False,
    }


class Held(NamedTuple):
    """What one transaction has expired, by webhook, and behind which delivery the next goes on; None at the end."""

    expired: dict[str, int]
    last: tuple[datetime, str] | None


def expire_held(
    connection: Connection, before: datetime, now: datetime, after: tuple[datetime, str] | None, limit: int
) -> Held:
    """Expires, of up to `limit` deliveries that have been due since before `before`, those of inactive webhooks.

    They can be recovered for as long as they are kept.
    """
    is_active = select(WEBHOOKS.c.is_active).where(WEBHOOKS.c.id == D.webhook_id).correlate(DELIVERIES)
    old = select(D.id, D.webhook_id, D.next_attempt_at, is_active.scalar_subquery().label("is_active"))
    old = old.where(IS_PENDING, D.next_attempt_at < before)
    if after is not None:
        since, last_id = after
        old = old.where(D.next_attempt_at >= since, or_(D.next_attempt_at > since, D.id > last_id))
    rows = connection.execute(old.order_by(D.next_attempt_at, D.id).limit(limit)).all()
    held = [row for row in rows if not row.is_active]
    if held:
        gone = update(DELIVERIES).where(D.id.in_([row.id for row in held]), IS_PENDING)
        connection.execute(gone.values(state=DeliveryState.EXPIRED.value, finished_at=now, lease_until=None))
    last = (rows[-1].next_attempt_at, rows[-1].id) if len(rows) == limit else None
    return Held(Counter(row.webhook_id for row in held), last)


def expire_of_deleted(connection: Connection, now: datetime, limit: int) -> int:
    """Expires up to `limit` pending deliveries of deleted webhooks, except those under way; returns how many."""
    deleted = select(WEBHOOKS.c.id).where(WEBHOOKS.c.deleted_at.is_not(None))
    waiting = select(D.id).where(D.webhook_id.in_(deleted), IS_PENDING, _is_free(now))
    return _expire(connection, waiting, now, limit)


def expire_of(connection: Connection, webhook_id: str, now: datetime, limit: int) -> int:
    """Expires up to `limit` pending deliveries of one webhook, except those under way; returns how many."""
    waiting = select(D.id).where(D.webhook_id == webhook_id, IS_PENDING, _is_free(now))
    return _expire(connection, waiting, now, limit)


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(D.lease_until.is_(None), D.lease_until <= now)


def _expire(connection: Connection, query: Select[tuple[str]], now: datetime, limit: int) -> int:
    """Expires up to `limit` of the deliveries that the query finds; returns how many."""
    found = connection.scalars(query.limit(limit)).all()
    if found:
        gone = update(DELIVERIES).where(D.id.in_(found), IS_PENDING)
        connection.execute(gone.values(state=DeliveryState.EXPIRED.value, finished_at=now, lease_until=None))
    return len(found)
