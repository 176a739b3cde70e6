"""What has been reported of a task and of a project, and what a report makes of it."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from tests.property.oracle.calendar import Calendar
from tests.property.oracle.plan import Id, Plan, Task


@dataclass
class Work:
    """Reported state of one task. `remaining` is None until something says it: then it is the duration."""

    status: str = "NotStarted"
    percent: float = 0.0
    remaining: float | None = None
    started: datetime | None = None
    finished: datetime | None = None
    counted_from: datetime | None = None
    last_report: datetime | None = None

    @property
    def is_complete(self) -> bool:
        return self.status == "Completed"

    @property
    def is_unfinished(self) -> bool:
        return self.status not in ("Completed", "Cancelled")

    @property
    def has_begun(self) -> bool:
        return self.started is not None


@dataclass
class State:
    """A project as reported so far, and the plan it follows."""

    plan: Plan
    baseline: int
    status: str
    work: dict[Id, Work]
    achieved: dict[Id, datetime] = field(default_factory=dict)
    last_report: datetime | None = None

    @property
    def is_frozen(self) -> bool:
        return self.status == "Frozen"

    def copy(self) -> "State":
        work = {task: replace(reported) for task, reported in self.work.items()}
        return replace(self, work=work, achieved=dict(self.achieved))

    def remaining(self, task: Id) -> float:
        """The stored remaining duration; what was planned where nothing is known."""
        stored = self.work[task].remaining
        return self.plan.tasks[task].duration if stored is None else stored

    def told(self, task: Id) -> float:
        """The remaining duration as it is told: nothing is left of a task that is cancelled."""
        return 0.0 if self.work[task].status == "Cancelled" else self.remaining(task)

    def left(self, task: Id, at: datetime) -> float:
        """What is left at an instant: only work under way in a project that is not frozen gets less."""
        work, remaining = self.work[task], self.told(task)
        if work.status != "InProgress" or self.is_frozen:
            return remaining
        calendar = self.plan.calendar
        counted_from = calendar.coordinate(_known(work.counted_from))
        return max(0.0, min(remaining, counted_from + remaining - calendar.coordinate(at)))


def _known(instant: datetime | None) -> datetime:
    assert instant is not None
    return instant


def planned_work(task: dict[str, Any], project: dict[str, Any], calendar: Calendar, loaded: datetime) -> Work:
    """What a plan says of work that is under way already; it counts from the data date."""
    started, finished = task.get("actualStart"), task.get("actualFinish")
    status = task.get("status", "NotStarted")
    done = status == "Completed"
    counted_from = _data_date(project.get("statusDate"), calendar) or loaded
    if started is not None:
        counted_from = max(counted_from, datetime.fromisoformat(started))
    return Work(
        status=status,
        percent=100.0 if done else float(task.get("percentComplete", 0)),
        remaining=0.0 if done else task.get("remainingDuration"),
        started=None if started is None else datetime.fromisoformat(started),
        finished=None if finished is None else datetime.fromisoformat(finished),
        counted_from=counted_from,
    )


def _data_date(moment: str | None, calendar: Calendar) -> datetime | None:
    """A date is its opening."""
    if moment is None or "T" in moment:
        return None if moment is None else datetime.fromisoformat(moment)
    return calendar.opening(date.fromisoformat(moment))


def report_project(state: State, status: str, at: datetime) -> None:
    """Freezing keeps what work in progress has done; when the frost ends it counts anew."""
    status = "Frozen" if status == "OnHold" else status
    under_way = [task for task, work in state.work.items() if work.status == "InProgress"]
    if status == "Frozen" and not state.is_frozen:
        for task in under_way:
            state.work[task].remaining = state.left(task, at)
    if state.is_frozen and status != "Frozen":
        for task in under_way:
            work = state.work[task]
            work.counted_from = max(_known(work.counted_from), at)
    state.status = status
    state.last_report = at if state.last_report is None else max(state.last_report, at)


@dataclass(frozen=True)
class Report:
    """What a change says of a task."""

    status: str | None
    remaining: float | None
    percent: float | None

    @property
    def completes(self) -> bool:
        return self.status == "Completed" or self.percent == 100 or self.remaining == 0

    def new_status(self, old: str) -> str:
        if self.completes:
            return "Completed"
        if self.status is not None:
            return self.status
        reopens = old == "Completed" and (self.remaining is not None or self.percent is not None)
        begins = old == "NotStarted" and self.percent is not None and self.percent > 0
        return "InProgress" if reopens or begins else old


def report_task(state: State, task: Task, report: Report, at: datetime) -> None:
    work = state.work[task.id]
    old, left = work.status, state.left(task.id, at)
    new = report.new_status(old)
    told_before, since = work.last_report, at
    if old == "InProgress" and told_before is not None and at >= told_before:
        since = max(at, _known(work.counted_from))  # work that went on again later counts from then
    work.last_report = at if told_before is None else max(told_before, at)
    if new == "Completed":
        if old != "Completed":
            work.finished = at
        work.status, work.percent, work.remaining = "Completed", 100.0, 0.0
        return
    reopens = old == "Completed" or (old == "Cancelled" and work.percent == 100)
    percent, remaining = _reported(state, task, report, reopens=reopens and new != "Cancelled")
    if remaining is None and old == "InProgress" and new in ("OnHold", "Cancelled"):
        remaining = left
        counts_anew = False
    else:
        counts_anew = remaining is not None
    work.status = new
    work.percent = work.percent if percent is None else percent
    work.remaining = work.remaining if remaining is None else remaining
    work.finished = None
    if new == "NotStarted":
        work.started = work.counted_from = None
    elif new == "InProgress":
        work.started = work.started or at
        if counts_anew or old != "InProgress":
            work.counted_from = since


def _reported(state: State, task: Task, report: Report, *, reopens: bool) -> tuple[float | None, float | None]:
    """The percentage and the remaining duration that a report sets; None leaves them as they are."""
    percent, remaining = report.percent, report.remaining
    from_percent = state.plan.project.get("remainingFrom", "report") == "percent"
    if reopens and percent is None:
        if remaining is None:
            percent = 0.0
        else:
            done = 1 - remaining / task.duration if task.duration else 0.0
            percent = min(99.0, max(0.0, 100 * done))
    if remaining is None and percent is not None and (reopens or from_percent):
        remaining = task.duration * (1 - percent / 100)
    return percent, remaining
