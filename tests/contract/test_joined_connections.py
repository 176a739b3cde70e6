"""A host's bare connection: its signals follow its commit, and what it rolls back was never heard of."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import Engine as Host
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from chainbell.engine import ConflictError, Engine, InvalidInputError
from chainbell.rules import Event
from tests.hosts import hearing, report, started
from tests.plans import MONDAY, line_plan


@pytest.fixture
def host(engine: Engine) -> Iterator[Host]:
    """The host's own SQLAlchemy engine; on SQLite with SQLAlchemy's recipe, without which it keeps no savepoints."""
    engine.load(line_plan(), at=MONDAY)
    database = create_engine(engine.database.url)
    if database.dialect.name == "sqlite":
        event.listen(database, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
        event.listen(database, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    yield database
    database.dispose()


@pytest.fixture
def heard(engine: Engine) -> list[Event]:
    return hearing(engine)


def test_signals_follow_the_commit(engine: Engine, host: Host, heard: list[Event]) -> None:
    seen_then: list[str] = []
    engine.signal("task.status_changed").connect(
        lambda engine, event: seen_then.append(engine.status(1).tasks[0].status), weak=False
    )
    with host.connect() as connection:
        fired = engine.apply(started(), session=connection)
        assert heard == []
        connection.commit()
        assert heard == fired
        assert seen_then == ["InProgress"], "a subscriber sees what was committed"
        connection.execute(text("SELECT 1"))
        connection.commit()
        engine.apply(report(4), session=connection)
        connection.rollback()
        connection.commit()
        assert heard == fired
        again = engine.apply(report(3), session=connection)
        connection.commit()
    assert heard == fired + again
    assert engine.status(1).tasks[0].remaining_duration == 3


def test_a_block_that_fails_sends_nothing(engine: Engine, host: Host, heard: list[Event]) -> None:
    with suppress(ZeroDivisionError), host.begin() as connection:
        engine.apply(started(), session=connection)
        raise ZeroDivisionError
    with host.connect() as connection:
        engine.apply(started(), session=connection)  # closed without a commit
    assert heard == []
    assert engine.status(1).tasks[0].status == "NotStarted"
    with host.begin() as connection:
        fired = engine.apply(started(), session=connection)
    assert heard == fired


def test_what_a_savepoint_takes_back_is_not_announced(engine: Engine, host: Host, heard: list[Event]) -> None:
    with host.begin() as connection:
        outer = connection.begin_nested()
        engine.apply(started(), session=connection)
        inner = connection.begin_nested()
        engine.apply(report(2), session=connection)
        inner.commit()
        outer.rollback()
        kept = engine.apply(report(1), session=connection)
        undone = connection.begin_nested()
        engine.apply(report(5), session=connection)
        undone.rollback()
        with connection.begin_nested():
            kept += engine.apply(report(4), session=connection)
        assert heard == []
    assert heard == kept
    assert engine.status(1).tasks[0].remaining_duration == 4


def test_a_session_within_a_larger_transaction_waits_for_that(engine: Engine, host: Host, heard: list[Event]) -> None:
    """As in a host's own tests: a session bound to a connection whose transaction is rolled back at the end."""
    with host.connect() as connection:
        for outcome in ("rollback", "commit"):
            outer = connection.begin()
            with Session(connection, join_transaction_mode="create_savepoint") as session:
                engine.apply(report(6), session=session)
                session.rollback()
                fired = engine.apply(started(), session=session)
                session.commit()
            assert heard == []
            getattr(outer, outcome)()
    assert heard == fired
    assert engine.status(1).tasks[0].status == "InProgress"


def test_a_commit_that_fails_announces_nothing(engine: Engine, heard: list[Event]) -> None:
    if engine.database.is_sqlite:
        pytest.skip("SQLite has one writer: nothing is found out at the commit")
    engine.load(line_plan(), at=MONDAY)
    engine.load(line_plan(project_id=2), at=MONDAY)
    heard.clear()
    host = create_engine(engine.database.url, isolation_level="SERIALIZABLE")
    count = text("SELECT sum(revision) FROM chainbell_project")
    with host.connect() as one, host.connect() as other:
        for connection, project in ((one, 1), (other, 2)):  # each reads what the other writes
            connection.execute(count)
            engine.apply(report(3, project=project), session=connection)
        one.commit()
        assert {event.project_id for event in heard} == {1}
        with pytest.raises(DBAPIError) as failed:
            other.commit()
        assert getattr(failed.value.orig, "sqlstate", None) == "40001"
        other.rollback()
        assert {event.project_id for event in heard} == {1}
    host.dispose()


@pytest.mark.parametrize("kind", ["connection", "session"])
def test_a_transaction_that_has_failed_is_not_taken_for_committed(
    engine: Engine, host: Host, heard: list[Event], kind: str
) -> None:
    """PostgreSQL answers the COMMIT of a failed transaction with a rollback, without an error."""
    if engine.database.is_sqlite:
        pytest.skip("on SQLite the transaction goes on after a statement that fails")
    with host.connect() as connection, Session(host) as session:
        joined: Session | Connection = connection if kind == "connection" else session
        engine.apply(started(), session=joined)
        with pytest.raises(DBAPIError):
            joined.execute(text("SELECT nonsense"))
        with pytest.raises(DBAPIError, match="aborted"):
            joined.commit()
    assert heard == []
    assert engine.status(1).tasks[0].status == "NotStarted"


@pytest.mark.parametrize("by", ["engine", "connection", "session", "driver"])
def test_autocommit_is_refused_and_nothing_is_written(engine: Engine, host: Host, heard: list[Event], by: str) -> None:
    options: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"} if by in ("engine", "session") else {}
    if by == "driver":
        options = {"connect_args": {"isolation_level": None} if engine.database.is_sqlite else {"autocommit": True}}
    own = create_engine(engine.database.url, **options)
    with own.connect() as connection, Session(own) as session:
        if by == "connection":
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        with pytest.raises(InvalidInputError, match="session: is in AUTOCOMMIT") as refused:
            engine.apply(started(), session=session if by == "session" else connection)
        assert "apply without a session" in refused.value.reason
    own.dispose()
    assert heard == []
    assert engine.status(1).tasks[0].status == "NotStarted"


def test_a_connection_in_two_phases_is_refused(engine: Engine, host: Host) -> None:
    if host.dialect.name == "sqlite":
        pytest.skip("SQLite has no two phases")
    with host.connect() as connection:
        transaction = connection.begin_twophase()
        with pytest.raises(InvalidInputError, match="twophase=True"):
            engine.apply(started(), session=connection)
        transaction.rollback()


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("kind", ["connection", "session"])
def test_hosts_with_snapshots_get_a_conflict_and_can_try_again(
    engine: Engine, heard: list[Event], level: str, kind: str
) -> None:
    if engine.database.is_sqlite:
        pytest.skip("SQLite serialises its writers")
    engine.load(line_plan(), at=MONDAY)
    heard.clear()
    host = create_engine(engine.database.url, isolation_level=level)
    with Session(host) as first, host.connect() as connection, Session(host) as session:
        second: Session | Connection = connection if kind == "connection" else session
        for one in (first, second):
            one.execute(text("SELECT count(*) FROM chainbell_task"))
        engine.apply(report(3), session=first)
        first.commit()
        with pytest.raises(ConflictError, match="roll back and try again"):
            engine.apply(report(2), session=second)
        second.rollback()
        assert [event.data["newRemainingDuration"] for event in heard] == [3]
        engine.apply(report(2), session=second)
        second.commit()
    host.dispose()
    assert [event.data["newRemainingDuration"] for event in heard] == [3, 2]
    assert engine.status(1).tasks[0].remaining_duration == 2
