"""A week of shifts as the calendar of a plan document, for the importers that read calendars."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from chainbell.engine.importers.imported import Warnings, day

Shift = tuple[str, str]
STANDARD: tuple[Shift, ...] = (("08:00", "12:00"), ("13:00", "17:00"))
"""The hours where a file gives none: Microsoft Project's own default."""


@dataclass(frozen=True, slots=True)
class WorkingWeek:
    """`minutes` of work in a working day; `share` of calendar days that are working days."""

    uid: int
    document: dict[str, Any]
    minutes: float
    share: float
    opens: time


def calendar_document(
    uid: int, week: dict[int, tuple[Shift, ...]], holidays: set[date], warnings: Warnings
) -> WorkingWeek:
    """The calendar of a week of shifts by ISO weekday; of several kinds of days the usual one counts."""
    working = {weekday: shifts for weekday, shifts in week.items() if shifts}
    if not working:
        warnings.add("the calendar has no working hours: Monday to Friday is taken")
        working = dict.fromkeys(range(1, 6), STANDARD)
    usual, _ = Counter(working.values()).most_common(1)[0]
    for weekday, shifts in sorted(working.items()):
        if shifts != usual:
            warnings.add("days with other hours are counted as whole working days", f"weekday {weekday}")
    document = {
        "workingDays": sorted(working),
        "hours": [list(shift) for shift in usual],
        "holidays": sorted(day(holiday) for holiday in holidays if holiday.isoweekday() in working),
    }
    minutes = sum(_minutes(closes) - _minutes(opens) for opens, closes in usual)
    return WorkingWeek(uid, document, minutes, len(working) / 7, time.fromisoformat(usual[0][0]))


def shift_list(spans: list[tuple[time, time]]) -> tuple[Shift, ...]:
    """Shifts in order; a closing of 00:00 is midnight, what overlaps is joined."""
    joined: list[Shift] = []
    for opens, closes in sorted((o.strftime("%H:%M"), c.strftime("%H:%M")) for o, c in spans):
        end = "24:00" if closes == "00:00" else closes
        if end <= opens:
            continue
        if joined and opens <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((opens, end))
    return tuple(joined)


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
