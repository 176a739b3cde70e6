"""Opening the database and its transactions: SQLite in WAL with synchronous=FULL, or PostgreSQL through psycopg 3."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import StaticPool
from sqlalchemy.schema import CreateSchema

from chainbell.rules.errors import FieldError
from chainbell.storage import migrations
from chainbell.storage.clock import ServerClock
from chainbell.storage.errors import translated
from chainbell.storage.metadata import SCHEMA

BUSY_SECONDS = 30
"""How long a SQLite writer waits for another one before StorageError."""


_CREATING = 0x636861696E62656C
"""The key of the PostgreSQL advisory lock under which tables are created and upgraded."""


class DatabaseUrlError(FieldError):
    """A database URL that cannot be used; the reason says why and, where it can, what to write instead."""

    def __init__(self, reason: str) -> None:
        super().__init__("database", reason)


_SPELLINGS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_ASYNCHRONOUS = {"asyncpg": "postgresql", "aiosqlite": "sqlite"}


def _checked(url: str) -> URL:
    """The URL with the driver that chainbell uses; raises DatabaseUrlError for one it cannot use."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseUrlError(str(error)) from None
    name, _, driver = parsed.drivername.partition("+")
    if driver in _ASYNCHRONOUS:
        plain = _ASYNCHRONOUS[driver]
        raise DatabaseUrlError(
            f"{parsed.drivername!r} names an asynchronous driver; write {plain}://, an async host joins by run_sync"
        )
    if name not in ("sqlite", *_SPELLINGS):
        raise DatabaseUrlError(f"{name!r} is neither sqlite nor postgresql")
    return parsed.set(drivername=_SPELLINGS.get(parsed.drivername, parsed.drivername))


class Database:
    """One database: `read()` and `write()` transactions, each committed or rolled back as a whole.

    Within them the driver's errors become StorageError and ConflictError (`errors.py`). Raises DatabaseUrlError for a
    URL that cannot be used.
    """

    def __init__(self, url: str) -> None:
        self.url = _checked(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._clock = ServerClock()
        try:
            self.engine = self._open_sqlite() if self.is_sqlite else create_engine(self.url, hide_parameters=True)
        except (ArgumentError, NoSuchModuleError) as error:
            raise DatabaseUrlError(str(error)) from None
        except ModuleNotFoundError as error:
            raise DatabaseUrlError(f"its driver {error.name} is missing: pip install 'chainbell[postgres]'") from None

    @property
    def is_in_memory(self) -> bool:
        """A SQLite database that lives as long as this object."""
        return self.is_sqlite and self.url.database in (None, "", ":memory:")

    def _open_sqlite(self) -> Engine:
        options: dict[str, Any] = {"poolclass": StaticPool} if self.is_in_memory else {}
        waits = {} if "timeout" in self.url.query else {"timeout": BUSY_SECONDS}
        arguments = {**waits, "check_same_thread": False}
        engine = create_engine(self.url, hide_parameters=True, connect_args=arguments, **options)

        @event.listens_for(engine, "connect")
        def on_connect(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # transactions begin in `_begin`
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                connection.execute(f"PRAGMA {pragma}")

        return engine

    def prepare(self) -> None:
        """Creates the tables in an empty database; raises RevisionError where `upgrade` is needed first."""
        with self.read() as connection:
            if migrations.revision_of(connection) == migrations.HEAD:
                return
        with self._alone() as connection:
            migrations.prepare(connection)

    def upgrade(self, to: str = migrations.HEAD) -> str | None:
        """Upgrades the tables to revision `to`; returns the one that was there, None for an empty database.

        Raises RevisionError for tables that are newer than this chainbell.
        """
        with self._alone() as connection:
            return migrations.upgrade(connection, to)

    def revision(self) -> str | None:
        """The revision of the tables that are there; None for an empty database."""
        with self.read() as connection:
            return migrations.revision_of(connection)

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        """A write transaction that excludes other processes' changes of the schema."""
        with self.write() as connection:
            if not self.is_sqlite:  # SQLite has one writer; on PostgreSQL the others wait here
                connection.execute(select(func.pg_advisory_xact_lock(_CREATING)))
                if SCHEMA is not None:
                    connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: SQLite admits one at a time, from its first statement on."""
        with translated(), self.engine.begin() as connection:
            self._begin(connection, "BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, from one snapshot."""
        with translated(), self.engine.begin() as connection:
            self._begin(connection, "BEGIN")
            yield connection

    def _begin(self, connection: Connection, statement: str) -> None:
        """Begins a SQLite transaction here, not where the driver guesses, and directly on the driver's connection:
        listening to the engine's own events would cost every statement a tenth of its time."""
        if self.is_sqlite:
            connection.connection.cursor().execute(statement)
        else:
            self.look_at_clock(connection)

    def now(self) -> datetime:
        """The present instant (UTC) by the clock of the server, where there is one; it is not asked each time."""
        return self._clock()

    def look_at_clock(self, connection: Connection) -> None:
        """Reads the server's clock through a connection, unless that was done lately; our transactions do so."""
        if not (self.is_sqlite or self._clock.is_fresh):
            self._clock.read(connection)

    def close(self) -> None:
        """Closes the pooled connections; a database in memory is gone with its connection."""
        self.engine.dispose()
