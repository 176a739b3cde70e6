"""The library of faults does what the tests that use it believe."""

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.interposing import Interposed

GROW = """
import os, sqlite3, sys
path = sys.argv[1]
with sqlite3.connect(path, isolation_level=None) as one:
    one.execute("PRAGMA journal_mode = WAL")
    one.execute("PRAGMA synchronous = FULL")
    one.execute("CREATE TABLE IF NOT EXISTS t (x)")
    one.execute("INSERT INTO t VALUES (randomblob(10000))")
print("kept")
"""


def run(interposed: Interposed, code: str, path: Path, ahead_seconds: int = 0) -> str:
    """The last line that the code prints or fails with, under the library."""
    environment = {**os.environ, **interposed.environment(path.name, ahead_seconds=ahead_seconds)}
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return (done.stdout + done.stderr).strip().splitlines()[-1]


@pytest.mark.parametrize(("fault", "said"), [("full", "database or disk is full"), ("broken", "disk I/O error")])
def test_the_files_of_a_database_fail_while_a_fault_is_on_and_no_others(
    interposed: Interposed, tmp_path: Path, fault: str, said: str
) -> None:
    path = tmp_path / "faulty.db"
    assert run(interposed, GROW, path) == "kept"
    interposed.begin(fault)
    try:
        with closing(sqlite3.connect(path)) as open_already:
            open_already.execute("SELECT count(*) FROM t")
            assert said in run(interposed, GROW, path)
        environment = {**os.environ, **interposed.environment("faulty.db")}
        other = [sys.executable, "-c", GROW, str(tmp_path / "other.db")]
        assert subprocess.check_output(other, env=environment, text=True) == "kept\n"
    finally:
        interposed.end(fault)
    assert run(interposed, GROW, path) == "kept"


def test_the_clock_of_a_process_is_ahead(interposed: Interposed, tmp_path: Path) -> None:
    code = "import time, datetime; print(time.time(), datetime.datetime.now().timestamp())"
    told = run(interposed, code, tmp_path / "x", 3600)
    for seconds in map(float, told.split()):
        assert 3500 < seconds - time.time() < 3700
