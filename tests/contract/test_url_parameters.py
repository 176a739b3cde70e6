"""The parameters of a PostgreSQL URL, as a server sees them."""

import pytest
from sqlalchemy import text

from chainbell.engine import Engine, InvalidInputError
from chainbell.storage import Database, generate_key

SHOWN = {
    "application_name=bell": ("application_name", "bell"),
    "options=-c%20statement_timeout%3D4321": ("statement_timeout", "4321ms"),
    "options=-c%20default_transaction_isolation%3Dserializable": ("default_transaction_isolation", "serializable"),
    "target_session_attrs=read-write&connect_timeout=20&keepalives_idle=30": ("transaction_read_only", "off"),
    "sslmode=prefer&prepare_threshold=none": ("server_encoding", "UTF8"),
}


@pytest.mark.parametrize("parameters", SHOWN)
def test_they_hold_in_the_session(postgresql_url: str, parameters: str) -> None:
    name, value = SHOWN[parameters]
    database = Database(f"{postgresql_url}&{parameters}")
    with database.read() as connection:
        assert connection.scalar(text(f"SHOW {name}")) == value
    database.close()


def test_the_first_host_that_answers_is_used(postgresql_url: str) -> None:
    folder = postgresql_url.partition("host=")[2]
    there = postgresql_url.replace("host=", f"host={folder}-is-not-there,")
    with Engine(there, keys=[generate_key()]) as engine:
        assert engine.events() == []


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [("sslmode=sometimes", "sslmode"), ("connect_timeout=soon", "connect_timeout"), ("sslmode=verify-full", "")],
)
def test_a_value_that_libpq_does_not_take_is_told(postgresql_url: str, parameter: str, reason: str) -> None:
    url = postgresql_url.partition("?")[0].replace("@", "@127.0.0.1:1") + f"?{parameter}"
    with pytest.raises(InvalidInputError, match=f"database: cannot be opened.*{reason}"):
        Engine(url, keys=[generate_key()])
