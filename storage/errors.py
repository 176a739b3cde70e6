"""What can go wrong with a database, whichever it is and whichever driver says so; translated once, in `translated`."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from chainbell.rules.errors import ChainbellError

CONFLICTS = {"40001", "40P01"}
"""The SQLSTATEs of PostgreSQL after which a transaction can be repeated: serialization failure, deadlock."""
PASSING = ("08", "25006", "25P03", "25P04", "28", "3D", "40003", "53", "55", "57", "58")
"""The SQLSTATEs, or how they begin, that tell of the server's state: connection lost, read-only after a failover, timed
out while idle, password or database not there (yet), resources short, locked, shutting down, input or output."""
UNPREPARED = {"26000", "42P05"}
"""The SQLSTATEs of a prepared statement that another session has: a pooler in transaction mode lies between."""
PASSING_ON_SQLITE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}
"""The primary result codes of SQLite that tell of the file's state, not of a damaged file or a wrong statement."""


class StorageError(ChainbellError):
    """The database refused, and nothing was kept.

    `is_passing` is true where its present state is the cause (full, gone, locked, read-only), so that the same can be
    tried again; it is false where the request itself is.
    """

    def __init__(self, message: str, *, is_passing: bool = True) -> None:
        super().__init__(message)
        self.is_passing = is_passing


class UnknownOutcomeError(StorageError):
    """The connection was lost while the transaction was being committed: it was kept as a whole, or not at all.

    A change with a `changeId` can be sent again: it is applied once. Without one, look first.
    """


class ConflictError(ChainbellError):
    """Other writers came first; nothing was kept, and the same can be sent again."""


def is_passing(error: BaseException) -> bool:
    """Whether the error comes from the database's present state, not from what it was asked to do."""
    return isinstance(error, ConflictError) or (isinstance(error, StorageError) and error.is_passing)


@contextmanager
def translated(*, at_commit: bool = False) -> Iterator[None]:
    """Turns the driver's errors, wrapped by SQLAlchemy or raw, into StorageError and ConflictError.

    `at_commit`, a connection that is lost is an UnknownOutcomeError. IntegrityError passes through: it is how unique
    constraints answer, and callers that rely on them expect it.
    """
    try:
        yield
    except (IntegrityError, sqlite3.IntegrityError):
        raise
    except DBAPIError as error:
        if at_commit and error.connection_invalidated:
            raise UnknownOutcomeError(
                f"the connection was lost at the commit, which took place or did not: {error.orig}"
            ) from error
        raise _own_error(error) from error
    except PoolTimeoutError as error:
        raise StorageError(f"all connections to the database are taken: {error}") from error
    except (StatementError, OverflowError, UnicodeError) as error:  # a value that the driver cannot write
        raise StorageError(f"the database takes no such value: {error}", is_passing=False) from error
    except sqlite3.Error as error:
        raise StorageError(f"the database refused: {error}", is_passing=_is_passing_on_sqlite(error)) from error


def _own_error(error: DBAPIError) -> StorageError | ConflictError:
    """The error of ours that a driver's error becomes."""
    refused = f"the database refused: {error.orig}"
    if isinstance(error.orig, sqlite3.Error):
        if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY_SNAPSHOT:
            return ConflictError(f"another transaction came first: {error.orig}")
        return StorageError(refused, is_passing=_is_passing_on_sqlite(error.orig))
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state in CONFLICTS:
        return ConflictError(f"another transaction came first: {error.orig}")
    if state in UNPREPARED:
        hint = "a pooler in transaction mode? write prepare_threshold=none into the database's URL"
        return StorageError(f"{refused} ({hint})", is_passing=False)
    if state is not None:
        return StorageError(refused, is_passing=state.startswith(PASSING) or error.connection_invalidated)
    is_passing = isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated
    return StorageError(refused, is_passing=is_passing)


def _is_passing_on_sqlite(error: sqlite3.Error) -> bool:
    """By the primary result code; an error of the module itself, such as a closed connection, has none."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.OperationalError) if code is None else code & 0xFF in PASSING_ON_SQLITE
