"""Settling: an attempt's log row, its delivery's next state and its webhook's counters change together.

Only the holder of the current fence settles. Many attempts are recorded together, with one statement per table.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Insert, Update, and_, bindparam, case, func, insert, select, update

from chainbell.storage.lists import AtOnce, among, document, given_rows
from chainbell.storage.outbox import DELIVERIES, IS_STILL_PENDING, WEBHOOKS, DeliveryState, Settlement
from chainbell.storage.tables import AttemptRow, table

ATTEMPTS = table(AttemptRow)
D = DELIVERIES.c


def settle(connection: Connection, settlement: Settlement) -> bool:
    """Records one attempt; False if its lease has passed to another dispatcher. See `settle_all`."""
    return settle_all(connection, [settlement])[0]


def settle_all(connection: Connection, settlements: Sequence[Settlement]) -> list[bool]:
    """Records attempts, their deliveries' next states and the webhooks' counters together.

    Returns for each whether it was recorded: it is not if its lease has passed to another dispatcher.
    """
    if not settlements:
        return []
    dialect = connection.dialect.name
    ours = _settle(connection, settlements)
    recorded = [settlement for settlement in settlements if settlement.claim.id in ours]
    if recorded:
        connection.execute(_LOG[dialect], {"rows": document(connection, _LOGGED, map(_log_row, recorded))})
        by_webhook: dict[str, list[Settlement]] = {}
        for settlement in recorded:
            if settlement.is_counted:
                by_webhook.setdefault(settlement.claim.webhook_id, []).append(settlement)
        counted = sorted(by_webhook.items())  # in the same order everywhere: no deadlock
        if counted:
            connection.execute(_COUNT, [_counters(webhook_id, settled) for webhook_id, settled in counted])
        gone = {one.claim.webhook_id: one.deactivation for one in recorded if one.deactivate_webhook}
        for webhook_id, reason in sorted(gone.items()):
            connection.execute(_SWITCH_OFF.where(WEBHOOKS.c.id == webhook_id).values(deactivation=reason))
    return [settlement.claim.id in ours for settlement in settlements]


def _settle(connection: Connection, settlements: Sequence[Settlement]) -> set[str]:
    """Writes the next states of the deliveries that are still ours; returns their ids."""
    if connection.dialect.name == "postgresql":
        states = document(connection, _STATE, map(_next_state, settlements))
        return set(connection.scalars(_SETTLE["postgresql"].returning(D.id), {"rows": states}))
    fences = dict(map(tuple, _HELD.rows(connection, {"ids": [settlement.claim.id for settlement in settlements]})))
    ours = [settlement for settlement in settlements if fences.get(settlement.claim.id) == settlement.claim.fence]
    if ours:
        connection.execute(_SETTLE["sqlite"], {"rows": document(connection, _STATE, map(_next_state, ours))})
    return {settlement.claim.id for settlement in ours}


_NEXT_STATE = ("state", "attempts", "next_attempt_at", "finished_at", "is_retry", "tried_before")
_STATE = ("id", "fence", *_NEXT_STATE)
_LOGGED = tuple(one.name for one in ATTEMPTS.columns)
_SWITCH_OFF = update(WEBHOOKS).where(WEBHOOKS.c.is_active).values(is_active=False)


_HELD = AtOnce(select(D.id, D.fence).where(IS_STILL_PENDING, among(D.id, "ids")))


def _settling(dialect: str) -> Update:
    given = given_rows(DELIVERIES, _STATE, dialect)
    ours = update(DELIVERIES).where(given.c.id == D.id, given.c.fence == D.fence, IS_STILL_PENDING)
    return ours.values({name: given.c[name] for name in _NEXT_STATE} | {"lease_until": None})


def _logging(dialect: str) -> Insert:
    return insert(ATTEMPTS).from_select(_LOGGED, select(*given_rows(ATTEMPTS, _LOGGED, dialect).c))


_SETTLE = {dialect: _settling(dialect) for dialect in ("postgresql", "sqlite")}
_LOG = {dialect: _logging(dialect) for dialect in ("postgresql", "sqlite")}

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
    is_pending = settlement.state is DeliveryState.PENDING
    return (
        settlement.claim.id,
        settlement.claim.fence,
        settlement.state.value,
        settlement.claim.attempts + 1,
        settlement.next_attempt_at or settlement.started_at,
        None if is_pending else settlement.started_at,
        is_pending and settlement.claim.attempt + (not settlement.is_ours) > 1,
        settlement.claim.tried_before + settlement.is_ours,
    )


def _log_row(settlement: Settlement) -> tuple[Any, ...]:
    """The values of `_LOGGED`."""
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


def _counters(webhook_id: str, settled: Sequence[Settlement]) -> dict[str, Any]:
    """What one webhook's counters gain; it is failing since the first failure after its last success."""
    successes = [number for number, settlement in enumerate(settled) if settlement.state is DeliveryState.DELIVERED]
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
    """Deactivates a webhook that has had no success since `since` or earlier; True if this call did it."""
    failing = and_(
        WEBHOOKS.c.id == webhook_id,
        WEBHOOKS.c.is_active,
        WEBHOOKS.c.failing_since.is_not(None),
        WEBHOOKS.c.failing_since <= since,
    )
    query = update(WEBHOOKS).where(failing).values(is_active=False, deactivation=reason)
    return connection.execute(query).rowcount == 1
