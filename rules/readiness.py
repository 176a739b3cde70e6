"""Which tasks can start: nothing that holds their start lies ahead any more."""

from chainbell.rules.calendar import NOISE
from chainbell.rules.forecast import FS, OVER, SS, WAITING, Forecast
from chainbell.rules.model import Project, Readiness, Task, TaskStatus


def ready_tasks(project: Project, ahead: Forecast) -> list[bool]:
    """By task position: not started, and nothing holds up the start any more.

    FS predecessors are over, SS predecessors have started, and their lags, the task's own `not_before` and, for a task
    without predecessors, its planned start are reached. A cancelled predecessor holds up nobody, FF and SF links hold
    no start. With `Readiness.PREDECESSORS` lags and dates are left aside.
    """
    asks_dates = project.options.readiness is Readiness.DATES
    now = ahead.now + NOISE
    ready = [False] * len(project.tasks)
    for position, phase in enumerate(ahead.phase):
        if phase is not WAITING:
            continue
        task = project.tasks[position]
        if task.status is TaskStatus.NOT_STARTED:
            ready[position] = _is_free(project, ahead, position) and not (
                asks_dates and _opens(project, ahead, position, task) > now
            )
    return ready


def _is_free(project: Project, ahead: Forecast, position: int) -> bool:
    """Whether no predecessor has still to finish or to start."""
    for other, kind, _ in project.network.predecessors[position]:
        if kind is FS and ahead.phase[other] < OVER:
            return False
        if kind is SS and ahead.phase[other] < OVER and project.tasks[other].started is None:
            return False
    return True


def _opens(project: Project, ahead: Forecast, position: int, task: Task) -> float:
    """The coordinate before which lags and dates do not let the task start."""
    links = project.network.predecessors[position]
    opens = task.planned_start if not links else ahead.now
    if task.not_before is not None:
        opens = max(opens, task.not_before)
    for other, kind, lag in links:
        if kind is FS:
            opens = max(opens, ahead.finish[other] + lag)  # a cancelled predecessor's NaN is never larger
        elif kind is SS:
            opens = max(opens, ahead.start[other] + lag)
    return opens
