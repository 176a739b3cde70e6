"""Nothing ends by itself: a re-evaluation outlives lost connections, the API says when to try again."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import create_engine, make_url, text

from chainbell.engine import Engine, StorageError
from chainbell.engine.http import create_app
from chainbell.engine.portfolio.batch import CHUNK, ChunkReport, enduring
from chainbell.storage import generate_key
from tests.contract.api_client import API, Caller
from tests.plans import MONDAY, line_plan, task_update

LATER = MONDAY + timedelta(days=20)


def test_a_reevaluation_goes_on_after_its_connections_are_lost(postgresql_url: str) -> None:
    with Engine(postgresql_url, keys=[generate_key()]) as engine:
        engine.apply_each(
            {"kind": "plan", "at": MONDAY.isoformat(), "plan": line_plan(5, project_id=number)}
            for number in range(2 * CHUNK + 5)
        )
        url = make_url(postgresql_url)
        admin = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
        cut = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
        chunks: list[int] = []

        def on_chunk(report: ChunkReport) -> None:
            chunks.append(report.projects)
            with admin.connect() as connection:
                connection.execute(cut, {"name": url.database})

        report = engine.reevaluate(LATER, patience=timedelta(minutes=5), on_chunk=on_chunk)
        admin.dispose()
        assert (report.projects, len(chunks), report.refused) == (2 * CHUNK + 5, 3, ())
        assert engine.reevaluate(LATER, patience=timedelta(minutes=5)).projects == 0


def test_without_patience_a_passing_error_is_raised_and_with_it_the_work_is_tried_again() -> None:
    tried: list[int] = []

    def work() -> str:
        tried.append(1)
        if len(tried) < 3:
            raise StorageError("locked")
        return "done"

    with pytest.raises(StorageError):
        enduring(work, 0)
    assert enduring(work, 60) == "done"

    def refused() -> str:
        raise StorageError("no such value", is_passing=False)

    with pytest.raises(StorageError, match="no such value"):
        enduring(refused, 60)


def test_the_api_says_503_and_when_to_try_again_while_the_database_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "locked.db"
    with Engine(f"sqlite:///{path}?timeout=0.2") as engine:
        engine.load(line_plan(account=7), at=MONDAY)
        token = engine.tokens.add(7)
        held, release = threading.Event(), threading.Event()

        def hold() -> None:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                held.set()
                release.wait()
                connection.execute("ROLLBACK")

        async def run() -> None:
            headers = {"Authorization": f"Bearer {token}"}
            change = {"kind": "project.update", "projectId": 1, "status": "Frozen", "at": LATER.isoformat()}
            async with TestClient(TestServer(create_app(engine))) as client:
                async with client.post(f"{API}/changes", json=change, headers=headers) as refused:
                    assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
                    assert "Server" not in refused.headers
                async with client.get(f"{API}/projects/1", headers=headers) as read:
                    assert read.status == 200  # who only reads is not kept
                release.set()
                holder.join()
                async with client.post(f"{API}/changes", json=change, headers=headers) as taken:
                    assert taken.status == 200

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait()
        try:
            asyncio.run(run())
        finally:
            release.set()
            holder.join()


def test_many_readers_are_answered_while_another_process_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "locked.db"
    with Engine(f"sqlite:///{path}") as engine, closing(sqlite3.connect(path, isolation_level=None)) as holder:
        engine.load(line_plan(account=7), at=MONDAY)
        token = engine.tokens.add(7)
        holder.execute("BEGIN IMMEDIATE")

        async def run() -> None:
            async with TestClient(TestServer(create_app(engine))) as client:
                for _ in range(30):  # more than there are threads; none waits for the mark of the token's use
                    async with client.get(f"{API}/projects/1", headers={"Authorization": f"Bearer {token}"}) as read:
                        assert read.status == 200
                holder.execute("ROLLBACK")

        asyncio.run(run())


def test_large_requests_wait_for_each_other_and_beyond_a_bound_for_nobody(sqlite_engine: Engine) -> None:
    plan = line_plan(*[1.0] * 400)
    plan["tasks"][0]["name"] = "x" * 900
    plan["milestones"] = [{"id": n, "name": "m" * 900} for n in range(100)]  # beyond the bytes of a small request

    async def run() -> None:
        async with TestClient(TestServer(create_app(sqlite_engine))) as client:
            call, other = (Caller(client, sqlite_engine.tokens.add(account)) for account in (7, 8))
            answers = await asyncio.gather(*(call("PUT", f"{API}/projects/{n}", plan_of(plan, n)) for n in range(12)))
            assert sorted({status for status, _ in answers}) == [200, 503]
            assert sum(status == 503 for status, _ in answers) <= 12 - 8
            assert (await other("GET", f"{API}/events"))[0] == 200
            assert (await call("PUT", f"{API}/projects/99", plan_of(plan, 99)))[0] == 200  # there is room again

    asyncio.run(run())


def plan_of(plan: dict[str, Any], number: int) -> dict[str, Any]:
    """The plan as another project's."""
    return {**plan, "project": {**plan["project"], "id": number}}


def test_a_replan_of_a_busy_project_gets_in(sqlite_engine: Engine) -> None:
    """Reports that never stop keep changing the project; at last the plan is written under its lock."""
    sqlite_engine.load(line_plan(*[1.0] * 300), at=MONDAY)
    stop = threading.Event()

    def report() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            remaining = 1 + number % 7 / 10
            sqlite_engine.apply(task_update(1, MONDAY.isoformat(), status="InProgress", remainingDuration=remaining))

    reporter = threading.Thread(target=report)
    reporter.start()
    try:
        sqlite_engine.load(line_plan(*[1.0] * 299, 2.0), at=MONDAY)
    finally:
        stop.set()
        reporter.join()
    assert sqlite_engine.status(1).baseline == 2
