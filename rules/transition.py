"""What a rule sees (the project before and after, the instant, the cause) and what it answers."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any

from chainbell.rules.assessment import Assessment, assess
from chainbell.rules.dates import ForecastDates
from chainbell.rules.forecast import OVER
from chainbell.rules.ids import HostId
from chainbell.rules.lateness import Inheritance, driving_path, inheritance, overrun
from chainbell.rules.model import LinkType, Person, Project, Task, TaskStatus
from chainbell.rules.progress import work_left
from chainbell.rules.readiness import ready_tasks
from chainbell.rules.tails import TaskConsumption
from chainbell.rules.words import kept_values
from chainbell.rules.zones import NOISE, Zone


@dataclass(frozen=True, slots=True)
class Cause:
    """Who or what brought the change; it goes into payloads (`by`, `reason`) and into the kept explanation."""

    kind: str
    by: Person | None = None
    reason: str | None = None
    change_id: str | None = None
    reported_remaining: tuple[HostId, float] | None = None
    """The task and the remaining duration (working days) that the change itself reported, if it did."""


@dataclass(frozen=True)
class Transition:
    """One step of one project. `before` is None for the first evaluation of a project."""

    before: Project | None
    after: Project
    now: datetime
    cause: Cause

    @cached_property
    def coordinate(self) -> float:
        """The instant of evaluation (`evaluated_at`) as a coordinate in working days."""
        return self.after.calendar.coordinate(self.evaluated_at)

    @property
    def evaluated_at(self) -> datetime:
        """The instant of evaluation: `now`, or that of the last evaluation where a report comes late."""
        known = self.after.evaluated_at
        return self.now if known is None else max(self.now, known)

    @cached_property
    def assessment(self) -> Assessment:
        """The project after the change, at the instant of evaluation."""
        return assess(self.after, self.coordinate)

    @cached_property
    def earlier(self) -> Assessment | None:
        """The project before the change, as it was last evaluated; None if it never was."""
        if self.before is None or self.before.evaluated_at is None:
            return None
        return assess(self.before, self.before.calendar.coordinate(self.before.evaluated_at))

    @cached_property
    def changed_tasks(self) -> tuple[tuple[Task, Task], ...]:
        """Pairs (before, after) of the tasks that the change touched, in plan order."""
        if self.before is None or self.before.tasks is self.after.tasks:
            return ()
        if self.before.network is self.after.network:  # the same baseline
            pairs = zip(self.before.tasks, self.after.tasks, strict=True)
            return tuple([(old, new) for old, new in pairs if old is not new and old.revision != new.revision])
        known = self.before.network.positions
        both = [(self.before.tasks[known[task.id]], task) for task in self.after.tasks if task.id in known]
        return tuple([(old, new) for old, new in both if old.revision != new.revision])

    def silenced(self, event: str) -> AbstractSet[HostId]:
        """The subjects for which this latched event has fired and is not armed again."""
        return self._silenced.get(event, frozenset())

    @cached_property
    def _silenced(self) -> dict[str, set[HostId]]:
        found: dict[str, set[HostId]] = {}
        for (event, subject), latch in self.after.latches.items():
            if not latch.armed:
                found.setdefault(event, set()).add(subject)
        return found

    def task_consumption(self, task: Task) -> TaskConsumption:
        """How much the task takes, after the change, of the buffer that it takes most of."""
        return self.assessment.tasks[self.after.position(task.id)]

    def earlier_consumption(self, task: Task) -> float:
        """The task's consumption (percent) at the last evaluation; 0 without one, or if the task was over or absent."""
        if self.before is None or self.earlier is None or task.id not in self.before.network.positions:
            return 0.0
        position = self.before.position(task.id)
        return self.earlier.tasks[position].percent if self.before.tasks[position].is_unfinished else 0.0

    def earlier_zone(self, task: Task) -> Zone:
        """The task's zone at the last evaluation, by the thresholds in force then."""
        zones = self.after.zones if self.before is None else self.before.zones
        return zones.task_zone(self.earlier_consumption(task))

    def left_before(self, task: Task) -> float:
        """Working days of work left, at the instant of the change, on a task as it stood before the change."""
        if self.before is None:
            return task.remaining_duration
        now = self.before.calendar.coordinate(self.now)
        return work_left(task, now, stands_still=self.before.stands_still)

    def hits_critical_chain(self, task: Task) -> bool:
        """Whether the task is on the critical chain or its delay reaches the project buffer."""
        return task.id in self.after.critical_chain.tasks or self.task_consumption(task).touches_project_buffer

    def start_predecessors(self, task: Task) -> Iterator[Task]:
        """The predecessors that can hold up this task's start: those of its FS and SS links."""
        for position, kind, _ in self.after.network.predecessors[self.after.position(task.id)]:
            if kind in (LinkType.FS, LinkType.SS):
                yield self.after.tasks[position]

    @cached_property
    def ready(self) -> list[bool]:
        """By task position: not started, and nothing holds up the start any more."""
        today = self.after.calendar.local_date(self.evaluated_at)
        return ready_tasks(self.after, self.assessment.forecast, today)

    def is_actionable(self, position: int) -> bool:
        """Whether somebody can act on the task at this position: it is ready to start, in progress or on hold."""
        return self.ready[position] or self.after.tasks[position].status in (TaskStatus.IN_PROGRESS, TaskStatus.ON_HOLD)

    @cached_property
    def red_tasks(self) -> frozenset[HostId]:
        """The ids of the unfinished tasks that are above the red threshold now, actionable or not."""
        red = self.after.zones.task_red + NOISE
        above = [position for position, share in enumerate(self.assessment.tasks) if share.percent > red]
        tasks, phase = self.after.tasks, self.assessment.forecast.phase
        return frozenset([tasks[position].id for position in above if phase[position] < OVER])

    @cached_property
    def dates(self) -> ForecastDates:
        """The forecast of the project after the change as dates."""
        return ForecastDates(self.after, self.assessment, self.evaluated_at)

    def due_date(self, task: Task) -> date:
        """The date of the planned finish; see `Project.due_date`."""
        return self.after.due_date(task)

    def estimated_completion(self, task: Task) -> date | None:
        """The forecast finish as a date; None for a cancelled task."""
        return self.dates.completion(task.id)

    def overrun(self, task: Task) -> float:
        """Working days by which the task itself runs over its planned duration; 0 or less for one that keeps to it."""
        return overrun(self.after, self.assessment, self.after.position(task.id))

    def inheritance(self, task: Task) -> Inheritance:
        """The delay with which the task starts, and from whom it comes."""
        return inheritance(self.after, self.assessment, self.after.position(task.id))

    def driving_path(self, task: Task) -> list[HostId]:
        """The ids of the tasks by which this one's delay reaches the buffer that it takes most of, itself first."""
        return driving_path(self.after, self.assessment, self.after.position(task.id))


@dataclass(frozen=True, slots=True)
class Firing:
    """A rule fires for a subject. `why` is kept with the event and does not travel in the payload.

    `occurrence` distinguishes the firings of one event for one subject in one baseline; where it is None, they are
    counted.
    """

    subject: HostId
    payload: Any
    why: Mapping[str, Any] = field(default_factory=dict)
    occurrence: int | None = None


@dataclass(frozen=True, slots=True)
class Rearm:
    """A rule's alarm for a subject may ring again."""

    subject: HostId


Decision = Firing | Rearm
Explain = Callable[[Mapping[str, Any], Mapping[str, Any]], str]
Decide = Callable[[Transition], Iterable[Decision]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One event: its name, its payload class, and the function that decides when it fires.

    A latched rule fires once for a subject until it answers `Rearm`; evaluating twice never fires it twice. `explain`
    puts into one sentence for people why it fired, from the `why` and the `data` that are kept with the event.
    """

    event: str
    payload: type
    decide: Decide
    latched: bool = False
    explain: Explain = kept_values
