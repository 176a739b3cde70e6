"""Working days: between instants and coordinates, exactly.

A coordinate counts whole working days since the opening of `origin` plus the fraction of the current day's working
hours. Inside a day the fraction is of real elapsed time, so a day on which the clocks change maps one to one as well.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

from chainbell.rules.errors import CalendarError, CalendarRangeError

MONDAY_TO_FRIDAY = frozenset({1, 2, 3, 4, 5})
EVERY_DAY = frozenset({1, 2, 3, 4, 5, 6, 7})
NOISE = 1e-6
"""Working days (about 30 ms) below which two coordinates are the same instant: the noise of summing floats."""


INSTANT_NOISE = timedelta(milliseconds=30)
"""The same as elapsed time."""


Shift = tuple[time, time | None]
"""Wall-clock opening and closing of one stretch of working hours; a closing of None is midnight at the day's end."""

NINE_TO_FIVE: tuple[Shift, ...] = ((time(9), time(17)),)


@dataclass(frozen=True)
class Calendar:
    """A project's working time.

    `origin` is the date whose opening is coordinate 0; `working_days` are ISO weekdays (1 is Monday); `hours` are the
    shifts of every working day in `time_zone`, in order, with a break between any two of them. Raises CalendarError for
    working days or hours that do not form a calendar; the time zone is looked up when it is first needed.
    """

    origin: date
    working_days: frozenset[int] = MONDAY_TO_FRIDAY
    holidays: frozenset[date] = frozenset()
    hours: tuple[Shift, ...] = NINE_TO_FIVE
    time_zone: str = "UTC"
    _days: "_DayCount" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.working_days or not self.working_days <= EVERY_DAY:
            raise CalendarError("workingDays", "name at least one weekday from 1 (Monday) to 7 (Sunday)")
        if not self.hours:
            raise CalendarError("hours", "name at least one shift")
        for opens, closes in self.hours:
            if closes is not None and closes <= opens:
                raise CalendarError("hours", "closing must come after opening")
        for (_, closes), (opens, _) in pairwise(self.hours):
            if closes is None or opens < closes:
                raise CalendarError("hours", "shifts must come in order and not overlap")
        object.__setattr__(self, "_days", _DayCount(self.origin, self.working_days, self.holidays))

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def is_working(self, day: date) -> bool:
        """Whether `day` falls on a working weekday and is not a holiday."""
        return day.isoweekday() in self.working_days and day not in self.holidays

    def opening(self, day: date) -> datetime:
        """The instant (UTC) at which working hours begin on `day`."""
        return self._at(day, self.hours[0][0])

    def closing(self, day: date) -> datetime:
        """The instant (UTC) at which working hours end on `day`."""
        return self._at(day, self.hours[-1][1])

    def _at(self, day: date, clock: time | None) -> datetime:
        if clock is None:
            return datetime.combine(day + timedelta(days=1), time(0), self._zone).astimezone(UTC)
        return datetime.combine(day, clock, self._zone).astimezone(UTC)

    def _shifts(self, day: date) -> list[tuple[datetime, timedelta]]:
        """The opening instant and real length of each of the day's shifts; a clock change may swallow one whole."""
        spans = ((self._at(day, opens), self._at(day, closes)) for opens, closes in self.hours)
        return [(opens, max(closes - opens, timedelta())) for opens, closes in spans]

    def coordinate(self, instant: datetime) -> float:
        """Working days from the origin to `instant` (aware), negative before it; free time maps to the next opening."""
        day = self.local_date(instant)
        whole = float(self._days.before(day))
        if not self.is_working(day):
            return whole
        shifts = self._shifts(day)
        length = sum((length for _, length in shifts), timedelta())
        if not length:  # a clock change swallowed the working hours
            return whole + (instant >= shifts[-1][0])
        worked = sum((min(max(instant - opens, timedelta()), length) for opens, length in shifts), timedelta())
        return whole + worked / length

    def instant(self, coordinate: float) -> datetime:
        """The instant (UTC) of a coordinate as a finish; a boundary is the closing of the shift before it."""
        whole = self._finish_index(coordinate)
        shifts = self._shifts(self._days.at(whole))
        worked = sum((length for _, length in shifts), timedelta()) * (coordinate - whole)
        for opens, length in shifts[:-1]:
            if worked <= length + INSTANT_NOISE:
                return opens + min(worked, length)
            worked -= length
        return shifts[-1][0] + worked

    def start_instant(self, coordinate: float) -> datetime:
        """The instant (UTC) of a coordinate as a start; a boundary is the opening of the shift after it."""
        whole = int((coordinate + NOISE) // 1)
        shifts = self._shifts(self._days.at(whole))
        worked = sum((length for _, length in shifts), timedelta()) * max(0.0, coordinate - whole)
        for opens, length in shifts[:-1]:
            if worked < length - INSTANT_NOISE:
                return opens + worked
            worked = max(worked - length, timedelta())
        return shifts[-1][0] + (worked if worked > INSTANT_NOISE else timedelta())

    def start_of(self, day: date) -> float:
        """The coordinate of a date as a start: that day's opening, or the next working day's."""
        return float(self._days.before(day))

    def finish_of(self, day: date) -> float:
        """The coordinate of a date as a finish: that day's closing, or the last working day's before it."""
        return float(self._days.before(day) + self.is_working(day))

    def start_date(self, coordinate: float) -> date:
        """The date of a coordinate as a start: a boundary is the opening of the day after it."""
        return self._days.at(int((coordinate + NOISE) // 1))

    def finish_date(self, coordinate: float) -> date:
        """The date of a coordinate as a finish: a boundary is the closing of the day before it."""
        return self._days.at(self._finish_index(coordinate))

    def working_date(self, instant: datetime) -> date:
        """The working day of an instant, the next one where the instant lies after closing or on a day off."""
        day = self.local_date(instant)
        if not self.is_working(day):
            return self._days.at(self._days.before(day))
        return day if instant <= self.closing(day) else self._days.at(self._days.before(day) + 1)

    def local_date(self, instant: datetime) -> date:
        """The calendar date of an instant in the project's time zone."""
        return instant.astimezone(self._zone).date()

    @staticmethod
    def _finish_index(coordinate: float) -> int:
        nearest = round(coordinate)
        if abs(coordinate - nearest) <= NOISE:
            return nearest - 1
        return int(coordinate // 1)


_FIRST_DAY, _LAST_DAY = date(2, 1, 1).toordinal(), date(9998, 12, 31).toordinal()


class _DayCount:
    """Counts working days by arithmetic: whole weeks, less the holidays that cost a working day."""

    def __init__(self, origin: date, working_days: frozenset[int], holidays: frozenset[date]) -> None:
        self._weekdays = sorted(working_days)
        # Weeks are anchored on the Monday on or before the origin.
        self._monday = origin.toordinal() - (origin.isoweekday() - 1)
        self._lost = sorted(self._raw(day) for day in holidays if day.isoweekday() in working_days)
        # The net index of the working day that follows each lost one; rising, so a bisection inverts the count.
        self._net = [raw - position for position, raw in enumerate(self._lost)]
        self._offset = 0
        self._offset = self.before(origin)

    def _raw(self, day: date) -> int:
        weeks, weekday = divmod(day.toordinal() - self._monday, 7)
        return weeks * len(self._weekdays) + bisect_left(self._weekdays, weekday + 1)

    def before(self, day: date) -> int:
        """Working days from the origin's opening to the opening of `day`; negative before the origin."""
        raw = self._raw(day)
        return raw - bisect_left(self._lost, raw) - self._offset

    def at(self, index: int) -> date:
        """The working day with this index, 0 the first on or after the origin; CalendarRangeError beyond year 9998."""
        net = index + self._offset
        raw = net + bisect_right(self._net, net)
        weeks, position = divmod(raw, len(self._weekdays))
        ordinal = self._monday + weeks * 7 + self._weekdays[position] - 1
        if not _FIRST_DAY <= ordinal <= _LAST_DAY:
            raise CalendarRangeError(f"working day {index} lies outside the years 2 to 9998")
        return date.fromordinal(ordinal)
