"""The wire form of payloads: camelCase keys in declaration order, dates as dates, instants as UTC with a Z."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from chainbell.rules.ids import HostId


@dataclass(frozen=True, slots=True)
class TaskShare:
    """A task that drives a buffer, with the percent of it that it takes."""

    id: HostId
    name: str
    buffer_consumption: float


@dataclass(frozen=True, slots=True)
class Predecessor:
    """A predecessor as task.ready lists it; `completed_at` is an instant (UTC), None while it is not finished."""

    id: HostId
    name: str
    completed_at: datetime | None


def camel_case(name: str) -> str:
    """The wire form of a field name: `buffer_size` becomes `bufferSize`."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


@cache
def _keys(kind: type[Any]) -> tuple[tuple[str, str], ...]:
    return tuple((f.name, camel_case(f.name)) for f in fields(kind))


def wire(value: Any) -> Any:
    """JSON-ready data of a payload (a dataclass of dataclasses, tuples, dates, numbers and strings).

    Raises ValueError for NaN and infinities, TypeError for a value of any other type.
    """
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{value} is no number that JSON knows")
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
    """An aware datetime in UTC, as `2025-01-30T14:30:00Z`; microseconds only where there are any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def shown(percent: float) -> float:
    """A consumption as payloads show it: never below 0, one decimal."""
    return round(max(0.0, percent), 1)


class MalformedPayloadError(ValueError):
    """A document that does not fit the type it is read as; the message names the field and the reason."""


def unwire(kind: Any, document: Any, where: str = "data") -> Any:
    """Reads a value of type `kind` from its wire form: the reverse of `wire`.

    `kind` is a payload class or the type of a field of one; `where` is the path that errors begin with. Unknown fields
    are ignored. Raises MalformedPayloadError for a document that does not fit.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        if document is None and NoneType in arguments:
            return None
        return _first_that_fits([one for one in arguments if one is not NoneType], document, where)
    if origin is tuple:
        if not isinstance(document, list):
            raise MalformedPayloadError(f"{where}: a list is needed")
        return tuple(unwire(arguments[0], item, f"{where}[{number}]") for number, item in enumerate(document))
    if is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(document, dict):
            raise MalformedPayloadError(f"{where}: an object is needed")
        missing = [key for _, key in _keys(kind) if key not in document]
        if missing:
            raise MalformedPayloadError(f"{where}.{missing[0]}: is missing")
        kinds = _kinds(kind)
        return kind(**{name: unwire(kinds[name], document[key], f"{where}.{key}") for name, key in _keys(kind)})
    return _plain(kind, document, where)


def _first_that_fits(kinds: Sequence[Any], document: Any, where: str) -> Any:
    for number, kind in enumerate(kinds):
        try:
            return unwire(kind, document, where)
        except MalformedPayloadError:
            if number == len(kinds) - 1:
                raise
    raise MalformedPayloadError(f"{where}: is null")


def _plain(kind: Any, document: Any, where: str) -> Any:
    try:
        if kind in (date, datetime) and isinstance(document, str):
            return kind.fromisoformat(document)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return kind(document)
        if kind is float and isinstance(document, int | float) and not isinstance(document, bool):
            return float(document)
    except ValueError as error:
        raise MalformedPayloadError(f"{where}: {error}") from None
    if kind is Any or (isinstance(kind, type) and type(document) is kind):
        return document
    raise MalformedPayloadError(f"{where}: {document!r} is no {getattr(kind, '__name__', kind)}")


@cache
def _kinds(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)
