"""Opening the database and its transactions: SQLite in WAL with synchronous=FULL, or PostgreSQL through psycopg 3."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, select
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import QueuePool
from sqlalchemy.schema import CreateSchema

from chainbell.storage import migrations
from chainbell.storage.clock import ServerClock
from chainbell.storage.errors import StorageError, translated
from chainbell.storage.forking import after_fork
from chainbell.storage.metadata import SCHEMA
from chainbell.storage.pooling import avoid_lost_connections, prepare_nothing_behind_a_pooler
from chainbell.storage.urls import BUSY_SECONDS, Address, DatabaseUrlError, read_address

KEPT_CONNECTIONS, MOST_CONNECTIONS = 5, 40
"""How many connections are kept open, and how many threads may use one at a time: more than a server has by default."""
_CREATING = 0x636861696E62656C
"""The key of the PostgreSQL advisory lock under which tables are created and upgraded."""


class Database:
    """One database: `read()` and `write()` transactions, each committed or rolled back as a whole.

    Within them the driver's errors become StorageError and ConflictError (`errors.py`). A process that was forked has
    connections of its own; a database in memory stays with the process that opened it. Raises DatabaseUrlError for a
    URL that cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._address = read_address(url)
        self._clock = ServerClock()
        try:
            self.engine = self._open_sqlite() if self.is_sqlite else self._open_postgresql()
        except (ArgumentError, NoSuchModuleError, ValueError) as error:
            raise DatabaseUrlError(str(error)) from None
        self._is_of_another_process = False
        self._inherited: list[object] = []
        after_fork(self._forked)

    @property
    def url(self) -> URL:
        """The URL as it was given, with the driver that is used."""
        return self._address.url

    @property
    def is_sqlite(self) -> bool:
        """SQLite, not PostgreSQL."""
        return self._address.is_sqlite

    @property
    def is_in_memory(self) -> bool:
        """A SQLite database that lives as long as this object."""
        return self._address.is_in_memory

    def _open_sqlite(self) -> Engine:
        options: dict[str, Any] = {}
        if self.is_in_memory:  # it is its connection, which threads use in turn
            options = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0, "pool_timeout": BUSY_SECONDS}
        engine = _engine(self._address, **options)

        @event.listens_for(engine, "connect")
        def on_connect(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # transactions begin in `_begin`
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                connection.execute(f"PRAGMA {pragma}")

        return engine

    def _open_postgresql(self) -> Engine:
        engine = _engine(self._address)
        avoid_lost_connections(engine)
        if not self._address.decides_on_preparing:
            prepare_nothing_behind_a_pooler(engine)
        return engine

    def _forked(self) -> None:
        """In the child, the parent's connections are neither used nor closed; it opens its own."""
        if self.is_in_memory:
            self._is_of_another_process = True
        else:
            self._inherited.append(self.engine.pool)
            self.engine.dispose(close=False)

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
        """A transaction that writes: SQLite admits one at a time, from its first statement on.

        Raises UnknownOutcomeError where the connection is lost during the commit.
        """
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, from one snapshot."""
        with self._transaction("BEGIN", isolation_level="REPEATABLE READ") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str, *, isolation_level: str | None = None) -> Iterator[Connection]:
        """A transaction; `begin` starts it on SQLite, where it is serializable, `isolation_level` is for PostgreSQL."""
        if self._is_of_another_process:
            raise StorageError("a database in memory is not there in a forked process: use a file", is_passing=False)
        with translated(), self.engine.connect() as connection:
            if isolation_level is not None and not self.is_sqlite:
                connection.execution_options(isolation_level=isolation_level)
            with connection.begin() as transaction:
                self._begin(connection, begin)
                yield connection
                with translated(at_commit=True):
                    transaction.commit()

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


def _engine(address: Address, **options: Any) -> Engine:
    kept = {"pool_size": KEPT_CONNECTIONS, "max_overflow": MOST_CONNECTIONS - KEPT_CONNECTIONS, **options}
    return create_engine(address.for_driver, hide_parameters=True, connect_args=address.arguments, **kept)
