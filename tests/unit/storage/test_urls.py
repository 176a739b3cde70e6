"""A database's URL: what reaches the driver, and what is refused by name."""

import pytest

from chainbell.storage import Database, DatabaseUrlError
from chainbell.storage.urls import read_address


def arguments(url: str) -> dict[str, object]:
    """What psycopg or sqlite3 would be called with."""
    database = Database(url)
    _, made = database.engine.dialect.create_connect_args(read_address(url).for_driver)
    made.pop("context", None)
    return {**made, **read_address(url).arguments}


def test_parameters_reach_libpq_and_psycopg() -> None:
    url = (
        "postgresql://u:p@h:5433/d?sslmode=require&connect_timeout=3&application_name=bell&keepalives_idle=30"
        "&target_session_attrs=read-write&options=-c%20statement_timeout%3D5000&prepare_threshold=2"
    )
    assert arguments(url) == {
        "host": "h", "port": 5433, "user": "u", "password": "p", "dbname": "d",
        "sslmode": "require", "connect_timeout": "3", "application_name": "bell", "keepalives_idle": "30",
        "target_session_attrs": "read-write", "options": "-c statement_timeout=5000", "prepare_threshold": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@a:1,b:2/d",
        "postgresql://u@/d?host=a:1&host=b:2",
        "postgresql://u@/d?host=a,b&port=1,2",
    ],
)
def test_several_hosts_are_tried_in_turn(url: str) -> None:
    made = arguments(url)
    assert (made["host"], made["port"], made["user"], made["dbname"]) == ("a,b", "1,2", "u", "d")


@pytest.mark.parametrize(("given", "threshold"), [("none", None), ("None", None), ("0", 0), ("5", 5)])
def test_the_threshold_of_preparing_is_a_number_or_none(given: str, threshold: int | None) -> None:
    address = read_address(f"postgresql://h/d?prepare_threshold={given}")
    assert address.arguments == {"prepare_threshold": threshold}
    assert address.decides_on_preparing
    assert not read_address("postgresql://h/d").decides_on_preparing


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://h/d?ssl_mode=require", "no parameter 'ssl_mode'; 'sslmode' is one"),
        ("postgresql://h/d?autocommit=true", "no parameter 'autocommit'"),
        ("postgresql://h/d?pool_size=3", "no parameter 'pool_size'"),
        ("postgresql://h/d?prepare_threshold=often", "'prepare_threshold' is 'often'; write"),
        ("postgresql://h/d?prepare_threshold=-1", "'prepare_threshold' is '-1'"),
        ("postgresql://h/d?sslmode=require&sslmode=disable", "'sslmode' stands twice"),
        ("postgresql://h:nonsense/d", "nonsense"),
        ("sqlite:///x.db?timeot=3", "no parameter 'timeot'; 'timeout' is one"),
        ("sqlite:///x.db?mode=ro", "no parameter 'mode'"),
        ("sqlite:///x.db?isolation_level=EXCLUSIVE", "no parameter 'isolation_level'"),
        ("sqlite:///x.db?timeout=soon", "soon"),
    ],
)
def test_what_cannot_be_is_refused_by_name(url: str, reason: str) -> None:
    with pytest.raises(DatabaseUrlError, match=reason):
        Database(url)


@pytest.mark.parametrize(
    ("url", "is_in_memory"),
    [
        ("sqlite://", True),
        ("sqlite:///:memory:", True),
        ("sqlite:///file::memory:?uri=true&cache=shared", True),
        ("sqlite:///file:name?mode=memory&uri=true", True),
        ("sqlite:///file:name.db?mode=ro&uri=true", False),
        ("sqlite:///name.db?timeout=3", False),
        ("postgresql://h/d", False),
    ],
)
def test_a_database_in_memory_is_known_by_its_url(url: str, is_in_memory: bool) -> None:
    assert Database(url).is_in_memory is is_in_memory
