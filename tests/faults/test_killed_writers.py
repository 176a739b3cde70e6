"""Killed, out of space, out of its database: what was acknowledged is there, what was not is not there in part.

`make test` kills a few times, `make soak` thirty.
"""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from chainbell.engine import Engine, InvalidInputError, StorageError
from chainbell.storage import Database, generate_key, migrations
from chainbell.storage.metadata import PREFIX
from tests.contract.test_migrations import OLD_ROWS
from tests.e2e.commands import ROOT
from tests.e2e.waiting import SECONDS
from tests.faults.checkers import check_kept
from tests.faults.workers import LATE, PROJECTS, batches, load
from tests.soak import SOAK

pytestmark = pytest.mark.soak
KILLS = 30 if SOAK else 3


def start(job: str, url: str, key: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.faults.workers", job, url, key]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def killed(process: "subprocess.Popen[str]", longest: float) -> list[str]:
    """Kills the worker somewhere within so many seconds; returns what it had acknowledged by then."""
    time.sleep(random.uniform(0, longest))
    process.kill()
    out, _ = process.communicate()
    return out.split()


def test_killed_batches_are_there_whole_or_not_at_all(database_url: str) -> None:
    key = generate_key()
    acknowledged = -1
    with Engine(database_url, keys=[key]) as engine:
        engine.webhooks.add(7, "https://hooks.example.com/")
        load(engine)
        for _ in range(KILLS):
            numbers = killed(start("apply_many", database_url, key), 1.5)
            acknowledged = max([acknowledged, *map(int, numbers)])
            check_kept(engine)
            with engine.database.read() as connection:
                ids = set(connection.scalars(text(f"SELECT change_id FROM {PREFIX}change WHERE change_id IS NOT NULL")))  # noqa: S608
            whole = [number for number, changes in enumerate(batches()) if changes[0]["changeId"] in ids]
            assert ids == {change["changeId"] for number in whole for change in batches()[number]}
            assert set(range(acknowledged + 1)) <= set(whole)
        last = start("apply_many", database_url, key)
        last.communicate(timeout=5 * SECONDS)
        assert last.returncode == 0
        check_kept(engine)
        with Engine("sqlite://") as undisturbed:
            load(undisturbed)
            for changes in batches():
                undisturbed.apply_each(changes)
            for project in range(1, PROJECTS + 1):
                assert [e.id for e in engine.events(project)] == [e.id for e in undisturbed.events(project)]


def test_a_killed_re_evaluation_goes_on_where_it_stopped(database_url: str) -> None:
    key = generate_key()
    with Engine(database_url, keys=[key]) as engine:
        load(engine, 1000)
        for _ in range(KILLS):
            killed(start("reevaluate", database_url, key), 2.0)
            check_kept(engine)
        engine.reevaluate(LATE)
        assert engine.reevaluate(LATE).projects == 0
        check_kept(engine)
        with Engine("sqlite://") as undisturbed:
            load(undisturbed, 1000)
            undisturbed.reevaluate(LATE)
            assert sorted(e.id for e in engine.events()) == sorted(e.id for e in undisturbed.events())


def test_a_killed_upgrade_leaves_the_old_database_or_the_new_one(database_url: str) -> None:
    database = Database(database_url)
    database.upgrade("0001")
    with database.write() as connection:
        for number in range(1, 400):
            row = OLD_ROWS["project"][0] | {"key": number, "id": str(number)}
            columns, values = ", ".join(row), ", ".join(f":{column}" for column in row)
            connection.execute(text(f"INSERT INTO {PREFIX}project ({columns}) VALUES ({values})"), row)  # noqa: S608
    for _ in range(KILLS):
        killed(start("upgrade", database_url, ""), 1.0)
        assert database.revision() in ("0001", migrations.HEAD)
        with database.read() as connection:
            calendars = connection.scalars(text(f"SELECT calendar FROM {PREFIX}project")).all()  # noqa: S608
        assert len({"hours" in str(calendar) for calendar in calendars}) == 1
        if database.revision() == "0001":
            with pytest.raises(InvalidInputError, match="db upgrade"):
                Engine(database_url, keys=[generate_key()])
    database.upgrade()
    database.close()
    Engine(database_url, keys=[generate_key()]).close()


def test_a_full_disk_is_said_plainly_and_nothing_is_torn(tmp_path: Path) -> None:
    with Engine(f"sqlite:///{tmp_path / 'full.db'}") as engine:
        load(engine)

        def limit(pages: int) -> None:
            with engine.database.engine.connect() as connection:
                connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

        with engine.database.engine.connect() as connection:
            used = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        limit(used + 4)
        kept = 0
        with pytest.raises(StorageError, match="full"):  # noqa: PT012  somewhere in the stream
            for changes in batches():
                for change in changes:
                    engine.apply(change)
                    kept += 1
        check_kept(engine)
        everything = [change for changes in batches() for change in changes]
        assert kept < len(everything)
        limit(1_000_000)
        before = len(engine.events())
        for change in everything[:kept]:
            engine.apply(change)
        assert len(engine.events()) == before  # what was acknowledged is there
        for change in everything[kept:]:
            engine.apply(change)
        check_kept(engine)
