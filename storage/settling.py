"""Settling: an attempt's log row, its delivery's next state and its webhook's counters change together.

Only the holder of the current fence settles. Many attempts are recorded by one statement a table: PostgreSQL takes the
rows as arrays, SQLite one by one within its process.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Table,
    and_,
    bindparam,
    case,
    column,
    func,
    insert,
    select,
    update,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import ARRAY

from chainbell.storage.outbox import DELIVERED, DELIVERIES, IS_PENDING, PENDING, WEBHOOKS, Settlement
from chainbell.storage.tables import AttemptRow, table

ATTEMPTS = table(AttemptRow)
D = DELIVERIES.c
_NEXT_STATE = ("state", "attempts", "next_attempt_at", "finished_at", "is_retry")
_LOG = tuple(one.name for one in ATTEMPTS.columns)


def settle(connection: Connection, settlement: Settlement) -> bool:
    """Records one attempt; see `settle_all`."""
    return settle_all(connection, [settlement])[0]


def settle_all(connection: Connection, settlements: Sequence[Settlement]) -> list[bool]:
    """Records attempts, their deliveries' next states and the webhooks' counters together.

    Of each, whether it was recorded: not if the lease has passed to somebody else.
    """
    if not settlements:
        return []
    is_postgresql = connection.dialect.name == "postgresql"
    states = [_next_state(settlement) for settlement in settlements]
    if is_postgresql:
        ours = set(connection.scalars(_SETTLE_ARRAYS, _arrays(states)))
    else:
        rows = connection.execute(_HELD, {"ids": [state["id"] for state in states]})
        fences = {row.id: row.fence for row in rows}
        held = [state for state in states if fences.get(state["id"]) == state["fence"]]
        ours = {state["id"] for state in held}
        if held:
            connection.execute(_SETTLE, [{f"new_{name}": value for name, value in state.items()} for state in held])
    recorded = [settlement for settlement in settlements if settlement.claim.id in ours]
    if recorded:
        logs = [_log_row(settlement) for settlement in recorded]
        if is_postgresql:
            connection.execute(_LOG_ARRAYS, _arrays(logs))
        else:
            connection.execute(insert(ATTEMPTS), logs)
        webhooks = sorted({settlement.claim.webhook_id for settlement in recorded})  # one order: no deadlock
        connection.execute(_COUNT, [_counters(one, recorded) for one in webhooks])
        gone = {one.claim.webhook_id: one.deactivation for one in recorded if one.deactivate_webhook}
        for webhook_id, reason in sorted(gone.items()):
            connection.execute(_SWITCH_OFF.where(WEBHOOKS.c.id == webhook_id).values(deactivation=reason))
    return [settlement.claim.id in ours for settlement in settlements]


_HELD = select(D.id, D.fence).where(D.id.in_(bindparam("ids", expanding=True)), IS_PENDING)
_SETTLE = (
    update(DELIVERIES)
    .where(bindparam("new_id") == D.id)
    .values({name: bindparam(f"new_{name}", type_=D[name].type) for name in _NEXT_STATE})
    .values(lease_until=None)
)
_SWITCH_OFF = update(WEBHOOKS).where(WEBHOOKS.c.is_active).values(is_active=False)


def _from_arrays(rows: Table, names: Sequence[str]) -> Any:
    """The rows of arrays, one array a column, as a table to select from (PostgreSQL's unnest)."""
    types = {name: rows.c[name].type for name in names}
    arrays = (bindparam(f"{name}s", type_=ARRAY(types[name])) for name in names)
    columns = (column(name, types[name]) for name in names)
    return func.unnest(*arrays).table_valued(*columns, name="given").render_derived()


def _arrays(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    return {f"{name}s": [row[name] for row in rows] for name in rows[0]}


_STATES = _from_arrays(DELIVERIES, ("id", "fence", *_NEXT_STATE))
_SETTLE_ARRAYS = (
    update(DELIVERIES)
    .where(_STATES.c.id == D.id, _STATES.c.fence == D.fence, IS_PENDING)
    .values({name: _STATES.c[name] for name in _NEXT_STATE})
    .values(lease_until=None)
    .returning(D.id)
)
_LOG_ARRAYS = insert(ATTEMPTS).from_select(_LOG, select(*_from_arrays(ATTEMPTS, _LOG).c))

_FAILING_SINCE = bindparam("failing_since", type_=WEBHOOKS.c.failing_since.type)
_COUNT = (
    update(WEBHOOKS)
    .where(bindparam("of") == WEBHOOKS.c.id)
    .values(
        total_calls=WEBHOOKS.c.total_calls + bindparam("calls"),
        successful_calls=WEBHOOKS.c.successful_calls + bindparam("successes"),
        failed_calls=WEBHOOKS.c.failed_calls + bindparam("failures"),
        last_triggered=bindparam("triggered", type_=WEBHOOKS.c.last_triggered.type),
        failing_since=case(
            (bindparam("successes") > 0, _FAILING_SINCE),
            else_=func.coalesce(WEBHOOKS.c.failing_since, _FAILING_SINCE),
        ),
    )
)


def _next_state(settlement: Settlement) -> dict[str, Any]:
    is_pending = settlement.state == PENDING
    return {
        "id": settlement.claim.id,
        "fence": settlement.claim.fence,
        "state": settlement.state,
        "attempts": settlement.claim.attempts + 1,
        "next_attempt_at": settlement.next_attempt_at or settlement.started_at,
        "finished_at": None if is_pending else settlement.started_at,
        "is_retry": is_pending,
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


def _counters(webhook_id: str, recorded: Sequence[Settlement]) -> dict[str, Any]:
    """What one webhook's counters gain; it is failing since the first failure after its last success."""
    settled = [settlement for settlement in recorded if settlement.claim.webhook_id == webhook_id]
    successes = [number for number, settlement in enumerate(settled) if settlement.state == DELIVERED]
    since_last = settled[successes[-1] + 1 :] if successes else settled
    return {
        "of": webhook_id,
        "calls": len(settled),
        "successes": len(successes),
        "failures": len(settled) - len(successes),
        "triggered": max(settlement.started_at for settlement in settled),
        "failing_since": since_last[0].started_at if since_last else None,
    }


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
