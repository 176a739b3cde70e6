"""When the next delivery is due, and since when the oldest one has been.

The first rows of the index of what is pending, in the order of time, nearly always say so. Where all of them are held
by paused webhooks, the fronts of all queues are looked at instead, one by one.
"""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, bindparam, case, func, select

from chainbell.storage import fanouts
from chainbell.storage.lookback import EVER
from chainbell.storage.outbox import DELIVERIES, IS_PENDING, WEBHOOKS
from chainbell.storage.turns import fronts

D = DELIVERIES.c
_INSTANT = D.next_attempt_at.type
_NOW = bindparam("now", type_=_INSTANT)
FIRST = 500
"""How many rows are looked at in the order of time."""


class _Looked(NamedTuple):
    """What the first rows say of those whose webhook is active, None where there are none; how many there are."""

    due: datetime | None
    free: datetime | None
    rows: int

    @property
    def is_sure(self) -> bool:
        """Whether rows that were not looked at say nothing else."""
        return self.due is not None or self.rows < FIRST


def _looking(condition: ColumnElement[bool]) -> Select[Any]:
    is_active = select(WEBHOOKS.c.is_active).where(WEBHOOKS.c.id == D.webhook_id).correlate(DELIVERIES)
    rows = select(D.next_attempt_at, D.lease_until, is_active.scalar_subquery().label("is_active"))
    first = rows.where(IS_PENDING, condition).order_by(D.next_attempt_at).limit(FIRST).subquery()
    due, lease = (case((first.c.is_active, one)) for one in (first.c.next_attempt_at, first.c.lease_until))
    return select(
        func.min(due, type_=_INSTANT),
        func.min(func.coalesce(lease, due), type_=_INSTANT),
        func.count(),
    ).select_from(first)


_SINCE = bindparam("since", type_=_INSTANT)
_DUE, _LATER = _looking(D.next_attempt_at.between(_SINCE, _NOW)), _looking(D.next_attempt_at > _NOW)


def _look(connection: Connection, query: Select[Any], now: datetime, since: datetime = EVER) -> _Looked:
    return _Looked(*connection.execute(query, {"now": now, "since": since}).one())


def _earliest(*instants: datetime | None) -> datetime | None:
    return min((instant for instant in instants if instant is not None), default=None)


def oldest_due(connection: Connection, now: datetime, *, counts_fanouts: bool = True) -> datetime | None:
    """Since when the longest-waiting delivery of an active webhook has been due; None if none is due.

    What is leased counts, and so, with `counts_fanouts`, does a fan-out that is not written out yet.
    """
    looked = _look(connection, _DUE, now)
    due = looked.due if looked.is_sure else _earliest(*(front.due for front in fronts(connection) if front.due <= now))
    return _earliest(due, fanouts.oldest(connection) if counts_fanouts else None)


def has_leases(connection: Connection, now: datetime) -> bool:
    """Whether the first delivery of any queue is under a lease that has not ended: a dispatcher works on it."""
    return any(front.lease_until is not None and front.lease_until > now for front in fronts(connection))


def next_due(
    connection: Connection, now: datetime, since: datetime = EVER, *, counts_fanouts: bool = True
) -> datetime | None:
    """When the next pending delivery of an active webhook is due, or its lease ends; None if there is none.

    With `counts_fanouts`, a fan-out that is not written out yet is due since it was promised.

    What has been due since before `since` is left aside: a dispatcher looks for it now and then (`lookback.py`).
    """
    promised = fanouts.oldest(connection) if counts_fanouts else None
    due, later = _look(connection, _DUE, now, since), _look(connection, _LATER, now)
    if due.is_sure and later.is_sure:
        return _earliest(due.free, later.due, promised)
    free = (front.lease_until or front.due for front in fronts(connection))
    return _earliest(*free, promised)
