"""Durations on other calendars, counted on the project's calendar at the dates that the tasks have in the file."""

from dataclasses import dataclass, field
from datetime import datetime

from chainbell.engine.importers.imported import Reasons, Warnings
from chainbell.engine.importers.project_time import ProjectTime
from chainbell.rules import HostId


@dataclass(slots=True)
class Conversions:
    """Counts durations and remembers what to warn about; `tell` adds the warnings."""

    time: ProjectTime
    warnings: Warnings
    reasons: Reasons
    _changed: dict[str, dict[HostId, tuple[float, float]]] = field(default_factory=dict)
    _early: dict[HostId, float] = field(default_factory=dict)

    def days(self, task_id: HostId, minutes: float, start: datetime, finish: datetime, cause: str) -> float:
        """Working days of the project from `start` to `finish`, which the file gives as `minutes` of work.

        Remembers the task under `cause` where the two differ, and a finish outside the project's working time.
        """
        told = minutes / self.time.week.minutes
        counted = max(0.0, self.time.days_between(start, finish))
        if not self.time.is_same(told, counted):
            self._changed.setdefault(cause, {})[task_id] = (told, counted)
            self.reasons.add(
                task_id,
                f"{cause}: {told:.10g} working days of work take {counted:.6g} of the project's",
                moves_finish_only=True,
            )
        early = self.time.days_shown_early(finish)
        if early * 1440 > 1:
            self._early[task_id] = early
            self.reasons.add(task_id, "it ends outside the project's working time", moves_finish_only=True)
        return counted

    def waits(self, task_id: HostId, name: str, remaining: float, goes_on: datetime, resumes: datetime) -> float:
        """The remaining working days of work that stands still from `goes_on` to `resumes`, the wait included.

        Warns where there is a wait, naming the task and the wait in working days.
        """
        wait = max(0.0, self.time.days_between(goes_on, resumes))
        if self.time.is_same(wait, 0.0):
            return remaining
        text = "work that resumes after the status date: its wait is counted with the remaining duration"
        self.warnings.add(text, f"{name[:60]} ({wait:.4g} working days)")
        return remaining + wait

    def tell(self) -> None:
        """Adds one warning for each cause, and one for all finishes outside the project's working time."""
        for cause, tasks in self._changed.items():
            differ = sum(abs(counted - told) for told, counted in tasks.values())
            first, (told, counted) = next(iter(tasks.items()))
            self.warnings.add(
                f"{_tasks(len(tasks))} with {cause}: counted on the project's calendar at the dates they have now, "
                f"{differ:.4g} working days differ, the first is {first} with {told:.4g} that become {counted:.4g}"
            )
        if self._early:
            most, named = max(self._early.values()), list(self._early)[:3]
            self.warnings.add(
                f"{_tasks(len(self._early))} with an end outside the project's working time, shown up to {most:.2g} "
                f"days early: {', '.join(map(str, named))}"
            )


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"
