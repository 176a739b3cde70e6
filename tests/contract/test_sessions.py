"""Inside the host's transaction: what it commits is kept and heard of, what it rolls back never was."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, event, func, select
from sqlalchemy.engine import Engine as Host
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, sessionmaker
from sqlmodel import Field, SQLModel
from sqlmodel import Session as SQLModelSession

from chainbell.engine import Engine, InvalidInputError
from chainbell.rules import Event
from chainbell.storage.tables import MilestoneRow, ProjectRow, TaskRow
from tests.plans import MONDAY, line_plan, task_update

AT = "2025-03-03T09:00:00Z"


class HostRow(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    note: str


@pytest.fixture
def host(engine: Engine) -> Iterator[Host]:
    """The host's own SQLAlchemy engine on the same database, with a table of its own."""
    engine.load(line_plan(), at=MONDAY)
    database = create_engine(engine.database.url)
    SQLModel.metadata.create_all(database, tables=[HostRow.__table__])  # type: ignore[attr-defined]
    yield database
    database.dispose()


@pytest.fixture
def heard(engine: Engine) -> list[Event]:
    events: list[Event] = []

    def hear(_: Engine, event: Event) -> None:
        events.append(event)

    for rule in engine.core.rules:
        engine.signal(rule.event).connect(hear, weak=False)
    return events


def start(**fields: Any) -> dict[str, Any]:
    return task_update(1, AT, status="InProgress", **fields)


@pytest.mark.parametrize("kind", [Session, SQLModelSession])
def test_state_events_and_the_host_s_row_are_committed_together(
    engine: Engine, host: Host, heard: list[Event], kind: type[Session]
) -> None:
    engine.webhooks.add(7, "http://127.0.0.1:1/")
    with kind(host) as session:
        session.add(HostRow(note="started"))
        fired = engine.apply(start(), session=session)
        assert (len(fired), heard) == (1, [])
        assert session.in_transaction()
        session.commit()
        assert heard == fired
        session.commit()
        assert heard == fired
    assert engine.status(1).tasks[0].status == "InProgress"
    with kind(host) as session:
        assert session.scalar(select(func.count()).select_from(HostRow)) == 1


def test_a_rollback_takes_state_events_and_deliveries_along(engine: Engine, host: Host, heard: list[Event]) -> None:
    before = engine.events(1)
    with Session(host) as session:
        engine.apply(start(changeId="c-1"), session=session)
        session.rollback()
        session.commit()
    assert engine.events(1) == before
    assert heard == []
    assert engine.status(1).tasks[0].status == "NotStarted"
    assert len(engine.apply(start(changeId="c-1"))) == 1


def test_a_second_change_sees_the_first_one_s_uncommitted_state(engine: Engine, host: Host) -> None:
    with Session(host) as session:
        engine.apply(start(), session=session)
        fired = engine.apply(task_update(1, AT, status="OnHold"), session=session)
        assert fired[0].data["previousStatus"] == "InProgress"
        session.commit()
    assert engine.status(1).tasks[0].status == "OnHold"


def test_a_refused_change_leaves_the_host_s_transaction_usable(engine: Engine, host: Host, heard: list[Event]) -> None:
    with Session(host) as session:
        session.add(HostRow(note="kept"))
        with pytest.raises(InvalidInputError, match="taskId"):
            engine.apply_all([start(), task_update(99, AT, status="InProgress")], session=session)
        session.commit()
    assert heard == []
    assert engine.status(1).tasks[0].status == "NotStarted"
    with Session(host) as session:
        assert session.scalar(select(func.count()).select_from(HostRow)) == 1


def test_what_a_savepoint_takes_back_is_not_announced(engine: Engine, host: Host, heard: list[Event]) -> None:
    if host.dialect.name == "sqlite":  # pysqlite needs SQLAlchemy's documented recipe before it keeps savepoints
        event.listen(host, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
        event.listen(host, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        host.dispose()
    with Session(host) as session:
        engine.apply(start(), session=session)
        savepoint = session.begin_nested()
        engine.apply(task_update(1, AT, status="OnHold"), session=session)
        savepoint.rollback()
        with session.begin_nested():
            engine.apply(task_update(1, AT, percentComplete=10), session=session)
        assert heard == []
        session.commit()
    assert [event.data["newStatus"] for event in heard] == ["InProgress"]
    assert engine.status(1).tasks[0].percent_complete == 10


def test_an_async_host_calls_through_run_sync(engine: Engine, host: Host, heard: list[Event]) -> None:
    url = engine.database.url
    if engine.database.is_sqlite:
        url = url.set(drivername="sqlite+aiosqlite")

    async def work() -> None:
        database = create_async_engine(url)
        async with AsyncSession(database) as session:
            fired = await session.run_sync(lambda sync: engine.apply(start(), session=sync))
            assert (len(fired), heard) == (1, [])
            await session.commit()
        await database.dispose()

    asyncio.run(work())
    assert len(heard) == 1


def test_a_connection_will_do_as_well(engine: Engine, host: Host) -> None:
    with host.begin() as connection:
        assert len(engine.apply(start(), session=connection)) == 1
    assert engine.status(1).tasks[0].status == "InProgress"


def test_edits_of_watched_rows_are_changes(engine: Engine, host: Host, heard: list[Event]) -> None:
    sessions = sessionmaker(host)
    engine.watch(sessions)
    key = 1
    with sessions(info={"chainbell_by": {"id": 5, "name": "Jo"}}) as session:
        task = session.get_one(TaskRow, (key, 1))
        task.status = "Completed"
        session.get_one(MilestoneRow, (key, 345)).achieved_at = MONDAY
        session.flush()
        assert (task.percent, task.remaining) == (100, 0)  # all that follows from it is in the row at once
        assert heard == []
        session.get_one(ProjectRow, key).status = "Frozen"
        session.commit()
    late = ("task.red", "project.early_warning")  # edits happen now, long after the plan
    assert [event.name for event in heard if event.name not in late] == [
        "task.status_changed", "task.completed", "task.ready", "milestone.achieved", "project.frozen",
        "project.status_changed",
    ]  # fmt: skip
    assert heard[0].data["changedBy"]["name"] == "Jo"
    assert engine.status(1).status == "Frozen"


@pytest.mark.parametrize(
    ("column", "value", "field"), [("duration", 3.0, "duration"), ("percent", 140.0, "percentComplete")]
)
def test_edits_that_cannot_be_are_refused_from_the_flush(
    engine: Engine, host: Host, heard: list[Event], column: str, value: float, field: str
) -> None:
    sessions = sessionmaker(host)
    engine.watch(sessions)
    with sessions() as session:
        session.add(HostRow(note="together"))
        setattr(session.get_one(TaskRow, (1, 1)), column, value)
        with pytest.raises(InvalidInputError, match=field):
            session.commit()
        session.rollback()
        assert session.scalar(select(func.count()).select_from(HostRow)) == 0
    assert heard == []
