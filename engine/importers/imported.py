"""What an importer gives back, and the small readers that importers of text formats share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from chainbell.engine.documents.fields import EARLIEST_YEAR, LATEST_YEAR
from chainbell.engine.errors import InvalidInputError
from chainbell.rules import HostId

MOST_DIGITS = 30
"""Characters of a number that an importer looks at; longer ones are no figures of a plan."""


class FileDates(NamedTuple):
    """When a task starts and finishes by the file itself: wall-clock instants, or days where it says no more."""

    start: datetime | date | None
    finish: datetime | date | None


class Reason(NamedTuple):
    """Why a task's planned dates may not be the file's; some reasons leave its start alone."""

    text: str
    moves_finish_only: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """A plan document as far as the file gives one, and in words what was dropped or assumed, and why.

    `accountId`, `project.id` and `project.startDate` may be missing: many formats do not know them. `dates` are the
    file's own, by task id; `reasons` say by task id what may set the planned dates apart from them. `is_chosen` says
    that the caller's project named one of several in the file.
    """

    kind: str
    document: dict[str, Any]
    warnings: tuple[str, ...] = ()
    dates: Mapping[HostId, FileDates] = field(default_factory=dict)
    reasons: Mapping[HostId, tuple[Reason, ...]] = field(default_factory=dict)
    is_chosen: bool = False


@dataclass(slots=True)
class Warnings:
    """Collects warnings; of one sort the first few subjects are named and the rest counted."""

    _subjects: dict[str, list[str]] = field(default_factory=dict)

    def add(self, text: str, subject: object = None) -> None:
        self._subjects.setdefault(text, []).extend([] if subject is None else [str(subject)[:80]])

    def texts(self) -> tuple[str, ...]:
        return tuple(text + _listed(subjects) for text, subjects in self._subjects.items())


@dataclass(slots=True)
class Reasons:
    """Collects by task what may set its planned dates apart from those of the file."""

    _found: dict[HostId, list[Reason]] = field(default_factory=dict)

    def add(self, task_id: HostId, text: str, *, moves_finish_only: bool = False) -> None:
        reason, found = Reason(text, moves_finish_only), self._found.setdefault(task_id, [])
        if reason not in found:
            found.append(reason)

    def by_task(self) -> dict[HostId, tuple[Reason, ...]]:
        return {task_id: tuple(found) for task_id, found in self._found.items()}


def _listed(subjects: list[str]) -> str:
    if not subjects:
        return ""
    more = f" and {len(subjects) - 3} more" if len(subjects) > 3 else ""
    return f": {', '.join(subjects[:3])}{more}"


def ids_told(ids: list[HostId], origin: str) -> str:
    """How the tasks of a file are named from now on: which type their ids have and where they come from."""
    kind = "integers" if all(isinstance(one, int) for one in ids) else "strings"
    shown = ", ".join(repr(one) if isinstance(one, int) else f'"{one}"' for one in ids[:2])
    return f"task ids are {kind}, {origin}: {shown}{' ..' if len(ids) > 2 else ''}"


def number(text: str, place: str) -> float:
    """A finite decimal number; raises InvalidInputError with the place."""
    try:
        value = float(text) if len(text) <= MOST_DIGITS else float("nan")
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e15:
        raise InvalidInputError(place, f"{text[:40]!r} is not a number")
    return value


def whole(text: str, place: str) -> int:
    """An integer; raises InvalidInputError with the place."""
    value = number(text, place)
    if value != int(value):
        raise InvalidInputError(place, f"{text[:40]!r} is not a whole number")
    return int(value)


def instant(text: str, place: str) -> datetime:
    """A wall-clock instant without a zone, as scheduling tools write them; raises InvalidInputError with the place."""
    try:
        value = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInputError(place, f"{text[:40]!r} is not a date and time") from None
    return value.replace(tzinfo=None, microsecond=0)


def moment(text: str, place: str) -> datetime:
    """An instant of a plan, within the years that plans have; raises InvalidInputError with the place."""
    value = instant(text, place)
    if not EARLIEST_YEAR <= value.year <= LATEST_YEAR:
        raise InvalidInputError(place, f"lies outside the years {EARLIEST_YEAR} to {LATEST_YEAR}")
    return value


def day(value: datetime | date) -> str:
    return value.strftime("%Y-%m-%d") if value.year >= 1000 else value.isoformat()[:10]


def in_utc(value: datetime) -> str:
    """A file's wall-clock time on an imported calendar, whose zone is UTC: the files name none."""
    return value.isoformat() + "Z"


def decoded(data: bytes, name: str) -> str:
    """Text in UTF-8, with or without a byte order mark, else in Windows-1252; raises InvalidInputError for neither."""
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
