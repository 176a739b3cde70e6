"""Whose delay it is: what a task itself runs over, what it inherits from which tasks, and where the delay goes."""

from typing import NamedTuple

from chainbell.rules.assessment import Assessment
from chainbell.rules.calendar import NOISE
from chainbell.rules.forecast import BEGUN, OVER, WAITING, own_finish, start_bound, tail_step
from chainbell.rules.ids import HostId
from chainbell.rules.model import Project

NAMED = 20
"""The most tasks that are named as sources of an inherited delay, or on the path by which one reaches a buffer."""


class Inheritance(NamedTuple):
    """The working days by which a task starts behind its plan, and the tasks before it that ran over, nearest first."""

    days: float
    sources: tuple[HostId, ...]


def overrun(project: Project, seen: Assessment, position: int) -> float:
    """Working days from the task's start to its finish beyond its planned duration; 0 or less for one that keeps it.

    A finish that links hold back does not count: that is not the task's own doing. A cancelled task has none.
    """
    task, ahead = project.tasks[position], seen.forecast
    phase = ahead.phase[position]
    if phase is WAITING:
        return task.remaining_duration - task.duration
    if phase is BEGUN:
        end = own_finish(task, ahead.now, stands_still=project.stands_still)
    elif phase is OVER:
        end = ahead.finish[position]
    else:
        return 0.0
    return end - ahead.start[position] - task.duration


def inheritance(project: Project, seen: Assessment, position: int) -> Inheritance:
    """The delay with which a task starts, traced back through the predecessors that hold it to those that ran over."""
    tasks, ahead = project.tasks, seen.forecast
    late = ahead.start[position] - tasks[position].planned_start
    sources: list[HostId] = []
    here: int | None = position if late > NOISE else None
    while here is not None and len(sources) < NAMED:
        here = _holder(project, seen, here)
        if here is None:
            break
        if overrun(project, seen, here) > NOISE:
            sources.append(tasks[here].id)
        if not ahead.start[here] - tasks[here].planned_start > NOISE:
            break
    return Inheritance(max(0.0, late), tuple(sources))


def _holder(project: Project, seen: Assessment, position: int) -> int | None:
    """The position of the predecessor that holds the task's start longest; None if none holds it beyond its plan."""
    ahead = seen.forecast
    bounds = [
        (start_bound(edge, ahead.remaining[position], ahead.start, ahead.finish), -edge[0])
        for edge in project.network.predecessors[position]
    ]
    latest = max((bound for bound in bounds if bound[0] == bound[0]), default=None)  # NaN: a cancelled predecessor
    if latest is None or latest[0] <= project.tasks[position].planned_start + NOISE:
        return None
    return -latest[1]


def driving_path(project: Project, seen: Assessment, position: int) -> list[HostId]:
    """The tasks (ids) by which this one's delay reaches the buffer it takes most of, itself first; at most `NAMED`."""
    share, ahead = seen.tasks[position], seen.forecast
    path = [project.tasks[position].id]
    while share.buffer is not None and len(path) < NAMED:
        held = [
            (step, edge[0])
            for edge in project.network.successors[position]
            if (step := tail_step(ahead, position, edge)) is not None
            and abs(ahead.finish[position] + step - ahead.finish[edge[0]]) < NOISE
            and seen.tasks[edge[0]].buffer is not None
        ]
        if not held:
            break
        position = max(held)[1]
        path.append(project.tasks[position].id)
    return path
