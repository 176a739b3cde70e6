"""No hot statement goes through a large table: each is explained by the database itself.

PostgreSQL is told to avoid sequential scans, so that one shows only where no index answers.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from chainbell.engine import Engine
from chainbell.storage import (
    Claim,
    DeliveryState,
    NewDelivery,
    Settlement,
    claiming,
    counts,
    due,
    events,
    fanouts,
    generate_key,
    history,
    outbox,
    projects,
    resending,
    retention,
    settling,
    subscriptions,
    turns,
    webhooks,
)
from tests.plans import line_plan, task_update

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = timedelta(seconds=40)
HOOKS, EACH = 4, 300
ALLOWED = r"ix_chainbell_delivery_(next_attempt_at|webhook_id_created_at)\b|^SCAN chainbell_fanout"
"""The indexes of what is pending and of what is lost may be counted. Of the fan-outs, the first in order is read."""


@pytest.fixture
def busy(engine: Engine) -> list[str]:
    """More pending deliveries than a claim looks at together, of four webhooks; and a project with a history."""
    engine.load(line_plan())
    engine.apply(task_update(1, "2025-03-04T09:00:00Z", status="InProgress", remainingDuration=9))
    hooks = [engine.webhooks.add(7, "http://127.0.0.1:1/")[0].id for _ in range(HOOKS)]
    made = [
        NewDelivery(f"wh_{hook}_{number}", hook, f"{hook}-{number}", "task.red", b'{"a":0}}')
        for hook in hooks
        for number in range(EACH)
    ]
    with engine.database.write() as connection:
        outbox.enqueue(connection, made, NOW)
    return hooks


def settled(claim: Claim) -> Settlement:
    return Settlement(
        claim=claim, state=DeliveryState.DELIVERED, started_at=NOW, duration_ms=1, outcome="answered", http_status=200
    )


@contextmanager
def listened(connection: Connection) -> Iterator[list[tuple[str, Any]]]:
    """The statements that go through a connection, with their parameters."""
    statements: list[tuple[str, Any]] = []

    def on_execute(_: Any, __: Any, statement: str, parameters: Any, ___: Any, is_many: bool) -> None:
        statements.append((statement, parameters[0] if is_many else parameters))

    event.listen(connection, "before_cursor_execute", on_execute)
    try:
        yield statements
    finally:
        event.remove(connection, "before_cursor_execute", on_execute)


def explained(connection: Connection, statement: str, parameters: Any) -> list[str]:
    if connection.dialect.name == "sqlite":
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    return [row[0].strip() for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]


def scans(plan: list[str]) -> list[str]:
    """The lines of a plan that go through a whole table or index."""
    found = [line for line in plan if re.search(r"Seq Scan on chainbell_|^SCAN chainbell_", line)]
    return [line for line in found if not re.search(ALLOWED, line)]


WORK: dict[str, Callable[[Connection, list[str]], object]] = {
    "claim few": lambda c, _: claiming.claim(c, NOW - timedelta(days=1), NOW, 8),
    "claim of many": lambda c, _: claiming.claim(c, NOW, NOW + LEASE, 8),
    "claim, settle": lambda c, _: settling.settle_all(c, [*map(settled, claiming.claim(c, NOW, NOW + LEASE, 8))]),
    "renew": lambda c, _: claiming.renew(c, claiming.claim(c, NOW, NOW + LEASE, 8), NOW + 2 * LEASE),
    "next due": lambda c, _: due.next_due(c, NOW),
    "oldest due": lambda c, _: due.oldest_due(c, NOW),
    "fronts": lambda c, _: list(turns.fronts(c)),
    "locate": lambda c, _: projects.locate(c, 1, None, lock=True),
    "locate in an account": lambda c, _: projects.locate(c, 1, 7),
    "read": lambda c, _: projects.read(c, 1),
    "to evaluate": lambda c, _: projects.keys_to_evaluate(c, NOW, 0, 100),
    "events of an account": lambda c, _: events.find_events(c, account_id=7, limit=5),
    "events of a project": lambda c, _: events.find_events(c, project_id=1, limit=5),
    "events of a project in an account": lambda c, _: events.find_events(c, account_id=7, project_id=1, limit=5),
    "event": lambda c, _: events.find_event(c, "none"),
    "change": lambda c, _: events.find_change(c, 1, "none"),
    "last points": lambda c, _: history.last_points(c, [1, 2]),
    "trail": lambda c, _: history.fever_points(c, 1),
    "log": lambda c, hooks: webhooks.attempt_log(
        c, hooks[0], 5, before=settled(Claim("a", "b", "c", b"", 0, 1)).attempt
    ),
    "attempt": lambda c, hooks: webhooks.find_attempt(c, hooks[0], "a", 1),
    "subscribers": lambda c, _: subscriptions.subscribers(c, 7, ["task.red", "task.ready"], 5),
    "subscribers at": lambda c, _: subscriptions.subscribers_at(c, 7, "task.red", 1, "", 5),
    "fan-out": lambda c, _: fanouts.take(c, 7),
    "states": lambda c, _: counts.count_by_state(c),
    "backlog": lambda c, hooks: outbox.backlog(c, hooks[0]),
    "recover": lambda c, hooks: resending.recover(c, hooks[0], NOW, NOW, 5),
    "held": lambda c, _: resending.expire_held(c, NOW, NOW, (NOW, "a"), 5),
    "old points": lambda c, _: retention.expire_points(c, NOW, 5),
    "thinning": lambda c, _: retention.thin_points(c, NOW, 5),
} | {f"old {kind}": lambda c, _, kind=kind: retention.expire(c, kind, NOW, NOW - LEASE, 5) for kind in retention.KINDS}


def test_no_hot_statement_goes_through_a_table(engine: Engine, busy: list[str]) -> None:
    bad: dict[str, list[str]] = {}
    for name, work in WORK.items():
        with engine.database.write() as connection:
            with listened(connection) as statements:
                work(connection, busy)
            for statement, parameters in statements:
                if re.match(r"\s*(SELECT pg_notify|INSERT|SELECT clock)", statement):
                    continue
                plan = explained(connection, statement, parameters)
                if scans(plan):
                    bad.setdefault(name, []).append(f"{statement}\n" + "\n".join(plan))
    assert not bad, "\n\n".join(f"{name}:\n" + "\n".join(plans) for name, plans in bad.items())


def test_a_claim_locks_at_most_twice_what_it_takes(postgresql_url: str) -> None:
    with Engine(postgresql_url, keys=[generate_key()]) as engine:
        hooks = [engine.webhooks.add(7, "https://example.com/")[0].id for _ in range(40)]
        made = [NewDelivery(f"{hook}{n}", hook, f"{n}", "task.red", b"{}") for hook in hooks for n in range(60)]
        with engine.database.write() as connection:
            outbox.enqueue(connection, made, NOW)
        for limit in (1, 7, 30, 64, 256):
            with engine.database.write() as connection:
                claims = claiming.claim(connection, NOW, NOW + LEASE, limit)
                with engine.database.write() as other:
                    free = "SELECT id FROM chainbell_delivery FOR UPDATE SKIP LOCKED"
                    locked = len(made) - len(other.execute(text(free)).all())
            assert len(claims) == limit
            assert limit <= locked <= 2 * limit
