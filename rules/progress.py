"""What a report does to a project: it makes status, remaining duration and percent complete consistent.

Remaining duration counts from its last report or the last start of work, so a report of something else (a percentage, a
name) does not move the forecast, and neither does the passing of time. Work that stops, because it is put on hold or
its project is frozen, keeps what it has done: what is left at that instant counts from when the work goes on.
"""

from collections.abc import Container
from dataclasses import replace
from datetime import datetime
from math import isfinite
from typing import NamedTuple

from chainbell.rules.calendar import Calendar
from chainbell.rules.errors import ReportError, StaleReportError
from chainbell.rules.ids import HostId, other_form
from chainbell.rules.model import (
    Deliverable,
    Milestone,
    Project,
    ProjectStatus,
    RemainingFrom,
    Task,
    TaskStatus,
)


def work_left(task: Task, now: float, *, stands_still: bool) -> float:
    """Working days of work left at the coordinate `now`: the remaining duration, less what has been worked since the
    coordinate from which it counts if the work is going on. `stands_still` says that the project is frozen."""
    left = task.remaining_duration
    if task.status is not TaskStatus.IN_PROGRESS or stands_still or task.counted_from is None:
        return left
    return max(0.0, min(left, task.counted_from + left - now))


def report_task(
    project: Project,
    task_id: HostId,
    at: datetime,
    *,
    status: TaskStatus | None = None,
    remaining: float | None = None,
    percent: float | None = None,
    allow_stale: bool = False,
) -> Project:
    """The project after a report on one task at the instant `at`.

    A task is complete when its status is Completed, its percent is 100 or its remaining duration is 0, whichever is
    reported; a report of work left on a complete task reopens it. Raises ReportError for an unknown task, a negative
    or non-finite remaining duration (working days) or a percent outside 0..100, StaleReportError for a report older
    than the task's last one unless `allow_stale` is set.
    """
    if task_id not in project.network.positions:
        raise ReportError("taskId", _no_such(project, "task", task_id, project.network.positions))
    position = project.position(task_id)
    task = project.tasks[position]
    if remaining is not None and not (isfinite(remaining) and remaining >= 0):
        raise ReportError("remainingDuration", f"{remaining!r} is not a number of working days of 0 or more")
    if percent is not None and not (isfinite(percent) and 0 <= percent <= 100):
        raise ReportError("percentComplete", f"{percent!r} is not within 0 and 100")
    if task.updated_at is not None and at < task.updated_at and not allow_stale:
        raise StaleReportError("at", f"{at.isoformat()} is before the last update, {task.updated_at.isoformat()}")

    now = project.calendar.coordinate(at)
    target = _status_after(task, status, remaining, percent)
    revised = task._replace(
        status=target,
        updated_at=at if task.updated_at is None else max(at, task.updated_at),
        revision=task.revision + 1,
    )
    if remaining is None and percent is not None and project.options.remaining_from is RemainingFrom.PERCENT:
        remaining = task.duration * (1 - percent / 100)
    if target == TaskStatus.COMPLETED:
        revised = _finish(revised, now, at)
    else:
        stops = target in (TaskStatus.ON_HOLD, TaskStatus.CANCELLED) and task.status is TaskStatus.IN_PROGRESS
        if remaining is None and stops:
            remaining = work_left(task, now, stands_still=project.stands_still)
        is_late = task.updated_at is not None and at < task.updated_at
        revised = _work(task, revised, now if is_late else _since(task, now), remaining, percent, now)
    tasks = list(project.tasks)
    tasks[position] = revised
    return replace(project, tasks=tuple(tasks))


def _status_after(task: Task, status: TaskStatus | None, remaining: float | None, percent: float | None) -> TaskStatus:
    if status == TaskStatus.CANCELLED:
        return status
    if status == TaskStatus.COMPLETED or remaining == 0 or percent == 100:
        return TaskStatus.COMPLETED
    if status is not None:
        return status
    if task.is_complete and (remaining is not None or percent is not None):
        return TaskStatus.IN_PROGRESS
    if task.status == TaskStatus.NOT_STARTED and percent:
        return TaskStatus.IN_PROGRESS
    return task.status


def _finish(task: Task, now: float, at: datetime) -> Task:
    if task.finished is not None:
        return task
    return task._replace(remaining=0.0, percent=100.0, finished=now, finished_at=at)


def _since(task: Task, now: float) -> float:
    """The coordinate from which a report made at `now` counts: `now`, or that at which work was resumed if later.

    A report from before a freeze that arrives after it does not turn the time of the freeze into work.
    """
    if task.status is TaskStatus.IN_PROGRESS and task.updated_at is not None and task.counted_from is not None:
        return max(now, task.counted_from)
    return now


def _work(before: Task, task: Task, since: float, remaining: float | None, percent: float | None, now: float) -> Task:
    """Fills in what the report of an unfinished or cancelled task left open; remaining duration counts from `since`."""
    if task.is_unfinished and (
        before.is_complete or before.percent == 100
    ):  # reopened: whatever was not reported is derived from the rest
        if percent is None:
            share = 0.0 if remaining is None or not task.duration else 1 - remaining / task.duration
            percent = max(0.0, min(99.0, 100 * share))
        if remaining is None:
            remaining = task.duration * (1 - percent / 100)
    if task.status == TaskStatus.NOT_STARTED:
        task = task._replace(started=None, counted_from=None)
    elif task.status == TaskStatus.IN_PROGRESS:
        started = now if before.started is None else before.started
        resumed = before.status != TaskStatus.IN_PROGRESS or remaining is not None
        task = task._replace(started=started, counted_from=since if resumed else before.counted_from)
    return task._replace(
        remaining=before.remaining if remaining is None else float(remaining),
        percent=before.percent if percent is None else float(percent),
        finished=None,
        finished_at=None,
    )


class Report(NamedTuple):
    """What a plan says of work already done: `remaining` is working days, `started` and `finished` are coordinates."""

    status: TaskStatus | None = None
    remaining: float | None = None
    percent: float | None = None
    started: float | None = None
    finished: float | None = None


def carried_over(task: Task, done: Report, calendar: Calendar, data_date: float) -> Task:
    """The planned task with the work that was done on it before chainbell knew it.

    What the plan leaves open is derived: an actual finish completes the task, an actual start or a percentage begins
    it, a percentage gives the remaining duration, and planned dates stand in for missing ones. The remaining duration
    counts from the plan's data date (a coordinate), or from the start of work where that is later.
    """
    if not any(value is not None for value in done):
        return task
    status = _status_after(task, done.status, done.remaining, done.percent)
    if done.finished is not None and done.status is None:
        status = TaskStatus.COMPLETED
    elif status is TaskStatus.NOT_STARTED and done.started is not None and done.status is None:
        status = TaskStatus.IN_PROGRESS
    if status is TaskStatus.NOT_STARTED:
        return task._replace(remaining=done.remaining)
    started = task.planned_start if done.started is None else done.started
    if status is TaskStatus.ON_HOLD and done.started is None and not done.percent:
        return task._replace(status=status, remaining=done.remaining)  # held before it began: links hold it still
    if status is not TaskStatus.COMPLETED and done.started is None:
        started = min(started, data_date)
    if status is TaskStatus.COMPLETED:
        finished = max(started, task.planned_finish) if done.finished is None else done.finished
        return task._replace(
            status=status,
            remaining=0.0,
            percent=100.0,
            started=min(started, finished),
            finished=finished,
            finished_at=calendar.instant(finished),
        )
    percent = done.percent or 0.0
    remaining = task.duration * (1 - percent / 100) if done.remaining is None else done.remaining
    return task._replace(
        status=status,
        remaining=remaining,
        percent=percent,
        started=started,
        counted_from=max(started, data_date),
    )


def report_project(project: Project, at: datetime, status: ProjectStatus, *, allow_stale: bool = False) -> Project:
    """The project with a new status.

    Freezing stops the work in progress; any other status lets it go on. Raises StaleReportError for a report older than
    the project's last one unless `allow_stale` is set.
    """
    if project.updated_at is not None and at < project.updated_at and not allow_stale:
        raise StaleReportError(
            "at", f"{at.isoformat()} is before the project's last update, {project.updated_at.isoformat()}"
        )
    latest = at if project.updated_at is None else max(at, project.updated_at)
    tasks = project.tasks
    if (status is ProjectStatus.FROZEN) != project.stands_still:
        turn = _resumed if project.stands_still else _stopped
        now = project.calendar.coordinate(at)
        tasks = tuple([turn(task, now) if task.status is TaskStatus.IN_PROGRESS else task for task in tasks])
    return replace(project, status=status, tasks=tasks, updated_at=latest, revision=project.revision + 1)


def _stopped(task: Task, now: float) -> Task:
    return task._replace(remaining=work_left(task, now, stands_still=False))


def _resumed(task: Task, now: float) -> Task:
    return task._replace(counted_from=now if task.counted_from is None else max(task.counted_from, now))


def report_milestone(
    project: Project, milestone_id: HostId, at: datetime, deliverables: tuple[Deliverable, ...] = ()
) -> Project:
    """The project with a milestone achieved; reported deliverables replace those of the same id, others are added.

    A milestone that was achieved already keeps its first date. Raises ReportError for an unknown milestone.
    """
    by_id = {milestone.id: number for number, milestone in enumerate(project.milestones)}
    if milestone_id not in by_id:
        raise ReportError("milestoneId", _no_such(project, "milestone", milestone_id, by_id))
    number = by_id[milestone_id]
    milestone = project.milestones[number]
    merged = {deliverable.id: deliverable for deliverable in (*milestone.deliverables, *deliverables)}
    achieved = Milestone(
        milestone.id, milestone.name, milestone.planned_date, tuple(merged.values()), milestone.achieved_at or at
    )
    milestones = (*project.milestones[:number], achieved, *project.milestones[number + 1 :])
    return replace(project, milestones=milestones)


def _no_such(project: Project, kind: str, subject: HostId, known: Container[HostId]) -> str:
    other = other_form(subject)
    hint = f"; it has one with the id {other!r}" if other is not None and other in known else ""
    return f"project {project.id!r} has no {kind} {subject!r}{hint}"
