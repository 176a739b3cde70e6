"""The calendars of a Microsoft Project file: weekdays, shifts, exceptions, and what each inherits from its base."""

from datetime import date, time, timedelta

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.fields import Fields
from chainbell.engine.importers.imported import Warnings, instant
from chainbell.engine.importers.working_time import WorkingTime
from chainbell.engine.importers.working_week import (
    STANDARD,
    Shift,
    WorkingWeek,
    calendar_document,
    shift_list,
    working_time,
)

LONGEST_HOLIDAY = 5 * 366
"""Days that one exception may last; a longer one is dropped with a warning."""
MOST_EXCEPTIONS = 100_000
"""Exceptional days that one calendar may have; more are refused."""


class Calendars:
    """The calendars of a file: `week` is the project's, `of` gives the working time of any.

    Raises InvalidInputError for a field that is malformed and for a calendar with too many exceptions.
    """

    def __init__(self, project: Fields, warnings: Warnings) -> None:
        self._known = {fields.whole("UID", -1): fields for fields in project.children("Calendars/Calendar")}
        self._times: dict[int, WorkingTime] = {}
        uid = project.whole("CalendarUID", -1)
        if uid not in self._known:
            warnings.add("the file names no project calendar: Monday to Friday, 08:00-12:00 and 13:00-17:00")
        self.week: WorkingWeek = calendar_document(uid, *self._parts(uid, warnings), warnings)

    def of(self, uid: int) -> WorkingTime:
        """The working time of the calendar `uid`; the project's for one that is missing or has no working hours."""
        if uid == self.week.uid or uid not in self._known:
            return self.week.time
        if uid not in self._times:
            week, exceptions = self._parts(uid, Warnings())
            self._times[uid] = working_time(week, exceptions) if any(week.values()) else self.week.time
        return self._times[uid]

    def _parts(
        self, uid: int, warnings: Warnings
    ) -> tuple[dict[int, tuple[Shift, ...]], dict[date, tuple[Shift, ...]]]:
        week: dict[int, tuple[Shift, ...]] = {weekday: STANDARD if weekday <= 5 else () for weekday in range(1, 8)}
        exceptions: dict[date, tuple[Shift, ...]] = {}
        lineage: list[int] = []
        while uid in self._known and uid not in lineage:
            lineage.append(uid)
            uid = self._known[uid].whole("BaseCalendarUID", -1)
        for ancestor in reversed(lineage):
            _read_week(self._known[ancestor], week, exceptions, warnings)
        return week, exceptions


def _read_week(
    calendar: Fields,
    week: dict[int, tuple[Shift, ...]],
    exceptions: dict[date, tuple[Shift, ...]],
    warnings: Warnings,
) -> None:
    for weekday in calendar.children("WeekDays/WeekDay"):
        kind = weekday.whole("DayType", 0)
        if 1 <= kind <= 7:
            week[7 if kind == 1 else kind - 1] = _shifts(weekday) if weekday.flag("DayWorking") else ()
        else:
            _read_exception(weekday, exceptions, warnings)
    for exception in calendar.children("Exceptions/Exception"):
        _read_exception(exception, exceptions, warnings)
    if calendar.children("WorkWeeks/WorkWeek"):
        warnings.add("work weeks for some time only dropped", calendar.text("Name"))


def _shifts(weekday: Fields) -> tuple[Shift, ...]:
    spans = []
    for hours in weekday.children("WorkingTimes/WorkingTime"):
        opens, closes = _clock(hours, "FromTime"), _clock(hours, "ToTime")
        if opens is not None and closes is not None:
            spans.append((opens, closes))
    return shift_list(spans) if spans else STANDARD


def _clock(fields: Fields, name: str) -> time | None:
    text = fields.text(name)
    if text is None:
        return None
    return instant(text if "T" in text else f"2000-01-01T{text}", f"{fields.place}: {name}").time()


def _read_exception(exception: Fields, exceptions: dict[date, tuple[Shift, ...]], warnings: Warnings) -> None:
    """Adds the days of an exception; of one that recurs by week, month or year, the first day, with a warning."""
    name = exception.text("Name") or "unnamed"
    periods = exception.children("TimePeriod")
    if not periods:
        return
    first, last = periods[0].instant("FromDate"), periods[0].instant("ToDate")
    if first is None or last is None:
        return
    if exception.whole("Type", 1) != 1 and exception.whole("Occurrences", 1) > 1:
        warnings.add("recurring holiday kept for its first day only", name)
        last = first
    days = (last.date() - first.date()).days
    if not 0 <= days <= LONGEST_HOLIDAY:
        warnings.add("holiday of impossible length dropped", name)
        return
    if last.time() == time(0) and days > 0:  # midnight ends the day before
        days -= 1
    shifts = _shifts(exception) if exception.flag("DayWorking") else ()
    exceptions.update((first.date() + timedelta(days=n), shifts) for n in range(days + 1))
    if len(exceptions) > MOST_EXCEPTIONS:
        raise InvalidInputError(exception.place, f"the calendar has more than {MOST_EXCEPTIONS} exceptional days")
