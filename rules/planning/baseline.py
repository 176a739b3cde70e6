"""A baseline's dates where the plan names none, and what a new baseline keeps of the old one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from chainbell.rules.calendar import NOISE
from chainbell.rules.forecast import earliest_start
from chainbell.rules.ids import HostId
from chainbell.rules.model import Network, Project, Task, TaskStatus
from chainbell.rules.planning.schedule import release

PlannedDates = tuple[float | None, float | None]
"""Planned start and finish as coordinates, None where the plan leaves them open."""


def with_planned_dates(
    tasks: Sequence[Task], network: Network, given: Mapping[HostId, PlannedDates]
) -> tuple[Task, ...]:
    """The tasks with their planned dates filled in: those given, else the earliest that the links allow from day 0."""
    start = [0.0] * len(tasks)
    finish = [0.0] * len(tasks)
    for position in network.order:
        task = tasks[position]
        begin, end = given.get(task.id, (None, None))
        if begin is None and end is not None:
            begin = end - task.duration
        if begin is None:
            begin = earliest_start(
                release(task, network, {}), task.duration, network.predecessors[position], start, finish
            )
        start[position] = begin
        finish[position] = begin + task.duration if end is None else end
    return tuple(
        task._replace(planned_start=start[position], planned_finish=finish[position])
        for position, task in enumerate(tasks)
    )


def replan(before: Project, plan: Project) -> Project:
    """The project under a new plan: the next baseline, everything reported so far kept.

    A plan that promises the same (`promises_the_same`) keeps the latches, any other resets them. Coordinates are
    converted where the calendar has changed. The project's status changes only by a report of its own. A task without
    reports takes the progress that the plan states, if any. The new baseline has not been evaluated yet.
    """
    old_tasks = {task.id: task for task in before.tasks}
    achieved = {milestone.id: milestone for milestone in before.milestones if milestone.achieved_at is not None}

    def converted(coordinate: float | None) -> float | None:
        if coordinate is None or before.calendar == plan.calendar:
            return coordinate
        return plan.calendar.coordinate(before.calendar.start_instant(coordinate))

    def carried(task: Task) -> Task:
        old = old_tasks.get(task.id)
        if old is None or not _stands(old, task):
            return task
        return task._replace(
            status=old.status,
            remaining=old.remaining,
            percent=old.percent,
            started=converted(old.started),
            finished=old.finished if old.finished_at is None else plan.calendar.coordinate(old.finished_at),
            counted_from=converted(old.counted_from),
            finished_at=old.finished_at,
            updated_at=old.updated_at,
            revision=old.revision,
        )

    same = promises_the_same(before, plan)
    return replace(
        plan,
        status=before.status,
        tasks=tuple(carried(task) for task in plan.tasks),
        milestones=tuple(
            replace(m, achieved_at=achieved[m.id].achieved_at, deliverables=achieved[m.id].deliverables)
            if m.id in achieved
            else m
            for m in plan.milestones
        ),
        baseline=before.baseline + 1,
        revision=before.revision,
        latches=before.latches if same else MappingProxyType({}),
        red_tasks=before.red_tasks if same else frozenset(),
        updated_at=before.updated_at,
        evaluated_at=None,
    )


def _stands(old: Task, task: Task) -> bool:
    """Whether a task's progress outlives a new plan: reports do, an older plan's word unless this one has its own."""
    if old.revision > 0:
        return True
    return old.status is not TaskStatus.NOT_STARTED and task.status is TaskStatus.NOT_STARTED


def left_aside(before: Project, plan: Project) -> list[HostId]:
    """The ids of the tasks whose progress in a plan differs from what was reported: the reports are kept."""
    old_tasks = {task.id: task for task in before.tasks if task.revision > 0}
    return [
        task.id
        for task in plan.tasks
        if task.status is not TaskStatus.NOT_STARTED
        and (old := old_tasks.get(task.id)) is not None
        and (task.status is not old.status or abs(task.remaining_duration - old.remaining_duration) > NOISE)
    ]


def promises_the_same(before: Project, plan: Project) -> bool:
    """Whether a plan leaves durations, dates, links, chains, buffers and zones as they are.

    Names, people, and the order in which things are listed may differ.
    """

    def promise(project: Project) -> tuple[object, ...]:
        tasks = {
            task.id: (task.duration, task.planned_start, task.planned_finish, task.not_before) for task in project.tasks
        }
        return (
            project.start_date,
            project.calendar,
            project.zones,
            tasks,
            Counter(project.network.links),
            {chain.id: chain for chain in project.chains},
            {buffer.id: buffer for buffer in project.buffers},
        )

    return promise(before) == promise(plan)
