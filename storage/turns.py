"""Whose turn it is: the webhooks that have something pending, in the order of their ids, and round again.

They are found by skipping from one to the next through the index of what is pending, so neither many registrations
nor a long queue of one of them cost anything. A claim looks at as many of them as it needs, and the next one goes on
behind the last that was served.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from secrets import token_hex
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    exists,
    literal,
    or_,
    select,
)

from chainbell.storage.lists import AtOnce
from chainbell.storage.lookback import EVER, Lookback
from chainbell.storage.outbox import DELIVERIES, IS_PENDING, WEBHOOKS

D = DELIVERIES.c
_NOW = bindparam("now", type_=D.next_attempt_at.type)
_SINCE = bindparam("since", type_=D.next_attempt_at.type)


def _next(after: ColumnElement[str]) -> Select[Any]:
    """The first webhook behind this one that has anything pending: one look into the index."""
    pending = (IS_PENDING, D.webhook_id > after, D.next_attempt_at >= _SINCE)
    return select(D.webhook_id).where(*pending).order_by(D.webhook_id).limit(1)


def _walk() -> CTE:
    """From one webhook with anything pending to the next, behind the id `after`, `most` steps at most."""
    first = select(_next(bindparam("after")).scalar_subquery().label("webhook"), literal(1).label("step"))
    walk = first.cte("walk", recursive=True)
    behind = _next(walk.c.webhook).correlate(walk).scalar_subquery()
    step = select(behind, walk.c.step + 1).where(walk.c.webhook.is_not(None), walk.c.step < bindparam("most"))
    return walk.union_all(step)


_WALK = _walk()
_IS_ACTIVE = select(WEBHOOKS.c.is_active).where(WEBHOOKS.c.id == _WALK.c.webhook).correlate(_WALK).scalar_subquery()


def _has_due(is_retry: bool) -> Any:
    queue = (D.webhook_id == _WALK.c.webhook, D.is_retry.is_(is_retry), IS_PENDING)
    return exists(select(D.id).where(*queue, D.next_attempt_at.between(_SINCE, _NOW)).correlate(_WALK))


_IS_DUE = and_(_IS_ACTIVE, or_(_has_due(False), _has_due(True)))
_DUE = AtOnce(select(*(_WALK.c.webhook, _IS_DUE)).where(_WALK.c.webhook.is_not(None)))


class Front(NamedTuple):
    """When the first delivery of a queue is due, and until when it is leased."""

    due: datetime
    lease_until: datetime | None


def _front(column: ColumnElement[Any], is_retry: bool) -> ScalarSelect[Any]:
    """A column of the first delivery in a queue: the one of first attempts or the one of retries."""
    queue = (D.webhook_id == _WALK.c.webhook, D.is_retry.is_(is_retry), IS_PENDING)
    return select(column).where(*queue).order_by(D.next_attempt_at).limit(1).correlate(_WALK).scalar_subquery()


_FRONTS = select(
    *(_front(column, is_retry) for is_retry in (False, True) for column in (D.next_attempt_at, D.lease_until))
).where(_WALK.c.webhook.is_not(None), _IS_ACTIVE)
EVERY = 2**31 - 1


def fronts(connection: Connection) -> Iterator[Front]:
    """The fronts of all queues of active webhooks; each has two, of first attempts and of retries."""
    for due, lease, retry_due, retry_lease in connection.execute(_FRONTS, {"after": "", "most": EVERY, "since": EVER}):
        if due is not None:
            yield Front(due, lease)
        if retry_due is not None:
            yield Front(retry_due, retry_lease)


class Turns:
    """Goes round the webhooks; begins at a random one, so that several dispatchers do not follow each other."""

    def __init__(self) -> None:
        self.lookback = Lookback()
        self._after = f"wh_{token_hex(8)}"

    def in_order(self, webhooks: Iterable[str], held: Mapping[str, int]) -> list[str]:
        """Those with the fewest deliveries held come first; among equals, those behind the last one served."""
        return sorted(webhooks, key=lambda webhook: (held.get(webhook, 0), webhook <= self._after, webhook))

    def groups(self, connection: Connection, now: datetime, size: int) -> Iterator[list[str]]:
        """Active webhooks with something due, at least `size` together, until each has been in one group."""
        seen: set[str] = set()
        waiting: list[str] = []
        after, came_round = self._after, False
        while True:
            values = {"after": after, "now": now, "since": self.lookback.since, "most": size}
            found = _DUE.rows(connection, values)
            new = [(webhook, is_due) for webhook, is_due in found if webhook not in seen]
            seen.update(webhook for webhook, _ in new)
            waiting += [webhook for webhook, is_due in new if is_due]
            is_last = len(found) < size
            is_done = len(new) < len(found) or (is_last and came_round)
            if waiting and (is_done or len(waiting) >= size):
                yield waiting
                waiting = []
            if is_done:
                return
            after, came_round = ("", True) if is_last else (found[-1][0], came_round)

    def pass_on(self, group: Sequence[str], served: Collection[str]) -> None:
        """The next claim begins behind the last one of a group that was served."""
        self._after = next((webhook for webhook in reversed(group) if webhook in served), self._after)
