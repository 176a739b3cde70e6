"""A SQLite database copied while it is written to: every copy opens, is whole, and agrees with the history.

Files are copied by another process: whoever opens and closes a database's file loses its own locks on it. A reading
transaction keeps the write-ahead log from being begun anew between the copies of the two files.
"""

import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from chainbell.engine import Engine
from chainbell.storage import generate_key
from tests.e2e.waiting import until
from tests.faults.checkers import EARLIER, OF_THE_DATABASE, faults, replay_gives_the_same_events
from tests.faults.history import Recorder, read
from tests.faults.kept import kept_by
from tests.faults.processes import Process, worker
from tests.faults.workers import SECRET, WRITERS
from tests.plans import MONDAY, line_plan
from tests.soak import SOAK

pytestmark = pytest.mark.soak
COPIES = 120 if SOAK else 4


def copied(database: Path, to: Path, number: int) -> Path:
    """A copy made by SQLite's own backup, or of the two files as they are."""
    copy = to / f"copy-{number}.db"
    with closing(sqlite3.connect(database)) as source:
        if number % 2:
            with closing(sqlite3.connect(copy)) as target:
                source.backup(target, pages=5)
            return copy
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM chainbell_change").fetchone()
        for ending in ("", "-wal"):
            subprocess.run(["cp", f"{database}{ending}", f"{copy}{ending}"], check=True)
    return copy


def test_copies_of_a_live_database_are_whole(tmp_path: Path, chance: Random) -> None:
    database, key = tmp_path / "live.db", generate_key()
    recorder = Recorder(tmp_path / "history")
    with Engine(f"sqlite:///{database}", keys=[key]) as engine:
        engine.webhooks.add(WRITERS, "https://hooks.example.com/", secret=SECRET)
        engine.load(line_plan(project_id=WRITERS, account=WRITERS), at=MONDAY)
    write = worker("write", f"sqlite:///{database}", key, str(WRITERS), str(recorder.path))
    writer = Process("writer", write, {}, tmp_path, "begun")
    writer.start()
    try:
        for number in range(COPIES):
            before = len(read(recorder.path).acknowledged)
            until(lambda before=before: len(read(recorder.path).acknowledged) > before)  # type: ignore[misc]
            time.sleep(chance.uniform(0, 0.05))
            history = read(recorder.path)
            copy = copied(database, tmp_path, number)
            with closing(sqlite3.connect(copy)) as opened:
                assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            with Engine(f"sqlite:///{copy}", keys=[key]) as engine:
                there = kept_by(engine)
            assert len(there.changes) > number
            checkers = (*EARLIER, *OF_THE_DATABASE, replay_gives_the_same_events)
            assert faults(checkers, history, there) == [], copy.name
    finally:
        writer.discard()
        recorder.close()
