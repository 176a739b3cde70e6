"""The working time of one calendar of a file: minutes of work between wall-clock instants.

The engine's calendar has the same hours on every working day. A file may have several calendars, and each may have
other hours on every day: `WorkingTime` says when a task of so many minutes ends on one of them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import accumulate

Span = tuple[int, int]
"""Opening and closing, as minutes from midnight (0..1440)."""

_DAYS = range(date(2, 1, 1).toordinal(), date(9998, 12, 31).toordinal())


@dataclass(frozen=True)
class WorkingTime:
    """`week` holds the spans of Monday to Sunday, in order; `exceptions` those of single days, empty for a day off."""

    week: Sequence[tuple[Span, ...]]
    exceptions: Mapping[date, tuple[Span, ...]] = field(default_factory=dict)
    _week_before: list[int] = field(init=False, repr=False, compare=False)
    _days: list[int] = field(init=False, repr=False, compare=False)
    _gained: list[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lengths = [_length(spans) for spans in self.week]
        days = sorted(self.exceptions)
        gains = [_length(self.exceptions[one]) - lengths[one.weekday()] for one in days]
        object.__setattr__(self, "_week_before", list(accumulate(lengths, initial=0)))
        object.__setattr__(self, "_days", [one.toordinal() for one in days])
        object.__setattr__(self, "_gained", list(accumulate(gains, initial=0)))

    def worked(self, at: datetime) -> float:
        """Minutes of work before an instant, counted from the year 1: only differences mean anything."""
        minute = at.hour * 60 + at.minute + at.second / 60
        today = sum(min(max(minute - opens, 0.0), closes - opens) for opens, closes in self._spans(at.date()))
        return self._before(at.toordinal()) + today

    def between(self, start: datetime, finish: datetime) -> float:
        """Minutes of work from one instant to another, negative where `finish` comes first."""
        return self.worked(finish) - self.worked(start)

    def opening(self, at: datetime) -> datetime:
        """The instant itself, or the next opening where it is not in working time."""
        return self._start(self.worked(at))

    def after(self, start: datetime, minutes: float) -> datetime:
        """When work of `minutes` that begins at `start` ends; of no minutes, the next opening."""
        return self._finish(self.worked(start) + minutes) if minutes > 0 else self.opening(start)

    def back(self, finish: datetime, minutes: float) -> datetime:
        """When work of `minutes` must begin to end at `finish`."""
        return self._start(self.worked(finish) - minutes)

    def shifted(self, at: datetime, minutes: float) -> datetime:
        """The instant `minutes` of work after another, or before it where they are negative; of 0 minutes, the same."""
        return self._finish(self.worked(at) + minutes) if minutes else at

    def _spans(self, one: date) -> tuple[Span, ...]:
        found = self.exceptions.get(one)
        return self.week[one.weekday()] if found is None else found

    def _before(self, ordinal: int) -> int:
        weeks, weekday = divmod(ordinal - 1, 7)  # day 1 of all days is a Monday
        gained = self._gained[bisect_left(self._days, ordinal)]
        return weeks * self._week_before[7] + self._week_before[weekday] + gained

    def _start(self, worked: float) -> datetime:
        one = self._day(bisect_right(_DAYS, worked + _NOISE, key=self._before) - 1)
        left = worked - self._before(one.toordinal())
        for opens, closes in self._spans(one):
            if left < closes - opens - _NOISE:
                return _at(one, opens + max(0.0, left))
            left -= closes - opens
        return _at(one, 0)

    def _finish(self, worked: float) -> datetime:
        one = self._day(bisect_left(_DAYS, worked - _NOISE, key=self._before) - 1)
        left = worked - self._before(one.toordinal())
        for opens, closes in self._spans(one):
            if left <= closes - opens + _NOISE:
                return _at(one, opens + max(0.0, left))
            left -= closes - opens
        return _at(one, 0)

    @staticmethod
    def _day(index: int) -> date:
        return date.fromordinal(_DAYS[min(max(index, 0), len(_DAYS) - 1)])


_NOISE = 1e-4
"""Minutes below which two amounts of work are the same: the noise of summing floats."""


def _length(spans: Sequence[Span]) -> int:
    return sum(closes - opens for opens, closes in spans)


def _at(one: date, minute: float) -> datetime:
    return datetime.combine(one, time()) + timedelta(seconds=round(minute * 60))


AROUND_THE_CLOCK = WorkingTime([((0, 1440),)] * 7)
"""The calendar on which all time is working time, for elapsed durations and lags."""
