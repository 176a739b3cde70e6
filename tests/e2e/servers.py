"""`chainbell serve` as a process of its own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.commands import CHAINBELL, ENVIRONMENT


@contextmanager
def serving_process(database: Path, *arguments: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Its URL and the process while it serves; it ends by SIGTERM, with status 0."""
    command = [CHAINBELL, "--database", f"sqlite:///{database}", "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1], process
        finally:
            process.terminate()
            process.communicate(timeout=60)
    assert process.returncode == 0


@contextmanager
def serving(database: Path, *arguments: str) -> Iterator[str]:
    """The URL of such a process."""
    with serving_process(database, *arguments) as (url, _):
        yield url
