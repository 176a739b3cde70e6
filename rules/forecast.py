"""The forward pass: when each task starts and finishes, from what is known now.

A finished task keeps its actual dates. Work in progress finishes its remaining duration after it was last reported,
never before now. A task on hold or not started begins now at the earliest, and when its links allow. All four link
types hold, with lag; a cancelled task holds up nobody.
"""

from typing import NamedTuple

from chainbell.rules.model import LinkType, Project, Task, TaskStatus
from chainbell.rules.network import Edge


class Forecast(NamedTuple):
    """Coordinates by task position (working days on the project's calendar); a cancelled task's are NaN."""

    now: float
    start: list[float]
    finish: list[float]


NEVER = float("nan")


def forecast(project: Project, now: float) -> Forecast:
    """Forecast starts and finishes at the coordinate `now`, linear in tasks plus links."""
    tasks, network = project.tasks, project.network
    start = [NEVER] * len(tasks)
    finish = [NEVER] * len(tasks)
    predecessors = network.predecessors
    for position in network.order:
        task = tasks[position]
        status = task.status
        if status == TaskStatus.COMPLETED:
            finished = now if task.finished is None else task.finished
            finish[position] = finished
            start[position] = finished - task.duration if task.started is None else task.started
            continue
        if status == TaskStatus.CANCELLED:
            continue
        remaining = task.duration if task.remaining is None else task.remaining
        links = predecessors[position]
        if has_begun(task):
            start[position] = begun = now if task.started is None else task.started
            if status == TaskStatus.ON_HOLD:
                end = now + remaining
            else:
                end = max(now, (begun if task.counted_from is None else task.counted_from) + remaining)
            for other, kind, lag in links:
                if kind in (LinkType.FF, LinkType.SF):
                    bound = (finish if kind == LinkType.FF else start)[other] + lag
                    if bound > end:
                        end = bound
            finish[position] = end
            continue
        begin = earliest_start(now if links else max(now, task.planned_start), remaining, links, start, finish)
        start[position] = begin
        finish[position] = begin + remaining
    return Forecast(now, start, finish)


def earliest_start(
    begin: float, remaining: float, links: tuple[Edge, ...], start: list[float], finish: list[float]
) -> float:
    """The latest of `begin` and what each link allows; a cancelled predecessor's bound is NaN and never later."""
    for other, kind, lag in links:
        if kind == LinkType.FS:
            bound = finish[other] + lag
        elif kind == LinkType.SS:
            bound = start[other] + lag
        elif kind == LinkType.FF:
            bound = finish[other] + lag - remaining
        else:
            bound = start[other] + lag - remaining
        if bound > begin:
            begin = bound
    return begin


def has_begun(task: Task) -> bool:
    """Whether work has begun and is not over: its start lies in the past, so no link moves it any more."""
    return task.status == TaskStatus.IN_PROGRESS or (task.status == TaskStatus.ON_HOLD and task.started is not None)


def tail_step(kind: LinkType, lag: float, before: Task, after: Task) -> float | None:
    """How far `after` finishes behind `before` over one link, in working days; None where delay does not pass.

    A link passes delay on only if it still binds: FS and SS bind a start that lies ahead, FF and SF an open finish,
    and SS and SF only while the predecessor's own start lies ahead.
    """
    if not after.is_unfinished or before.status == TaskStatus.CANCELLED:
        return None
    if kind in (LinkType.FS, LinkType.SS) and has_begun(after):
        return None
    step = lag
    if kind in (LinkType.SS, LinkType.SF):
        if has_begun(before) or before.is_complete:
            return None
        step -= before.remaining_duration
    if kind in (LinkType.FS, LinkType.SS):
        step += after.remaining_duration
    return step
