"""The wire form of payloads: camelCase keys in declaration order, dates as dates, instants as UTC with a Z."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from typing import Any

from chainbell.rules.model import HostId


@dataclass(frozen=True, slots=True)
class TaskShare:
    """A task that drives a buffer, with the percent of it that it takes."""

    id: HostId
    name: str
    buffer_consumption: float


@dataclass(frozen=True, slots=True)
class Predecessor:
    id: HostId
    name: str
    completed_at: datetime | None


def camel_case(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


@cache
def _keys(kind: type[Any]) -> tuple[tuple[str, str], ...]:
    return tuple((f.name, camel_case(f.name)) for f in fields(kind))


def wire(value: Any) -> Any:
    """JSON-ready data of a payload (a dataclass of dataclasses, tuples, dates, numbers and strings)."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return wire_instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (tuple, list)):
        return [wire(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): wire(item) for key, item in value.items()}
    kind: type[Any] = type(value)
    if is_dataclass(kind):
        return {key: wire(getattr(value, name)) for name, key in _keys(kind)}
    raise TypeError(f"a payload cannot carry {type(value).__name__}")


def wire_instant(instant: datetime) -> str:
    """`2025-01-30T14:30:00Z`; microseconds only where there are any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def shown(percent: float) -> float:
    """A consumption as payloads show it: never below 0, one decimal."""
    return round(max(0.0, percent), 1)
