"""Which tasks can start: nothing that holds their start lies ahead any more."""

from collections.abc import Sequence
from datetime import date

from chainbell.rules.calendar import NOISE
from chainbell.rules.forecast import FS, NOT_STARTED, OVER, SS, WAITING, Forecast
from chainbell.rules.model import Edge, Project, Readiness, Task


def ready_tasks(project: Project, ahead: Forecast, today: date) -> list[bool]:
    """By task position: not started, and nothing holds up the start any more.

    FS predecessors are over, SS predecessors have started, and their lags, the task's own `not_before` and, for a task
    without predecessors, its planned start are reached. A cancelled predecessor and FF and SF links hold
    up no start. A date that is an opening is reached on its own day (`today` is the local date), not at the closing
    before it. With `Readiness.PREDECESSORS`, lags and dates are ignored.
    """
    tasks, predecessors = project.tasks, project.network.predecessors
    asks_dates = project.options.readiness is Readiness.DATES
    return [
        phase is WAITING
        and tasks[position].status is NOT_STARTED
        and _is_free(tasks, ahead, predecessors[position], asks_dates)
        and not (
            asks_dates and _is_early(project, tasks[position], ahead.now, today, is_first=not predecessors[position])
        )
        for position, phase in enumerate(ahead.phase)
    ]


def _is_free(tasks: Sequence[Task], ahead: Forecast, links: Sequence[Edge], asks_dates: bool) -> bool:
    """Whether no predecessor has yet to finish (FS) or start (SS) and, where dates count, their lags are over."""
    now = ahead.now + NOISE
    for other, kind, lag in links:
        if kind is FS:
            if ahead.phase[other] < OVER or (asks_dates and ahead.finish[other] + lag > now):
                return False  # a cancelled predecessor's finish is NaN and never later
        elif kind is SS:
            if ahead.phase[other] < OVER and tasks[other].started is None:
                return False
            if asks_dates and ahead.start[other] + lag > now:
                return False
    return True


def _is_early(project: Project, task: Task, now: float, today: date, *, is_first: bool) -> bool:
    """Whether the task's own dates lie ahead: `not_before` and, if it has no predecessors, its planned start."""
    dates = [] if task.not_before is None else [task.not_before]
    if is_first:
        dates.append(task.planned_start)
    if not dates:
        return False
    opens = max(dates)
    return opens > now + NOISE or (opens > now - NOISE and today < project.calendar.start_date(opens))
