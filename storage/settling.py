"""Settling: an attempt's log row, its delivery's next state and its webhook's counters change together.

Only the holder of the current fence settles. Many attempts are recorded by one statement a table: PostgreSQL takes the
rows as one JSON document, SQLite one by one within its process.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Connection,
    Table,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    insert,
    null,
    select,
    update,
)  # fmt: skip

from chainbell.storage.lists import among
from chainbell.storage.outbox import DELIVERED, DELIVERIES, IS_PENDING, PENDING, WEBHOOKS, Settlement
from chainbell.storage.straight import Straight
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
    if is_postgresql:
        states = [_next_state(settlement) for settlement in settlements]
        ours = set(connection.scalars(_SETTLE_ROWS, {"rows": _document(_STATE, states)}))
    else:
        rows = connection.execute(_HELD, {"ids": [settlement.claim.id for settlement in settlements]})
        fences: dict[str, int] = {row[0]: row[1] for row in rows}
        held = [s for s in settlements if fences.get(s.claim.id) == s.claim.fence]
        ours = {settlement.claim.id for settlement in held}
        if held:
            _SETTLE.executemany(connection, [_next_state(settlement) for settlement in held])
    recorded = [settlement for settlement in settlements if settlement.claim.id in ours]
    if recorded:
        logs = [_log_row(settlement) for settlement in recorded]
        if is_postgresql:
            connection.execute(_LOG_ROWS, {"rows": _document(_LOG, logs)})
        else:
            _INSERT_LOG.executemany(connection, logs)
        webhooks = sorted({settlement.claim.webhook_id for settlement in recorded})  # one order: no deadlock
        connection.execute(_COUNT, [_counters(one, recorded) for one in webhooks])
        gone = {one.claim.webhook_id: one.deactivation for one in recorded if one.deactivate_webhook}
        for webhook_id, reason in sorted(gone.items()):
            connection.execute(_SWITCH_OFF.where(WEBHOOKS.c.id == webhook_id).values(deactivation=reason))
    return [settlement.claim.id in ours for settlement in settlements]


_STATE = ("id", "fence", *_NEXT_STATE)
_HELD = select(D.id, D.fence).where(among(D.id, "ids"), IS_PENDING)
_SETTLE = Straight(
    update(DELIVERIES)
    .where(D.id == bindparam("given_id"), D.fence == bindparam("given_fence"))
    .values({name: bindparam(f"given_{name}", type_=D[name].type) for name in _NEXT_STATE})
    .values(lease_until=null()),
    [f"given_{name}" for name in _STATE],
)
_INSERT_LOG = Straight(insert(ATTEMPTS), _LOG)
_SWITCH_OFF = update(WEBHOOKS).where(WEBHOOKS.c.is_active).values(is_active=False)


def _rows(of: Table, names: Sequence[str]) -> Any:
    """The objects of one JSON document as a table to select from (PostgreSQL's json_to_recordset)."""
    columns = (column(name, of.c[name].type) for name in names)
    rows = func.json_to_recordset(cast(bindparam("rows", type_=Text), JSON))
    return rows.table_valued(*columns, name="given").render_derived(with_types=True)


def _document(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> str:
    return json.dumps([dict(zip(names, row, strict=True)) for row in rows], default=datetime.isoformat)


_STATES = _rows(DELIVERIES, _STATE)
_SETTLE_ROWS = (
    update(DELIVERIES)
    .where(_STATES.c.id == D.id, _STATES.c.fence == D.fence, IS_PENDING)
    .values({name: _STATES.c[name] for name in _NEXT_STATE})
    .values(lease_until=None)
    .returning(D.id)
)
_LOG_ROWS = insert(ATTEMPTS).from_select(_LOG, select(*_rows(ATTEMPTS, _LOG).c))

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


def _next_state(settlement: Settlement) -> tuple[Any, ...]:
    """The values of `_STATE`."""
    is_pending = settlement.state == PENDING
    return (
        settlement.claim.id,
        settlement.claim.fence,
        settlement.state,
        settlement.claim.attempts + 1,
        settlement.next_attempt_at or settlement.started_at,
        None if is_pending else settlement.started_at,
        is_pending,
    )


def _log_row(settlement: Settlement) -> tuple[Any, ...]:
    """The values of `_LOG`."""
    return (
        settlement.claim.id,
        settlement.claim.attempts + 1,
        settlement.claim.webhook_id,
        settlement.claim.event,
        settlement.started_at,
        settlement.duration_ms,
        settlement.outcome,
        settlement.http_status,
        settlement.error,
        settlement.response,
    )


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
