"""Database URLs: the drivers and parameters that are taken, and what the driver is given for them.

A parameter of a PostgreSQL URL is one of libpq's, whatever the installed libpq knows, or psycopg's `prepare_threshold`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from chainbell.rules.errors import FieldError

BUSY_SECONDS = 30
"""How long a SQLite writer waits for another one before StorageError."""
_SPELLINGS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_ASYNCHRONOUS = {"asyncpg": "postgresql", "aiosqlite": "sqlite"}
_OF_DRIVER = frozenset({"timeout", "cached_statements", "uri"})
_OF_SQLITE_URI = frozenset({"cache", "immutable", "mode", "modeof", "nolock", "psow", "vfs"})
_SEVERAL_HOSTS = re.compile(r"(?P<before>postgres\w*(?:\+\w+)?://(?:[^/@]*@)?)(?P<hosts>[^/?@]*,[^/?@]*)(?P<after>.*)")
THRESHOLD = "prepare_threshold"


class DatabaseUrlError(FieldError):
    """A database URL that cannot be used; the reason says why and, where it can, what to write instead."""

    def __init__(self, reason: str) -> None:
        super().__init__("database", reason)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is: the URL with its driver, and the arguments of the driver that SQLAlchemy does not make.

    `decides_on_preparing` is true where the URL itself says after how many executions a statement is prepared.
    """

    url: URL
    arguments: dict[str, Any]
    decides_on_preparing: bool = False

    @property
    def is_sqlite(self) -> bool:
        """SQLite, not PostgreSQL."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def is_in_memory(self) -> bool:
        """A SQLite database that lives as long as its connection."""
        path = self.url.database or ""
        return self.is_sqlite and (
            path in ("", ":memory:") or path.startswith("file::memory:") or self.url.query.get("mode") == "memory"
        )

    @property
    def for_driver(self) -> URL:
        """The URL without what `arguments` says."""
        return self.url.difference_update_query([THRESHOLD])


def read_address(url: str) -> Address:
    """The address that a URL gives; raises DatabaseUrlError for a driver or a parameter that cannot be used."""
    try:
        parsed = make_url(_SEVERAL_HOSTS.sub(_hosts_as_parameters, url))
    except (ArgumentError, ValueError) as error:
        raise DatabaseUrlError(str(error)) from None
    name, _, driver = parsed.drivername.partition("+")
    if driver in _ASYNCHRONOUS:
        plain = _ASYNCHRONOUS[driver]
        raise DatabaseUrlError(
            f"{parsed.drivername!r} names an asynchronous driver; write {plain}://, an async host joins by run_sync"
        )
    if name not in ("sqlite", *_SPELLINGS):
        raise DatabaseUrlError(f"{name!r} is neither sqlite nor postgresql")
    parsed = parsed.set(drivername=_SPELLINGS.get(parsed.drivername, parsed.drivername))
    for parameter, value in parsed.query.items():
        if isinstance(value, tuple) and (name == "sqlite" or parameter != "host"):
            raise DatabaseUrlError(f"the parameter {parameter!r} stands twice")
    return _of_sqlite(parsed) if name == "sqlite" else _of_postgresql(parsed)


def _hosts_as_parameters(found: re.Match[str]) -> str:
    """The form of libpq, `//a:1,b:2/name` in that of SQLAlchemy: `//name?host=a:1&host=b:2`."""
    hosts = "&".join(f"host={host}" for host in found["hosts"].split(","))
    path, _, query = found["after"].partition("?")
    return f"{found['before']}{path or '/'}?{hosts}" + (f"&{query}" if query else "")


def _of_sqlite(url: URL) -> Address:
    is_uri = url.query.get("uri") in ("true", "1", "yes", "on")
    _refuse_unknown(url, _OF_DRIVER | (_OF_SQLITE_URI if is_uri else frozenset()))
    waits = {} if "timeout" in url.query else {"timeout": BUSY_SECONDS}
    return Address(url, {**waits, "check_same_thread": False})


def _of_postgresql(url: URL) -> Address:
    try:
        from psycopg import pq
    except ImportError as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else "psycopg"
        raise DatabaseUrlError(f"its driver {missing} is missing: pip install 'chainbell[postgres]'") from None
    _refuse_unknown(url, {option.keyword.decode() for option in pq.Conninfo.get_defaults()} | {THRESHOLD})
    given = url.query.get(THRESHOLD)
    if given is None:
        return Address(url, {})
    if str(given).lower() != "none" and not str(given).isdecimal():
        raise DatabaseUrlError(
            f"the parameter {THRESHOLD!r} is {given!r}; write after how many executions a statement is prepared, "
            "or none where a pooler stands between"
        )
    return Address(url, {THRESHOLD: int(str(given)) if str(given).isdecimal() else None}, decides_on_preparing=True)


def _refuse_unknown(url: URL, known: Iterable[str]) -> None:
    known = set(known)
    for parameter in url.query:
        if parameter not in known:
            close = get_close_matches(parameter, known, 1)
            hint = f"; {close[0]!r} is one" if close else ""
            raise DatabaseUrlError(f"{url.get_backend_name()} has no parameter {parameter!r}{hint}")
