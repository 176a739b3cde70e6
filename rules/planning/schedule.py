"""The critical-path method: earliest and latest dates of every task, its slack, over all four link types with lag.

Work that has been reported keeps its actual start and finish; everything else starts as early as its links, its own
`not_before` and the project's start allow. The latest dates are those that still meet the earliest end of the project.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chainbell.rules.calendar import Calendar
from chainbell.rules.forecast import earliest_start
from chainbell.rules.ids import HostId
from chainbell.rules.model import LinkType, Network, Task, TaskStatus

NOISE = 1e-6
"""Working days below which slack is none: the noise of summing floats."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Earliest and latest dates by task position, as coordinates (working days from the project's start)."""

    start: tuple[float, ...]
    finish: tuple[float, ...]
    late_start: tuple[float, ...]
    late_finish: tuple[float, ...]

    def slack(self, position: int) -> float:
        """Total slack: working days that the task may slip without moving the project's end."""
        slack = self.late_finish[position] - self.finish[position]
        return 0.0 if abs(slack) < NOISE else slack

    def is_critical(self, position: int) -> bool:
        """Whether the task has no slack: any slip moves the project's end."""
        return self.slack(position) <= 0.0


def schedule(tasks: Sequence[Task], network: Network, releases: Mapping[HostId, float] | None = None) -> Schedule:
    """Earliest and latest dates; `releases` are coordinates before which a task without predecessors does not start."""
    start, finish = forward(tasks, network, releases or {})
    late_finish = [max(finish, default=0.0)] * len(tasks)
    late_start = list(late_finish)
    for position in reversed(network.order):
        duration = finish[position] - start[position]
        latest = late_finish[position]
        for after, kind, lag in network.successors[position]:
            bound = (late_start if kind in (LinkType.FS, LinkType.SS) else late_finish)[after] - lag
            if kind in (LinkType.SS, LinkType.SF):
                bound += duration
            latest = min(latest, bound)
        late_finish[position] = latest
        late_start[position] = latest - duration
    return Schedule(tuple(start), tuple(finish), tuple(late_start), tuple(late_finish))


def as_reported(task: Task) -> Task:
    """The task with its reported progress: work under way ends its remaining duration after the coordinate from which
    that counts; for work that has not begun, the remaining duration becomes the duration."""
    if task.status is TaskStatus.NOT_STARTED:
        return task if task.remaining is None else task._replace(duration=task.remaining)
    if not task.is_unfinished or task.started is None:
        return task
    counted_from = task.started if task.counted_from is None else task.counted_from
    return task._replace(finished=counted_from + task.remaining_duration)


def forward(
    tasks: Sequence[Task], network: Network, releases: Mapping[HostId, float]
) -> tuple[list[float], list[float]]:
    """Earliest starts and finishes by task position, as coordinates from day 0 on."""
    start = [0.0] * len(tasks)
    finish = [0.0] * len(tasks)
    for position in network.order:
        task = tasks[position]
        if task.started is not None:
            begin = task.started
        else:
            begin = earliest_start(
                release(task, network, releases), task.duration, network.predecessors[position], start, finish
            )
        start[position] = begin
        finish[position] = begin + task.duration if task.finished is None else task.finished
    return start, finish


def release(task: Task, network: Network, releases: Mapping[HostId, float]) -> float:
    """The coordinate before which the task cannot start, whatever its links allow."""
    begin = 0.0 if task.not_before is None else max(0.0, task.not_before)
    if not network.predecessors[network.positions[task.id]]:
        begin = max(begin, releases.get(task.id, 0.0))
    return begin


def instants(
    tasks: Sequence[Task], network: Network, start: Sequence[float], finish: Sequence[float], calendar: Calendar
) -> list[tuple[datetime, datetime]]:
    """Start and finish as instants (UTC), as scheduling tools show them.

    On a day boundary, work starts at the opening and ends at the closing. A task of no length stands at the end of the
    task that binds it last, and at an opening where none does.
    """
    dates: list[tuple[datetime, datetime]] = [(calendar.start_instant(0.0),) * 2] * len(tasks)
    for position in network.order:
        begin, end = start[position], finish[position]
        if end - begin > NOISE:
            dates[position] = calendar.start_instant(begin), calendar.instant(end)
            continue
        binding = [
            dates[other][1] if lag == 0 else calendar.instant(begin)
            for other, kind, lag in network.predecessors[position]
            if kind in (LinkType.FS, LinkType.FF) and abs(finish[other] + lag - begin) <= NOISE
        ]
        at = max(binding) if binding else calendar.start_instant(begin)
        dates[position] = at, at
    return dates
