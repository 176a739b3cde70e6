"""Wall-clock instants of a file on the one calendar that the plan will have."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from chainbell.engine.importers.working_week import WorkingWeek
from chainbell.rules import Calendar

SAME_MINUTES = 1.0
"""Minutes within which two instants, or two lengths of work, are the same: files give whole minutes."""


@dataclass(frozen=True, slots=True)
class ProjectTime:
    """The project's week and the engine's calendar made of it."""

    week: WorkingWeek
    calendar: Calendar

    @classmethod
    def starting(cls, week: WorkingWeek, origin: date) -> "ProjectTime":
        return cls(week, week.calendar(origin))

    def coordinate(self, at: datetime) -> float:
        """Working days from the project's start to an instant; free time counts as the next opening."""
        return self.calendar.coordinate(at.replace(tzinfo=UTC))

    def days_between(self, start: datetime, finish: datetime) -> float:
        """Working days of the project from one instant to another."""
        return self.coordinate(finish) - self.coordinate(start)

    def back(self, finish: datetime, days: float) -> datetime:
        """When a task of so many working days starts that finishes at `finish`."""
        return self.calendar.start_instant(self.coordinate(finish) - days).replace(tzinfo=None)

    def is_same(self, one: float, other: float) -> bool:
        """Whether two numbers of working days differ by no more than a minute."""
        return abs(one - other) * self.week.minutes <= SAME_MINUTES

    def days_shown_early(self, finish: datetime) -> float:
        """Calendar days by which the plan shows a finish early that lies outside the project's working time."""
        shown = self.calendar.instant(self.coordinate(finish)).replace(tzinfo=None)
        return max(0.0, (finish - shown).total_seconds() / 86400)
