"""The first due deliveries in the order of time, and how far back they are looked for.

On PostgreSQL a transaction that somebody leaves open keeps every delivery that is done in the indexes, and each look
from the beginning passes them all. So a dispatcher looks from the oldest delivery that it left behind. From the very
beginning it looks as often as that costs it no more than a fiftieth of its time: that finds what was committed late,
given back, or leased by a dispatcher that has died.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import NamedTuple

from sqlalchemy import Connection, and_, bindparam, or_, select

from chainbell.storage.lists import AtOnce
from chainbell.storage.outbox import DELIVERIES, IS_PENDING, WEBHOOKS

D = DELIVERIES.c
_NOW = bindparam("now", type_=D.next_attempt_at.type)
_SINCE = bindparam("since", type_=D.next_attempt_at.type)
EVER = datetime(1970, 1, 1, tzinfo=UTC)
SHARE = 50
"""A look from the beginning is followed by so many times its length without another."""
LONG_SECONDS = 0.25
"""For how long a queue that is longer than a look is taken to be so still."""
LATE = timedelta(seconds=0.25)
"""How late a delivery may be committed, or claimed by somebody else in vain, and still be found at once."""
_IS_FREE = or_(D.lease_until.is_(None), D.lease_until <= _NOW)
_IS_ACTIVE = select(WEBHOOKS.c.is_active).where(WEBHOOKS.c.id == D.webhook_id).correlate(DELIVERIES).scalar_subquery()
_FIRST = AtOnce(
    select(*(D.id, D.webhook_id, D.is_retry, D.next_attempt_at, and_(_IS_FREE, _IS_ACTIVE).label("is_free")))
    .where(IS_PENDING, D.next_attempt_at >= _SINCE, D.next_attempt_at <= _NOW)
    .order_by(D.next_attempt_at)
    .limit(bindparam("most"))
)


class First(NamedTuple):
    """The first due deliveries that can be claimed: by webhook, first attempts before retries, the oldest first.

    `is_all` says that there are no others behind them; nothing is looked at where the queue was too long just now.
    """

    queues: dict[str, list[str]]
    is_all: bool


class Lookback:
    """How far back one dispatcher looks."""

    def __init__(self) -> None:
        self.since = EVER
        self._whole_at = 0.0
        self._long_until = 0.0

    def first_due(self, connection: Connection, now: datetime, most: int) -> First:
        """Of the first `most` due deliveries, those that are not leased and whose webhook is active."""
        begun = monotonic()
        if begun < self._long_until:
            return First({}, is_all=False)
        is_whole = begun >= self._whole_at
        since = EVER if is_whole else self.since
        rows = _FIRST.rows(connection, {"now": now, "since": since, "most": most})
        if is_whole:
            self._whole_at = monotonic() + SHARE * (monotonic() - begun)
        is_all = len(rows) < most
        self._long_until = 0.0 if is_all else monotonic() + LONG_SECONDS
        self._move(rows, now, is_all=is_all, is_whole=is_whole)
        return First(_queues(rows), is_all)

    def _move(self, rows: Sequence[Sequence[object]], now: datetime, *, is_all: bool, is_whole: bool) -> None:
        free = next((row for row in rows if row[-1]), None)
        if free is not None:
            self.since = min(_instant(free[3]), now - LATE)
        elif is_all:
            self.since = now - LATE
        elif not is_whole:
            self.since = min(_instant(rows[-1][3]), now - LATE)


def _instant(value: object) -> datetime:
    """SQLite says it as text."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value)).replace(tzinfo=UTC)


def _queues(rows: Sequence[Sequence[object]]) -> dict[str, list[str]]:
    queues: dict[str, list[str]] = {}
    for is_retry in (False, True):
        for delivery, webhook, retried, _, is_free in rows:
            if is_free and bool(retried) is is_retry:
                queues.setdefault(str(webhook), []).append(str(delivery))
    return queues
