"""A fork after use: each process has connections of its own; a database in memory is refused in the child."""

import subprocess
import sys

from chainbell.storage import generate_key
from tests.e2e.commands import ROOT


def forked(url: str) -> str:
    command = [sys.executable, "-m", "tests.e2e.forking_host", url, generate_key()]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_a_fork_after_use_works(database_url: str) -> None:
    assert forked(database_url) == "9.0 2.0 11.0"


def test_a_database_in_memory_is_refused_in_a_forked_process() -> None:
    assert forked("sqlite://") == "5.0 2.0 5.0"
