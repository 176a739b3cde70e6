"""The wall-clock instants of a file, counted on the one calendar that the plan will have."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from chainbell.engine.importers.working_week import WorkingWeek
from chainbell.rules import Calendar

SAME_MINUTES = 1.0
"""Minutes within which two instants, or two lengths of work, count as the same: files give whole minutes."""


@dataclass(frozen=True, slots=True)
class ProjectTime:
    """The project's week and the engine's calendar that is made from it; instants are wall-clock times, read as UTC."""

    week: WorkingWeek
    calendar: Calendar

    @classmethod
    def starting(cls, week: WorkingWeek, origin: date) -> "ProjectTime":
        """The time of a project whose coordinate 0 is the opening of `origin`."""
        return cls(week, week.calendar(origin))

    def coordinate(self, at: datetime) -> float:
        """Working days from the project's start to an instant; free time maps to the next opening."""
        return self.calendar.coordinate(at.replace(tzinfo=UTC))

    def days_between(self, start: datetime, finish: datetime) -> float:
        """Working days of the project from one instant to another, negative where `finish` comes first."""
        return self.coordinate(finish) - self.coordinate(start)

    def back(self, finish: datetime, days: float) -> datetime:
        """When a task of `days` working days must start to finish at `finish`."""
        return self.calendar.start_instant(self.coordinate(finish) - days).replace(tzinfo=None)

    def is_same(self, one: float, other: float) -> bool:
        """Whether two numbers of working days differ by no more than a minute."""
        return abs(one - other) * self.week.minutes <= SAME_MINUTES

    def days_shown_early(self, finish: datetime) -> float:
        """Days of 24 hours by which the plan shows a finish too early, because it lies outside working time."""
        shown = self.calendar.instant(self.coordinate(finish)).replace(tzinfo=None)
        return max(0.0, (finish - shown).total_seconds() / 86400)
