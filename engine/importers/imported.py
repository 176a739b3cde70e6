"""What an importer gives back, and the small readers that importers of text formats share."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from chainbell.engine.errors import InvalidInputError

MOST_DIGITS = 30
"""Characters of a number that an importer looks at; longer ones are no figures of a plan."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A plan document as far as the file gives one, and in words what was dropped or assumed, and why.

    `accountId`, `project.id` and `project.startDate` may be missing: many formats do not know them.
    """

    kind: str
    document: dict[str, Any]
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Warnings:
    """Collects warnings; of one sort the first few subjects are named and the rest counted."""

    _subjects: dict[str, list[str]] = field(default_factory=dict)

    def add(self, text: str, subject: object = None) -> None:
        self._subjects.setdefault(text, []).extend([] if subject is None else [str(subject)[:80]])

    def texts(self) -> tuple[str, ...]:
        return tuple(text + _listed(subjects) for text, subjects in self._subjects.items())


def _listed(subjects: list[str]) -> str:
    if not subjects:
        return ""
    more = f" and {len(subjects) - 3} more" if len(subjects) > 3 else ""
    return f": {', '.join(subjects[:3])}{more}"


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


def day(value: datetime | date) -> str:
    return value.strftime("%Y-%m-%d") if value.year >= 1000 else value.isoformat()[:10]


def in_utc(value: datetime) -> str:
    """A file's wall-clock time on an imported calendar, whose zone is UTC: the files name none."""
    return value.isoformat() + "Z"


def decoded(data: bytes, name: str) -> str:
    """Text in UTF-8, with or without a byte order mark, else in Windows-1252; raises InvalidInputError for neither."""
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidInputError(name, "is text neither in UTF-8 nor in Windows-1252")
