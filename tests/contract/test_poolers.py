"""Behind a pooler in transaction mode: nothing is left behind in a session of the server, nothing expected in one."""

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings
from chainbell.engine import Engine, StorageError
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.running.dispatching import LISTEN_DATABASE, run_dispatcher
from chainbell.storage import Database, generate_key
from chainbell.storage.notifications import CHANNEL, Listener
from tests.e2e.receiver import receiving
from tests.e2e.waiting import until
from tests.plans import MONDAY, line_plan, task_update
from tests.pooler import SESSIONS, pgbouncer, pooling

SETTINGS = DeliverySettings(guard=LOOPBACK_ALLOWED)
OF_A_SESSION = re.compile(
    r"(UN)?LISTEN|SET (?!LOCAL|TRANSACTION)|RESET|PREPARE|DEALLOCATE|DISCARD|LOAD|CREATE TEMP|.*WITH HOLD"
    r"|.*pg_(try_)?advisory_(un)?lock|.*set_config"
)
"""Statements whose effect outlasts their transaction."""
MANY = 2 * SESSIONS + 7
"""Executions of a statement: enough for psycopg to prepare it, and then to meet every session."""


@pytest.fixture(params=["ours", "pgbouncer"])
def pooled_url(request: pytest.FixtureRequest, postgresql_url: str) -> Iterator[str]:
    """An empty database behind a pooler."""
    if request.param == "pgbouncer":
        with pgbouncer(postgresql_url) as url:
            yield url
    else:
        with pooling(postgresql_url) as (url, _):
            yield url


def report(project: int, number: int) -> dict[str, Any]:
    remaining = 1 + number % 7
    return task_update(1, MONDAY.isoformat(), project, status="InProgress", remainingDuration=remaining)


def exercise(engine: Engine) -> None:
    """Loads, reports, re-evaluates, delivers, reads: so often that every statement could be prepared, and by more
    threads than there are sessions."""

    def work(project: int) -> None:
        engine.load(line_plan(project_id=project), at=MONDAY)
        for number in range(MANY):
            engine.apply(report(project, number))
            engine.status(project)
        engine.apply_each(report(project, number) for number in range(MANY))

    with receiving() as receiver:
        engine.webhooks.add(7, receiver.url, events=["task.duration_changed"])
        with ThreadPoolExecutor(SESSIONS + 1) as threads:
            list(threads.map(work, range(SESSIONS + 1)))
        engine.reevaluate(MONDAY)
        assert asyncio.run(engine.dispatcher().drain()) == len(receiver.requests) > MANY
    engine.portfolio.retain()
    engine.portfolio.erase_account(7)
    assert engine.events(account=7) == []


def test_everything_works_behind_a_pooler(pooled_url: str) -> None:
    with Engine(pooled_url, keys=[generate_key()], delivery=SETTINGS) as engine:
        exercise(engine)


def test_no_statement_outlasts_its_transaction(postgresql_url: str) -> None:
    with pooling(postgresql_url) as (url, pooler), Engine(url, keys=[generate_key()], delivery=SETTINGS) as engine:
        exercise(engine)
    assert len(pooler.statements) > MANY
    assert [statement for _, statement in pooler.statements if OF_A_SESSION.match(statement.strip())] == []
    assert {name for name, _ in pooler.statements} == {""}, "none is prepared"


def test_who_insists_on_prepared_statements_is_told_of_the_pooler(postgresql_url: str) -> None:
    with pooling(postgresql_url) as (url, _), Engine(f"{url}?prepare_threshold=5", keys=[generate_key()]) as engine:

        def load_many() -> None:
            for number in range(MANY):
                engine.load(line_plan(project_id=number), at=MONDAY)

        with pytest.raises(StorageError, match="prepare_threshold=none"):
            load_many()


def test_without_a_pooler_statements_are_prepared_unless_the_url_says_none(postgresql_url: str) -> None:
    def prepared(url: str) -> int:
        database = Database(url)
        for _ in range(7):
            with database.read() as connection:
                connection.execute(text("SELECT 'prepared?'"))
        with database.read() as connection:
            count = connection.scalar(
                text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%pared?%'")
            )
        database.close()
        return int(count or 0)

    assert prepared(postgresql_url) == 1
    assert prepared(f"{postgresql_url}&prepare_threshold=none") == 0
    assert prepared(f"{postgresql_url}&prepare_threshold=50") == 0


def test_nothing_is_listened_to_through_a_pooler_but_directly(pooled_url: str, postgresql_url: str) -> None:
    database = Database(pooled_url)
    told: list[str] = []
    listeners = [
        Listener(database, lambda: told.append("pooled"), on_pooled=lambda: told.append("refused")),
        Listener(database, lambda: told.append("direct"), direct_url=postgresql_url),
    ]
    for listener in listeners:
        listener.start()
    try:
        until(lambda: {"refused", "direct"} <= set(told))
        told.clear()
        with database.write() as connection:
            connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})
        until(lambda: told == ["direct"])
    finally:
        for listener in listeners:
            listener.stop()
        database.close()


def test_a_dispatcher_behind_a_pooler_finds_what_another_process_has_written(
    pooled_url: str, postgresql_url: str
) -> None:
    key = generate_key()

    async def deliver(engine: Engine, receiver: Any) -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(run_dispatcher(engine, engine.dispatcher(), stop))
        await asyncio.sleep(0)
        await asyncio.to_thread(other.load, line_plan(), at=MONDAY)
        await asyncio.to_thread(until, lambda: receiver.requests)
        stop.set()
        await running

    with (
        Engine(pooled_url, keys=[key], delivery=SETTINGS) as engine,
        Engine(postgresql_url, keys=[key]) as other,
        receiving() as receiver,
    ):
        engine.webhooks.add(7, receiver.url, events=["task.ready"])
        asyncio.run(deliver(engine, receiver))


def test_a_url_to_listen_at_that_cannot_be_used_is_refused(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LISTEN_DATABASE, "sqlite:///x.db")

    async def run(engine: Engine) -> None:
        await run_dispatcher(engine, engine.dispatcher(), asyncio.Event())

    refused = pytest.raises(InvalidInputError, match="CHAINBELL_LISTEN_DATABASE: only PostgreSQL")
    with Engine(postgresql_url, keys=[generate_key()]) as engine, refused:
        asyncio.run(run(engine))
