"""A week of shifts, turned into the calendar of a plan document, for the importers that read calendars."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from chainbell.engine.importers.imported import Warnings, day
from chainbell.engine.importers.working_time import WorkingTime
from chainbell.rules import Calendar

Shift = tuple[str, str]
"""Opening and closing as `HH:MM`; midnight at the day's end is `24:00`."""
STANDARD: tuple[Shift, ...] = (("08:00", "12:00"), ("13:00", "17:00"))
"""The hours of a working day for which a file gives none: Microsoft Project's own default."""
Week = Mapping[int, tuple[Shift, ...]]
"""Shifts by ISO weekday (1 is Monday), empty for a day off."""


@dataclass(frozen=True, slots=True)
class WorkingWeek:
    """A project's calendar, as the file has it (`time`) and as a plan document can say it (`document`).

    `is_exact` where the two agree. `minutes` is the work of one working day, `share` (0..1) that of working days among
    all days, `opens` the first opening of a working day, `uid` the calendar's number in the file.
    """

    uid: int
    document: dict[str, Any]
    minutes: float
    share: float
    opens: time
    time: WorkingTime
    is_exact: bool

    def calendar(self, origin: date) -> Calendar:
        """The calendar, in UTC, that the engine will make of `document`, counting from `origin`."""
        hours = tuple((time.fromisoformat(o), None if c == "24:00" else time.fromisoformat(c)) for o, c in self._hours)
        holidays = frozenset(date.fromisoformat(holiday) for holiday in self.document["holidays"])
        return Calendar(origin, frozenset(self.document["workingDays"]), holidays, hours)

    @property
    def _hours(self) -> list[Shift]:
        return [(opens, closes) for opens, closes in self.document["hours"]]


def calendar_document(
    uid: int, week: Week, exceptions: Mapping[date, tuple[Shift, ...]], warnings: Warnings
) -> WorkingWeek:
    """The calendar of a week of shifts; all working days get the hours that most of its weekdays have.

    `exceptions` are days with other shifts, or with none: holidays are kept, other hours are dropped with a warning. A
    week without working hours becomes Monday to Friday with the `STANDARD` hours, also with a warning.
    """
    working = {weekday: shifts for weekday, shifts in week.items() if shifts}
    if not working:
        warnings.add("the calendar has no working hours: Monday to Friday is taken")
        working = dict.fromkeys(range(1, 6), STANDARD)
    usual, _ = Counter(working.values()).most_common(1)[0]
    is_exact = True
    for weekday, shifts in sorted(working.items()):
        if shifts != usual:
            is_exact = False
            warnings.add("days with other hours are counted as whole working days", f"weekday {weekday}")
    for one, shifts in sorted(exceptions.items()):
        if shifts and shifts != working.get(one.isoweekday()):
            is_exact = False
            warnings.add("exceptional working time dropped", one)
    holidays = sorted(one for one, shifts in exceptions.items() if not shifts and one.isoweekday() in working)
    document = {
        "workingDays": sorted(working),
        "hours": [list(shift) for shift in usual],
        "holidays": [day(holiday) for holiday in holidays],
    }
    return WorkingWeek(
        uid=uid,
        document=document,
        minutes=sum(_minutes(closes) - _minutes(opens) for opens, closes in usual),
        share=len(working) / 7,
        opens=time.fromisoformat(usual[0][0]),
        time=working_time(working, exceptions),
        is_exact=is_exact,
    )


def working_time(week: Week, exceptions: Mapping[date, tuple[Shift, ...]]) -> WorkingTime:
    """The same week and exceptions as the file has them, with the hours of every day."""
    return WorkingTime(
        [_spans(week.get(weekday, ())) for weekday in range(1, 8)],
        {one: _spans(shifts) for one, shifts in exceptions.items()},
    )


def shift_list(spans: list[tuple[time, time]]) -> tuple[Shift, ...]:
    """Shifts in order; a closing of 00:00 is midnight, overlapping shifts are joined, one past midnight is left out."""
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


def _spans(shifts: tuple[Shift, ...]) -> tuple[tuple[int, int], ...]:
    return tuple((_minutes(opens), _minutes(closes)) for opens, closes in shifts)


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
