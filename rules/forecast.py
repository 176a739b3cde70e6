"""The forward pass: when each task starts and finishes, from what is known now.

A finished task keeps its actual dates. Work in progress finishes its remaining duration after the coordinate from which
that counts, but never before now; work that stands still, on hold or in a frozen project, finishes its remaining
duration after now. A task that has not started begins now at the earliest, and not before its links allow. All four
link types hold, with lag; a cancelled task holds up no other.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from chainbell.rules.model import Edge, LinkType, Project, Task, TaskStatus

FS, SS, FF, SF = LinkType.FS, LinkType.SS, LinkType.FF, LinkType.SF
NOT_STARTED, IN_PROGRESS, ON_HOLD = TaskStatus.NOT_STARTED, TaskStatus.IN_PROGRESS, TaskStatus.ON_HOLD
COMPLETED, CANCELLED = TaskStatus.COMPLETED, TaskStatus.CANCELLED


class Phase(IntEnum):
    """Which ends of a task lie ahead: both, only the finish, or neither; a cancelled task (`GONE`) has none."""

    WAITING = 0
    BEGUN = 1
    OVER = 2
    GONE = 3


WAITING, BEGUN, OVER, GONE = Phase


class Forecast(NamedTuple):
    """By task position: start and finish (coordinates; NaN for a cancelled task), working days left, phase.

    `overtaken` are the positions of unfinished tasks with a successor that has not waited for them: it has begun or is
    over.
    """

    now: float
    start: list[float]
    finish: list[float]
    remaining: list[float]
    phase: list[Phase]
    overtaken: list[int]


NEVER = float("nan")


def forecast(project: Project, now: float) -> Forecast:  # noqa: C901  one hot loop
    """Forecast starts and finishes at the coordinate `now`, linear in tasks plus links."""
    tasks, network = project.tasks, project.network
    count = len(tasks)
    start, finish, left, phases = [NEVER] * count, [NEVER] * count, [0.0] * count, [WAITING] * count
    predecessors, stands_still = network.predecessors, project.stands_still
    overtaken: list[int] = []
    for position in network.order:
        task = tasks[position]
        status = task.status
        if status is COMPLETED:
            phases[position] = OVER
            finish[position] = finished = now if task.finished is None else task.finished
            start[position] = finished - task.duration if task.started is None else task.started
            for other, _, _ in predecessors[position]:
                if phases[other] < OVER:
                    overtaken.append(other)
            continue
        if status is CANCELLED:
            phases[position] = GONE
            continue
        remaining = task.remaining
        if remaining is None:
            remaining = task.duration
        left[position] = remaining
        links = predecessors[position]
        if status is IN_PROGRESS or (status is ON_HOLD and task.started is not None):
            phases[position] = BEGUN
            start[position] = now if task.started is None else task.started
            end = own_finish(task, now, stands_still=stands_still)
            for other, kind, lag in links:
                if phases[other] < OVER:
                    overtaken.append(other)
                if kind is FF or kind is SF:
                    bound = (finish if kind is FF else start)[other] + lag
                    if bound > end:
                        end = bound
            finish[position] = end
            continue
        begin = now
        if not links and task.planned_start > begin:
            begin = task.planned_start
        if task.not_before is not None and task.not_before > begin:
            begin = task.not_before
        for other, kind, lag in links:
            if kind is FS:
                bound = finish[other] + lag
            elif kind is SS:
                bound = start[other] + lag
            elif kind is FF:
                bound = finish[other] + lag - remaining
            else:
                bound = start[other] + lag - remaining
            if bound > begin:  # a cancelled predecessor's bound is NaN and never later
                begin = bound
        start[position] = begin
        finish[position] = begin + remaining
    return Forecast(now, start, finish, left, phases, overtaken)


def own_finish(task: Task, now: float, *, stands_still: bool) -> float:
    """The coordinate at which work that has begun ends by its own remaining duration, whatever its links ask for."""
    remaining = task.duration if task.remaining is None else task.remaining
    if task.status is ON_HOLD or stands_still:
        return now + remaining
    counted_from = task.counted_from if task.counted_from is not None else task.started
    return now + remaining if counted_from is None else max(now, counted_from + remaining)


def earliest_start(
    begin: float, duration: float, links: tuple[Edge, ...], start: Sequence[float], finish: Sequence[float]
) -> float:
    """The latest of `begin` and what each link allows a task of this duration (the forecast's step, for planning)."""
    return max([begin, *(start_bound(edge, duration, start, finish) for edge in links)])


def start_bound(edge: Edge, duration: float, start: Sequence[float], finish: Sequence[float]) -> float:
    """The earliest start, as a coordinate, that one link allows a successor of this duration (working days)."""
    other, kind, lag = edge
    bound = (finish if kind in (FS, FF) else start)[other] + lag
    return bound if kind in (FS, SS) else bound - duration


def has_begun(task: Task) -> bool:
    """Whether work has begun and is not over: its start lies in the past, and no link moves it any more."""
    return task.status == IN_PROGRESS or (task.status == ON_HOLD and task.started is not None)


def tail_step(ahead: Forecast, before: int, edge: Edge) -> float | None:
    """The working days by which the task at the end of the edge finishes after the one at `before`; None where the
    link passes no delay on.

    A link passes delay on only if it still binds: FS and SS bind a start that lies ahead, FF and SF an open finish,
    and SS and SF only while the predecessor's own start lies ahead.
    """
    after, kind, lag = edge
    if ahead.phase[after] >= OVER or ahead.phase[before] is GONE:
        return None
    if ahead.phase[after] is BEGUN and (kind is FS or kind is SS):
        return None
    step = lag
    if kind is SS or kind is SF:
        if ahead.phase[before] is not WAITING:
            return None
        step -= ahead.remaining[before]
    if kind is FS or kind is SS:
        step += ahead.remaining[after]
    return step
