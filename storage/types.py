"""Column types: host ids that come back in the type they came in, instants in UTC."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import DateTime, Dialect, String
from sqlalchemy.types import TypeDecorator

from chainbell.rules import HostId

LONGEST_ID = 64
LARGEST_ID = 2**53 - 1
"""Integers beyond this lose digits in JavaScript receivers."""


def encode_host_id(value: HostId) -> str:
    """An integer as its digits, a string as itself; a string that could be read as an integer behind an apostrophe."""
    if isinstance(value, int):
        return str(value)
    return "'" + value if value[:1] == "'" or _is_integer(value) else value


@lru_cache(maxsize=65_536)
def decode_host_id(stored: str) -> HostId:
    """The id that was encoded; remembered, since a portfolio holds the same ids again and again."""
    if stored[:1] == "'":
        return stored[1:]
    return int(stored) if _is_integer(stored) else stored


def _is_integer(text: str) -> bool:
    digits = text[1:] if text[:1] == "-" else text
    return digits.isascii() and digits.isdigit()


class HostIdType(TypeDecorator[Any]):
    """A host's integer or string id in one text column."""

    impl = String(LONGEST_ID + 1)
    cache_ok = True

    def process_bind_param(self, value: HostId | None, dialect: Dialect) -> str | None:
        return None if value is None else encode_host_id(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> HostId | None:
        return None if value is None else decode_host_id(value)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept and returned in UTC on databases with and without time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
