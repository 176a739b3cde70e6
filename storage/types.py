"""Column types: host ids that come back in the type in which they were written, instants in UTC."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, String
from sqlalchemy.types import TypeDecorator

from chainbell.rules.ids import LONGEST_ID, HostId, decode_host_id, encode_host_id


class HostIdType(TypeDecorator[Any]):
    """A host's integer or string id in one text column."""

    impl = String(LONGEST_ID + 1)
    cache_ok = True

    def process_bind_param(self, value: HostId | None, dialect: Dialect) -> str | None:
        """The id as text, in the form of `encode_host_id`."""
        return None if value is None else encode_host_id(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> HostId | None:
        """The id in the type in which it was written."""
        return None if value is None else decode_host_id(value)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept and returned in UTC on databases with and without time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The instant in UTC, without a time zone on SQLite; raises ValueError for a naive datetime."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The instant as an aware datetime in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
