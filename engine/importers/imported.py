"""What an importer returns, and the small readers that the importers share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from chainbell.engine.documents.fields import EARLIEST_YEAR, LATEST_YEAR
from chainbell.engine.errors import InvalidInputError
from chainbell.rules import HostId

MOST_DIGITS = 30
"""The most characters that a number may have; a longer text is not a number of a plan."""


class FileDates(NamedTuple):
    """When the file itself says that a task starts and finishes: wall-clock instants, or dates if it has no times."""

    start: datetime | date | None
    finish: datetime | date | None


class Reason(NamedTuple):
    """Why a task's planned dates may differ from the file's; `moves_finish_only` where the start cannot."""

    text: str
    moves_finish_only: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """A plan document, as far as the file gives one, with warnings that say what was dropped or assumed, and why.

    `accountId`, `project.id` and `project.startDate` may be missing: many formats do not know them. `dates` are the
    file's own, by task id; `reasons` say, by task id, why the planned dates may differ from them. `is_chosen` is set
    where the caller named one of several projects in the file.
    """

    kind: str
    document: dict[str, Any]
    warnings: tuple[str, ...] = ()
    dates: Mapping[HostId, FileDates] = field(default_factory=dict)
    reasons: Mapping[HostId, tuple[Reason, ...]] = field(default_factory=dict)
    is_chosen: bool = False


@dataclass(slots=True)
class Warnings:
    """Collects warnings; of each text the first three subjects are named and the others counted."""

    _subjects: dict[str, list[str]] = field(default_factory=dict)

    def add(self, text: str, subject: object = None) -> None:
        """Adds a warning, with the subject (the first 80 characters of it) that it is about, if any."""
        self._subjects.setdefault(text, []).extend([] if subject is None else [str(subject)[:80]])

    def texts(self) -> tuple[str, ...]:
        """The warnings in the order in which their texts were first added, each text once, with its subjects."""
        return tuple(text + _listed(subjects) for text, subjects in self._subjects.items())


@dataclass(slots=True)
class Reasons:
    """Collects, by task, why its planned dates may differ from those of the file."""

    _found: dict[HostId, list[Reason]] = field(default_factory=dict)

    def add(self, task_id: HostId, text: str, *, moves_finish_only: bool = False) -> None:
        """Adds a reason for one task; the same reason is kept once."""
        reason, found = Reason(text, moves_finish_only), self._found.setdefault(task_id, [])
        if reason not in found:
            found.append(reason)

    def by_task(self) -> dict[HostId, tuple[Reason, ...]]:
        """The reasons by task id, in the order in which they were added."""
        return {task_id: tuple(found) for task_id, found in self._found.items()}


def _listed(subjects: list[str]) -> str:
    if not subjects:
        return ""
    more = f" and {len(subjects) - 3} more" if len(subjects) > 3 else ""
    return f": {', '.join(subjects[:3])}{more}"


def ids_told(ids: list[HostId], origin: str) -> str:
    """The warning that says of which type the task ids are and where they come from, with the first two as examples."""
    kind = "integers" if all(isinstance(one, int) for one in ids) else "strings"
    shown = ", ".join(repr(one) if isinstance(one, int) else f'"{one}"' for one in ids[:2])
    return f"task ids are {kind}, {origin}: {shown}{' ..' if len(ids) > 2 else ''}"


def number(text: str, place: str) -> float:
    """The finite number, less than 1e15 either way, in a text; raises InvalidInputError with the place."""
    try:
        value = float(text) if len(text) <= MOST_DIGITS else float("nan")
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e15:
        raise InvalidInputError(place, f"{text[:40]!r} is not a number")
    return value


def whole(text: str, place: str) -> int:
    """The integer in a text, `3.0` among them; raises InvalidInputError with the place."""
    value = number(text, place)
    if value != int(value):
        raise InvalidInputError(place, f"{text[:40]!r} is not a whole number")
    return int(value)


def instant(text: str, place: str) -> datetime:
    """The wall-clock instant of an ISO 8601 text; raises InvalidInputError with the place.

    Fractions of a second are dropped, and so is a zone, without converting the time: scheduling tools write none.
    """
    try:
        value = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInputError(place, f"{text[:40]!r} is not a date and time") from None
    return value.replace(tzinfo=None, microsecond=0)


def moment(text: str, place: str) -> datetime:
    """Like `instant`, for an instant of a plan; raises InvalidInputError outside the years 1900 to 2200 as well."""
    value = instant(text, place)
    if not EARLIEST_YEAR <= value.year <= LATEST_YEAR:
        raise InvalidInputError(place, f"lies outside the years {EARLIEST_YEAR} to {LATEST_YEAR}")
    return value


def day(value: datetime | date) -> str:
    """The date of an instant or a date as `YYYY-MM-DD`, with four digits of the year on every platform."""
    return value.strftime("%Y-%m-%d") if value.year >= 1000 else value.isoformat()[:10]


def in_utc(value: datetime) -> str:
    """A wall-clock instant as ISO 8601 text in UTC, the zone of an imported calendar: the files name none."""
    return value.isoformat() + "Z"


def decoded(data: bytes, name: str) -> str:
    """The text of a file: UTF-16 by its byte order mark, else UTF-8 with or without one, else Windows-1252.

    Raises InvalidInputError for bytes that are none of them.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _utf_16(data, name)
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidInputError(name, "is text neither in UTF-8 nor in Windows-1252")


def _utf_16(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-16")
    except UnicodeDecodeError:
        raise InvalidInputError(name, "begins as UTF-16 and is not") from None
