"""Counts for metrics: exact up to a bound, estimates beyond it, so that nothing is gone through row by row."""

from collections import Counter

from sqlalchemy import ColumnElement, Connection, func, literal_column, select, text

from chainbell.storage.metadata import SCHEMA
from chainbell.storage.outbox import DELIVERIES, IS_LOST, IS_PENDING, WEBHOOKS, DeliveryState

EXACT = 20_000
"""Up to how many rows of a partial index are counted one by one."""
_IS_FINISHED = DELIVERIES.c.finished_at.is_not(None)


def count_by_state(connection: Connection) -> dict[DeliveryState, int]:
    """How many deliveries there are of each state; of a state that has more than `EXACT`, an estimate."""
    lost = select(DELIVERIES.c.state).where(IS_LOST).limit(EXACT).subquery()
    by_state = connection.execute(select(lost.c.state, func.count()).group_by(lost.c.state))
    counts = Counter({DeliveryState(state): count for state, count in by_state})
    lost_in_all, pending = counts.total(), _count(connection, IS_PENDING, "next_attempt_at")
    finished = _count(connection, _IS_FINISHED, "finished_at")
    if finished > EXACT and connection.dialect.name == "sqlite":  # all that there are
        finished -= pending
    counts |= {DeliveryState.PENDING: pending, DeliveryState.DELIVERED: max(0, finished - lost_in_all)}
    return {state: counts[state] for state in DeliveryState}


def _count(connection: Connection, condition: ColumnElement[bool], column: str) -> int:
    """How many rows the partial index over this one column has."""
    if connection.dialect.name == "sqlite" and column == "next_attempt_at":
        return connection.execute(select(func.count()).select_from(DELIVERIES).where(condition)).scalar_one()
    some = select(literal_column("1")).select_from(DELIVERIES).where(condition).limit(EXACT).subquery()
    count = connection.execute(select(func.count()).select_from(some)).scalar_one()
    return count if count < EXACT else max(count, _estimate(connection, column))


def _estimate(connection: Connection, column: str) -> int:
    """PostgreSQL keeps an estimate for each index. SQLite keeps none, but numbers its rows as they are written."""
    if connection.dialect.name == "sqlite":
        first, last = (
            select(one(literal_column("rowid"))).select_from(DELIVERIES).scalar_subquery()
            for one in (func.min, func.max)
        )
        return int(connection.execute(select(last - first + 1)).scalar_one())
    name = next(str(one.name) for one in DELIVERIES.indexes if one.columns.keys() == [column])
    known = text("SELECT reltuples FROM pg_class WHERE oid = to_regclass(:name)")
    qualified = f'"{name}"' if SCHEMA is None else f'"{SCHEMA}"."{name}"'
    return int(connection.execute(known, {"name": qualified}).scalar() or 0)


def count_webhooks(connection: Connection) -> dict[str, int]:
    """How many registrations are `active`, `failing` (active, but nothing succeeds any more), and `inactive`."""
    is_failing = WEBHOOKS.c.failing_since.is_not(None)
    query = select(WEBHOOKS.c.is_active, is_failing, func.count()).where(WEBHOOKS.c.deleted_at.is_(None))
    query = query.group_by(WEBHOOKS.c.is_active, is_failing)
    counts = {"active": 0, "failing": 0, "inactive": 0}
    for is_active, failing, count in connection.execute(query):
        counts["inactive" if not is_active else "failing" if failing else "active"] += count
    return counts
