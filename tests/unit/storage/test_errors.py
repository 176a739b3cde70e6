"""The driver's errors become our own, in one place."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from chainbell.storage import ConflictError, Database, DatabaseUrlError, StorageError, is_passing
from chainbell.storage.errors import translated


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
