"""What can go wrong with a database, whichever it is and whichever driver says so; translated once, in `Database`."""

from collections.abc import Iterator
from contextlib import contextmanager
from sqlite3 import Error as SQLiteError
from sqlite3 import IntegrityError as SQLiteIntegrityError

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from chainbell.rules.errors import ChainbellError

CONFLICTS = {"40001", "40P01"}
"""The SQLSTATEs of PostgreSQL after which a transaction can be repeated: serialization failure, deadlock."""


PASSING = {"25006", "25P03", "25P04"}
"""SQLSTATEs that say how the server is, though they are no operational errors to the driver: read-only, as after a
failover to a server that is not promoted yet; a transaction that was idle, or open, for longer than it allows."""


class StorageError(ChainbellError):
    """The database refused, and nothing was kept.

    `is_passing` is true where its present state is the cause (full, gone, locked, read-only), so that the same can be
    tried again; it is false where the request itself is.
    """

    def __init__(self, message: str, *, is_passing: bool = True) -> None:
        super().__init__(message)
        self.is_passing = is_passing


class ConflictError(ChainbellError):
    """Other writers came first; nothing was kept, and the same can be sent again."""


def is_passing(error: BaseException) -> bool:
    """Whether the error comes from the database's present state, not from what it was asked to do."""
    return isinstance(error, ConflictError) or (isinstance(error, StorageError) and error.is_passing)


@contextmanager
def translated() -> Iterator[None]:
    """Turns the driver's errors, wrapped by SQLAlchemy or raw, into StorageError and ConflictError.

    IntegrityError passes through: it is how unique constraints answer, and callers that rely on them expect it.
    """
    try:
        yield
    except (IntegrityError, SQLiteIntegrityError):
        raise
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None)
        if state in CONFLICTS:
            raise ConflictError(f"another transaction came first: {error.orig}") from error
        is_operational = isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated
        passing = is_operational or state in PASSING
        raise StorageError(f"the database refused: {error.orig}", is_passing=passing) from error
    except PoolTimeoutError as error:
        raise StorageError(f"all connections to the database are taken: {error}") from error
    except (StatementError, OverflowError, UnicodeError) as error:  # a value that the driver cannot write
        raise StorageError(f"the database takes no such value: {error}", is_passing=False) from error
    except SQLiteError as error:
        raise StorageError(f"the database refused: {error}") from error
