"""The project calendar of a Microsoft Project file: weekdays, shifts, exceptions."""

from datetime import date, time, timedelta

from chainbell.engine.importers.fields import Fields
from chainbell.engine.importers.imported import Warnings, instant
from chainbell.engine.importers.working_week import STANDARD, Shift, WorkingWeek, calendar_document, shift_list

LONGEST_HOLIDAY = 5 * 366
"""Days."""


def read_calendar(project: Fields, warnings: Warnings) -> WorkingWeek:
    """The calendar that the project names, with what it inherits from its base."""
    known = {fields.whole("UID", -1): fields for fields in project.children("Calendars/Calendar")}
    uid = project.whole("CalendarUID", -1)
    week: dict[int, tuple[Shift, ...]] = {weekday: STANDARD if weekday <= 5 else () for weekday in range(1, 8)}
    lineage: list[int] = []
    current = uid
    while current in known and current not in lineage:
        lineage.append(current)
        current = known[current].whole("BaseCalendarUID", -1)
    if not lineage:
        warnings.add("the file names no project calendar: Monday to Friday, 08:00-12:00 and 13:00-17:00")
    holidays: set[date] = set()
    for ancestor in reversed(lineage):
        _read_week(known[ancestor], week, holidays, warnings)
    return calendar_document(uid, week, holidays, warnings)


def _read_week(calendar: Fields, week: dict[int, tuple[Shift, ...]], holidays: set[date], warnings: Warnings) -> None:
    for weekday in calendar.children("WeekDays/WeekDay"):
        kind = weekday.whole("DayType", 0)
        if 1 <= kind <= 7:
            week[7 if kind == 1 else kind - 1] = _shifts(weekday) if weekday.flag("DayWorking") else ()
        else:
            _read_exception(weekday, holidays, warnings)
    for exception in calendar.children("Exceptions/Exception"):
        _read_exception(exception, holidays, warnings)
    if calendar.children("WorkWeeks/WorkWeek"):
        warnings.add("work weeks for some time only dropped", calendar.text("Name"))


def _shifts(weekday: Fields) -> tuple[Shift, ...]:
    spans = []
    for working_time in weekday.children("WorkingTimes/WorkingTime"):
        opens, closes = _clock(working_time, "FromTime"), _clock(working_time, "ToTime")
        if opens is not None and closes is not None:
            spans.append((opens, closes))
    return shift_list(spans) if spans else STANDARD


def _clock(fields: Fields, name: str) -> time | None:
    text = fields.text(name)
    if text is None:
        return None
    return instant(text if "T" in text else f"2000-01-01T{text}", f"{fields.place}: {name}").time()


def _read_exception(exception: Fields, holidays: set[date], warnings: Warnings) -> None:
    """Days off; days on which work goes on all the same, and those that recur by month or year, are dropped."""
    name = exception.text("Name") or "unnamed"
    if exception.flag("DayWorking"):
        warnings.add("exceptional working time dropped", name)
        return
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
    if last.time() == time(0) and days > 0:  # up to midnight is up to the day before
        days -= 1
    holidays.update(first.date() + timedelta(days=n) for n in range(days + 1))
