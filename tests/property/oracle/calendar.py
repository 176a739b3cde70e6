"""Working time: instants to working days counted from the project's start, and those back to dates."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

NOISE = 1e-6
"""Working days; what lies closer together than this is the same."""

_DAY = timedelta(days=1)


class Calendar:
    """Coordinates are whole working days passed since the start date plus the part worked of the present one."""

    def __init__(self, start: date, document: dict[str, Any]) -> None:
        self.start = start
        self.zone = ZoneInfo(document.get("timeZone", "UTC"))
        hours = document.get("hours", ["09:00", "17:00"])
        self._shifts = [hours] if isinstance(hours[0], str) else hours
        self._weekdays = set(document.get("workingDays", [1, 2, 3, 4, 5]))
        self._holidays = {date.fromisoformat(day) for day in document.get("holidays", [])}
        if document.get("calendarDays", False):
            self._shifts, self._weekdays, self._holidays = [["00:00", "24:00"]], set(range(1, 8)), set()
        self._before: dict[date, int] = {start: 0}

    def is_working(self, day: date) -> bool:
        return day.isoweekday() in self._weekdays and day not in self._holidays

    def shifts(self, day: date) -> list[tuple[datetime, datetime]]:
        """The shifts of a working day as instants in UTC."""
        return [(self._instant(day, opens), self._instant(day, closes)) for opens, closes in self._shifts]

    def _instant(self, day: date, wall: str) -> datetime:
        if wall == "24:00":
            day, wall = day + _DAY, "00:00"
        return datetime.combine(day, time.fromisoformat(wall), self.zone).astimezone(UTC)

    def days_before(self, day: date) -> int:
        """Working days from the start date up to, not including, `day`; negative before the start."""
        if day not in self._before:
            step = _DAY if day > self.start else -_DAY
            at = self.start
            while at != day:
                passed = at if step > timedelta(0) else at - _DAY
                count = self._before[at] + (1 if step > timedelta(0) else -1) * self.is_working(passed)
                at += step
                self._before[at] = count
        return self._before[day]

    def coordinate(self, instant: datetime) -> float:
        """Time outside working hours counts as the next opening."""
        instant = instant.astimezone(UTC)
        day = instant.astimezone(self.zone).date()
        whole = self.days_before(day)
        if not self.is_working(day):
            return float(whole)
        worked = length = 0.0
        for opens, closes in self.shifts(day):
            length += (closes - opens).total_seconds()
            worked += max(0.0, (min(instant, closes) - opens).total_seconds())
        return whole + worked / length

    def as_start(self, moment: str | float) -> float:
        """A moment of a plan as a start: a date is its opening."""
        if isinstance(moment, str) and "T" not in moment:
            return float(self.days_before(date.fromisoformat(moment)))
        return self._moment(moment)

    def as_finish(self, moment: str | float) -> float:
        """A moment of a plan as a finish: a date is its closing."""
        if isinstance(moment, str) and "T" not in moment:
            return float(self.days_before(date.fromisoformat(moment) + _DAY))
        return self._moment(moment)

    def _moment(self, moment: str | float) -> float:
        return self.coordinate(datetime.fromisoformat(moment)) if isinstance(moment, str) else float(moment)

    def opening(self, day: date) -> datetime:
        """The first instant of work on `day` or after."""
        while not self.is_working(day):
            day += _DAY
        return self.shifts(day)[0][0]

    def start_date(self, coordinate: float) -> date:
        """The day of a start; one on a boundary is the day that opens."""
        return self._working_day(int((coordinate + NOISE) // 1))

    def finish_date(self, coordinate: float) -> date:
        """The day of a finish; one on a boundary is the day that closes."""
        return self._working_day(-int((NOISE - coordinate) // 1) - 1)

    def _working_day(self, number: int) -> date:
        day = self.start + timedelta(days=number)
        while self.days_before(day) > number:
            day -= _DAY
        while self.days_before(day) < number or not self.is_working(day):
            day += _DAY
        return day

    def day_of_work(self, instant: datetime) -> date:
        """Today, if there is work today and it is not over; else the next working day."""
        day = instant.astimezone(self.zone).date()
        if self.is_working(day) and instant <= self.shifts(day)[-1][1]:
            return day
        day += _DAY
        while not self.is_working(day):
            day += _DAY
        return day
