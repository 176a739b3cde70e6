"""Failover and restart: the next call works, what was under way raises an error of ours, nothing is half-written."""

import pytest
from sqlalchemy import create_engine, make_url, text

from chainbell.engine import Engine, StorageError
from chainbell.storage import Database, generate_key, is_passing
from chainbell.storage.errors import UnknownOutcomeError
from tests.hosts import report, started
from tests.plans import MONDAY, line_plan
from tests.pooler import pooling
from tests.postgresql import Server


def terminate_all(url: str) -> None:
    """Ends all sessions of the database, from a session of another."""
    where = make_url(url)
    admin = create_engine(where.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        cut = text("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = :name")
        connection.execute(cut, {"name": where.database})
    admin.dispose()


def test_the_next_call_works_after_connections_were_terminated(postgresql_url: str) -> None:
    with Engine(postgresql_url, keys=[generate_key()]) as engine:
        engine.load(line_plan(), at=MONDAY)
        terminate_all(postgresql_url)
        assert engine.status(1).tasks[0].status == "NotStarted"
        terminate_all(postgresql_url)
        assert len(engine.apply(started())) == 1
        with engine.database.read(), engine.database.read():  # two connections are in the pool
            pass
        terminate_all(postgresql_url)
        with engine.database.read(), engine.database.read():
            assert engine.status(1).tasks[0].status == "InProgress"


def test_the_next_call_works_after_the_server_was_restarted() -> None:
    server = Server()
    with server.database() as url, Engine(url, keys=[generate_key()]) as engine:
        engine.load(line_plan(), at=MONDAY)
        server.restart()
        assert len(engine.apply(started())) == 1
    server.stop()


def test_a_write_under_way_raises_our_own_error_and_nothing_is_half_written(postgresql_url: str) -> None:
    with Engine(postgresql_url, keys=[generate_key()]) as engine:
        engine.load(line_plan(), at=MONDAY)
        count = text("SELECT count(*) FROM chainbell_token")

        def write_and_lose() -> None:
            with engine.database.write() as connection:
                connection.execute(text("DELETE FROM chainbell_task"))
                terminate_all(postgresql_url)
                connection.execute(count)

        with pytest.raises(StorageError, match="terminating connection") as lost:
            write_and_lose()
        assert is_passing(lost.value)
        assert not isinstance(lost.value, UnknownOutcomeError)
        assert len(engine.status(1).tasks) == 3


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_connection_lost_at_the_commit_says_that_the_outcome_is_unknown(postgresql_url: str, is_kept: bool) -> None:
    """The pooler breaks the connection before it passes the COMMIT on, or before it passes on the answer."""
    change = {**started(), "changeId": "c-1"}
    with pooling(postgresql_url) as (url, pooler), Engine(url, keys=[generate_key()]) as engine:
        engine.load(line_plan(), at=MONDAY)
        pooler.break_at_commit = "answer" if is_kept else "request"
        with pytest.raises(UnknownOutcomeError, match="took place or did not") as lost:
            engine.apply(change)
        assert is_passing(lost.value)
        status = engine.status(1).tasks[0].status
        assert status == ("InProgress" if is_kept else "NotStarted")
        fired = engine.apply(change)
        assert len(fired) == 1, "with its changeId it is applied once"
        assert [event.name for event in engine.events(1)].count("task.status_changed") == 1


def test_a_standby_that_only_reads_is_a_state_that_passes(postgresql_url: str) -> None:
    """As after a failover, before the connections follow: the same call is taken once the server writes again."""
    url = make_url(postgresql_url)
    admin = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")

    def only_reads(value: str) -> None:
        with admin.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {url.database} SET default_transaction_read_only = {value}"))
        terminate_all(postgresql_url)

    with Engine(postgresql_url, keys=[generate_key()]) as engine:
        engine.load(line_plan(), at=MONDAY)
        only_reads("on")
        with pytest.raises(StorageError, match="read-only transaction") as refused:
            engine.apply(report(3))
        assert is_passing(refused.value)
        assert engine.status(1).tasks[0].remaining_duration == 5
        only_reads("off")
        assert len(engine.apply(report(3))) == 1
    admin.dispose()


def test_no_round_trip_is_spent_on_asking_whether_a_connection_is_there(postgresql_url: str) -> None:
    with pooling(postgresql_url) as (url, pooler):
        database = Database(url)
        for _ in range(3):
            with database.read() as connection:
                connection.execute(text("SELECT 'mine'"))
        each = ["BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT 'mine'", "COMMIT"]
        assert [statement for _, statement in pooler.statements][-6:] == each * 2
        database.close()
