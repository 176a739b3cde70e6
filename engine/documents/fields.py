"""Shared pieces of the documents that come in: camelCase on the wire, checked field by field."""

import re
import sys
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, cast

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from chainbell.engine.errors import InvalidInputError
from chainbell.rules import Calendar, HostId, Person
from chainbell.rules.ids import LARGEST_ID, LONGEST_ID

_NUMBER = re.compile(r"\s*[+-]?[0-9._]+\s*")
EARLIEST_YEAR, LATEST_YEAR = 1900, 2200
LONGEST_TEXT = 1000
"""Characters."""
LONGEST_DURATION = 100_000
"""Working days; some 380 years."""
SMALLEST_DURATION = 1e-6
"""Working days, about 30 ms: shares of anything shorter are beyond all numbers."""
LARGEST_NUMBER = sys.float_info.max
DEEPEST_DATA = 50
"""Lists and objects within each other, in data that is sent on as it is."""


def _host_id(value: Any) -> HostId:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError("an id is an integer or a string")
    if isinstance(value, int):
        if abs(value) > LARGEST_ID:
            raise ValueError("an integer id lies within 2**53")
        return value
    if not 1 <= len(value) <= LONGEST_ID:
        raise ValueError(f"a string id has 1 to {LONGEST_ID} characters")
    return _text(value)


def _text(value: str) -> str:
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("NUL characters and lone surrogates are not text")
    return value


def checked_id(value: Any, field: str) -> HostId:
    """An id that a caller gave; raises InvalidInputError naming the field for what is none."""
    try:
        return _host_id(value)
    except ValueError as error:
        raise InvalidInputError(field, str(error)) from None


def checked_text(value: Any, field: str, longest: int = LONGEST_TEXT) -> str:
    """A text that a caller gave; raises InvalidInputError naming the field for what no database takes."""
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise InvalidInputError(field, f"a text of 1 to {longest} characters is needed")
    try:
        return _text(value)
    except ValueError as error:
        raise InvalidInputError(field, str(error)) from None


def checked_data(value: Any, field: str, depth: int = 0) -> Any:
    """Data that is sent on as it is; raises InvalidInputError naming the place of what JSON cannot hold everywhere."""
    if depth > DEEPEST_DATA:
        raise InvalidInputError(field, f"is nested more than {DEEPEST_DATA} deep")
    if isinstance(value, Mapping):
        return {_as_text(name, field): checked_data(one, f"{field}.{name}", depth + 1) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [checked_data(one, f"{field}[{number}]", depth + 1) for number, one in enumerate(value)]
    if isinstance(value, str):
        return _as_text(value, field)
    if value is not None and not (isinstance(value, (bool, int, float)) and abs(value) <= LARGEST_NUMBER):
        raise InvalidInputError(field, "is neither text, a finite number, true, false, null, a list nor an object")
    return value


def _as_text(value: Any, field: str) -> str:
    try:
        return _text(value)
    except (TypeError, ValueError):
        raise InvalidInputError(field, "NUL characters and lone surrogates are not text") from None


def checked_moment(value: date, field: str) -> date:
    """An instant or a date that a caller gave; raises InvalidInputError without a time zone and for an impossible year.

    `instant_of` says which instant a date is.
    """
    if isinstance(value, datetime) and value.tzinfo is None:
        raise InvalidInputError(field, "an instant needs a time zone")
    try:
        return cast("date", _plausible(value))
    except ValueError as error:
        raise InvalidInputError(field, str(error)) from None


def instant_of(moment: date, calendar: Calendar) -> datetime:
    """The instant itself, or the opening of a date on the project's calendar, in its own time zone."""
    return moment if isinstance(moment, datetime) else calendar.opening(moment)


Id = Annotated[int | str, BeforeValidator(_host_id)]
Text = Annotated[str, Strict(), Field(min_length=1, max_length=LONGEST_TEXT), AfterValidator(_text)]


def _no_sliver(duration: float) -> float:
    if 0 < duration < SMALLEST_DURATION:
        raise ValueError(f"a duration has 0 or at least {SMALLEST_DURATION} working days")
    return duration


WorkingDays = Annotated[float, Strict(), Field(ge=0, le=LONGEST_DURATION, allow_inf_nan=False)]
Duration = Annotated[WorkingDays, AfterValidator(_no_sliver)]
Coordinate = Annotated[float, Strict(), Field(ge=-LONGEST_DURATION, le=LONGEST_DURATION, allow_inf_nan=False)]
Lag = Annotated[float, Strict(), Field(ge=-LONGEST_DURATION, le=LONGEST_DURATION, allow_inf_nan=False)]
Units = Annotated[float, Strict(), Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Percent = Annotated[float, Strict(), Field(ge=0, le=100, allow_inf_nan=False)]


def _plausible(value: Any) -> Any:
    if not EARLIEST_YEAR <= value.year <= LATEST_YEAR:
        raise ValueError(f"lies outside the years {EARLIEST_YEAR} to {LATEST_YEAR}")
    return value


def _no_number(value: Any) -> Any:
    """Numbers are not taken for seconds since 1970, in quotes neither."""
    if isinstance(value, (int, float)) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        raise ValueError("a date or time is written as in ISO 8601")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_no_number), AfterValidator(_plausible)]
Day = Annotated[date, BeforeValidator(_no_number), AfterValidator(_plausible)]


class Document(BaseModel):
    """A frozen document; unknown fields are refused so that a misspelt one is not silently lost."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class PersonDocument(Document):
    """A person as the host knows them."""

    id: Id
    name: Text
    email: Text | None = None

    def value(self) -> Person:
        """The person as the rules take it."""
        return Person(self.id, self.name, self.email)


def invalid(error: ValidationError, within: str = "") -> InvalidInputError:
    """The first thing that pydantic found wrong, as a field path and a reason."""
    first = error.errors(include_url=False)[0]
    path = list(first["loc"])
    if error.title.startswith("tagged-union"):
        path = path[1:]  # the kind of a change is no part of the path
    if path and path[-1] in ("int", "str", "date", "datetime"):
        path.pop()
    field = within
    for part in path:
        field += f"[{part}]" if isinstance(part, int) else f".{part}" if field else str(part)
    if first["type"].startswith("union_tag"):
        return InvalidInputError(f"{field}.kind" if field else "kind", first["msg"])
    if first["type"] == "missing":
        return InvalidInputError(field, "is missing")
    given = first.get("input")
    is_short = isinstance(given, (str, float)) or (isinstance(given, int) and abs(given) <= 10**200)
    shown = f"; got {given!r}"[:200] if is_short else ""
    return InvalidInputError(field or "document", first["msg"].removeprefix("Value error, ") + shown)
