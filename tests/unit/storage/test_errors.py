"""The driver's errors become our own, in one place."""

import sqlite3
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import lookup
from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
)

from chainbell.storage import ConflictError, Database, DatabaseUrlError, StorageError, is_passing
from chainbell.storage.errors import UnknownOutcomeError, translated


class DeadlockError(Exception):
    sqlstate = "40P01"


@pytest.mark.parametrize(
    ("raised", "becomes", "passing"),
    [
        (OperationalError("SELECT", {}, Exception("disk full")), StorageError, True),
        (OperationalError("SELECT", {}, DeadlockError()), ConflictError, True),
        (DataError("INSERT", {}, Exception("NUL in text")), StorageError, False),
        (sqlite3.OperationalError("database is locked"), StorageError, True),
        (IntegrityError("INSERT", {}, Exception("UNIQUE")), IntegrityError, False),
    ],
)
def test_a_driver_s_error_becomes_our_own(raised: Exception, becomes: type[Exception], passing: bool) -> None:
    with pytest.raises(becomes) as caught, translated():
        raise raised
    assert is_passing(caught.value) is passing


PASSING_STATES = {
    "08000": "connection exception", "08003": "no connection", "08006": "connection failure", "08P01": "protocol",
    "25006": "read-only transaction", "25P03": "idle in transaction", "28000": "authorization", "28P01": "password",
    "3D000": "database not there", "53000": "resources", "53100": "disk full", "53200": "memory",
    "53300": "too many connections", "55006": "object in use", "55P03": "lock not available", "57014": "cancelled",
    "57P01": "admin shutdown", "57P02": "crash", "57P03": "starting up", "57P05": "idle session", "58030": "I/O",
}  # fmt: skip
LASTING_STATES = {
    "22003": "number out of range", "22021": "NUL", "26000": "no such prepared statement", "42501": "privilege",
    "42703": "no such column", "42P01": "no such table", "42P05": "prepared already", "54000": "too large",
    "XX001": "data corrupted", "XX002": "index corrupted",
}  # fmt: skip


@pytest.mark.parametrize(
    ("state", "becomes", "passing"),
    [(state, StorageError, True) for state in PASSING_STATES]
    + [(state, StorageError, False) for state in LASTING_STATES]
    + [("40001", ConflictError, True), ("40P01", ConflictError, True), ("40003", StorageError, True)],
)
def test_every_state_of_postgresql_becomes_our_own(state: str, becomes: type[Exception], passing: bool) -> None:
    """As psycopg raises it, by whatever class of the DBAPI it chooses, and as SQLAlchemy wraps it."""
    kind = lookup(state)
    wrapped = DBAPIError.instance("SELECT", {}, kind("refused"), psycopg.Error)
    assert isinstance(wrapped, DBAPIError)
    with pytest.raises(becomes, match="refused") as caught, translated():
        raise wrapped
    assert is_passing(caught.value) is passing


PASSING_CODES = ("BUSY", "LOCKED", "FULL", "IOERR", "IOERR_FSYNC", "READONLY", "CANTOPEN", "PERM", "PROTOCOL")
LASTING_CODES = ("CORRUPT", "NOTADB", "ERROR", "MISUSE", "TOOBIG", "RANGE", "SCHEMA")


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize(
    ("code", "passing"), [(code, True) for code in PASSING_CODES] + [(code, False) for code in LASTING_CODES]
)
@pytest.mark.parametrize("kind", [sqlite3.OperationalError, sqlite3.DatabaseError, sqlite3.InterfaceError])
def test_every_code_of_sqlite_becomes_our_own(
    kind: type[sqlite3.Error], code: str, passing: bool, wrapped: bool
) -> None:
    error = kind("refused")
    error.sqlite_errorcode = getattr(sqlite3, f"SQLITE_{code}")
    raised = DBAPIError.instance("SELECT", {}, error, sqlite3.Error) if wrapped else error
    with pytest.raises(StorageError, match="refused") as caught, translated():
        raise raised
    assert is_passing(caught.value) is passing


def test_a_snapshot_that_is_out_of_date_on_sqlite_is_a_conflict() -> None:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY_SNAPSHOT
    with pytest.raises(ConflictError), translated():
        raise OperationalError("BEGIN", {}, error)


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError, InternalError, DatabaseError, NotSupportedError])
def test_without_a_state_the_class_decides(kind: type[DBAPIError]) -> None:
    """As where no connection comes about: then there is nobody to say a state."""
    with pytest.raises(StorageError) as caught, translated():
        raise kind("SELECT", {}, Exception("refused"))
    assert is_passing(caught.value) is (kind in (OperationalError, InterfaceError))


@pytest.mark.parametrize(("at_commit", "becomes"), [(True, UnknownOutcomeError), (False, StorageError)])
def test_a_connection_that_is_lost_at_the_commit_has_an_unknown_outcome(at_commit: bool, becomes: type) -> None:
    with pytest.raises(StorageError) as caught, translated(at_commit=at_commit):
        raise OperationalError("COMMIT", {}, Exception("gone"), connection_invalidated=True)
    assert type(caught.value) is becomes
    assert is_passing(caught.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql+asyncpg://h/d", "write postgresql://"),
        ("sqlite+aiosqlite:///x.db", "write sqlite://"),
        ("mysql://h/d", "neither sqlite nor postgresql"),
        ("nonsense", "Could not parse"),
    ],
)
def test_a_url_that_cannot_be_used_says_what_to_write(url: str, reason: str) -> None:
    with pytest.raises(DatabaseUrlError, match=reason) as caught:
        Database(url)
    assert caught.value.field == "database"


def test_the_old_spelling_of_postgresql_is_read(tmp_path: Path) -> None:
    assert Database("postgres://u@h/d").url.drivername == "postgresql+psycopg"
    assert Database(f"sqlite:///{tmp_path / 'x.db'}").is_sqlite
