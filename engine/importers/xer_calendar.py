"""Primavera's calendar text: nested groups `(0||NAME(KEY|VALUE|KEY|VALUE)(GROUPS))`."""

import re
from dataclasses import dataclass, field
from datetime import time

from chainbell.engine.errors import InvalidInputError

DEEPEST = 20
"""Levels of nested groups."""
MOST_DAYS = 200_000
"""The largest day number of an exception that is read, some five centuries after 1899; later ones are ignored."""

_HEAD = re.compile(r"\(\s*\d+\s*\|\|\s*([^()|]*?)\s*\(([^()]*)\)\s*\(")


@dataclass(slots=True)
class Group:
    """A group of the text, with its values by key and the groups inside it."""

    name: str
    values: dict[str, str]
    groups: list["Group"]


@dataclass(slots=True)
class CalendarData:
    """Shifts (opening, closing) by weekday (Sunday is 1), and of exceptional days by day number; none on a day off.

    Day numbers count from 1899-12-30, as in spreadsheets.
    """

    week: dict[int, list[tuple[time, time]]] = field(default_factory=dict)
    exceptions: dict[int, list[tuple[time, time]]] = field(default_factory=dict)


def read_calendar_data(text: str, place: str) -> CalendarData:
    """The working week and the exceptions in the text of a calendar (the column clndr_data).

    Raises InvalidInputError, with `place`, for text that is not such a calendar or names no weekday.
    """
    plain = "".join(character if character.isprintable() else " " for character in text)
    root = _group(plain, 0, place, 0)[0]
    data = CalendarData()
    for part in root.groups:
        if part.name == "DaysOfWeek":
            for weekday in part.groups:
                if weekday.name.isdecimal() and 1 <= int(weekday.name[:3]) <= 7:
                    data.week[int(weekday.name)] = _shifts(weekday, place)
        elif part.name == "Exceptions":
            for exception in part.groups:
                serial = exception.values.get("d", "")
                if serial.isdecimal() and len(serial) < 9 and int(serial) <= MOST_DAYS:
                    data.exceptions[int(serial)] = _shifts(exception, place)
    if not data.week:
        raise InvalidInputError(place, "names no days of the week")
    return data


def _group(text: str, at: int, place: str, depth: int) -> tuple[Group, int]:
    """The group that opens at position `at` of the text, and the position after it."""
    head = _HEAD.match(text, at)
    if head is None or depth > DEEPEST:
        raise InvalidInputError(place, f"is not a Primavera calendar at character {at + 1}")
    pairs = [part.strip() for part in head[2].split("|")]
    group = Group(head[1], dict(zip(pairs[::2], pairs[1::2], strict=False)), [])
    at = head.end()
    while True:
        while at < len(text) and text[at] == " ":
            at += 1
        if text[at : at + 1] == "(":
            inner, at = _group(text, at, place, depth + 1)
            group.groups.append(inner)
        elif text[at : at + 1] == ")":
            return group, _closed(text, at + 1, place)
        else:
            raise InvalidInputError(place, f"is not a Primavera calendar at character {at + 1}")


def _closed(text: str, at: int, place: str) -> int:
    while at < len(text) and text[at] == " ":
        at += 1
    if text[at : at + 1] != ")":
        raise InvalidInputError(place, f"is not a Primavera calendar at character {at + 1}")
    return at + 1


def _shifts(group: Group, place: str) -> list[tuple[time, time]]:
    return [
        (_clock(shift.values["s"], place), _clock(shift.values["f"], place))
        for shift in group.groups
        if "s" in shift.values and "f" in shift.values
    ]


def _clock(text: str, place: str) -> time:
    match = re.fullmatch(r"(\d{1,2}):(\d{2})(?: ?([AP])M)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise InvalidInputError(place, f"{text[:20]!r} is not a time of day")
    hour, minute = int(match[1]), int(match[2])
    if match[3]:
        hour = hour % 12 + (12 if match[3].upper() == "P" else 0)
    if hour == 24 and minute == 0:
        hour = 0
    if hour > 23 or minute > 59:
        raise InvalidInputError(place, f"{text[:20]!r} is not a time of day")
    return time(hour, minute)
