"""The state of a project for people and programs: zones, consumption, completion, projected date, values by task."""

from dataclasses import dataclass
from datetime import date, datetime

from chainbell.rules import FeverPoint, HostId, Project, ProjectStatus, TaskStatus, Zone, ZonePolicy, assess
from chainbell.rules.dates import ForecastDates
from chainbell.rules.payload import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferStatus:
    """The state of one buffer; consumption is signed percent, size is working days."""

    id: HostId
    chain: HostId
    size: float
    consumption: float
    baseline_finish: date
    forecast_finish: date


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """A task as reported and forecast; durations are working days, consumption is percent of `buffer`."""

    id: HostId
    name: str
    status: TaskStatus
    remaining_duration: float
    percent_complete: float
    due_date: date
    estimated_completion: date | None
    buffer_consumption: float
    zone: Zone
    buffer: HostId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectReport:
    """The state of a project at `as_of`: its figures, buffers and tasks, and the trail of its fever chart.

    Consumption is percent of a buffer, completion is percent of the critical chain, and sizes are working days.
    """

    account_id: HostId
    project_id: HostId
    project_name: str
    status: ProjectStatus
    as_of: datetime
    baseline: int
    zones: ZonePolicy
    zone: Zone
    buffer_consumption: float
    chain_completion: float
    burn_rate: float | None
    promise: date
    target_end_date: date | None
    projected_completion: date
    projection_basis: str
    buffers: tuple[BufferStatus, ...]
    tasks: tuple[TaskState, ...]
    trail: tuple[FeverPoint, ...]


def report(project: Project, as_of: datetime, trail: tuple[FeverPoint, ...]) -> ProjectReport:
    """The report of a project at an instant."""
    calendar = project.calendar
    seen = assess(project, calendar.coordinate(as_of))
    dates = ForecastDates(project, seen, as_of)
    main = seen.project
    buffers = tuple(
        BufferStatus(
            id=state.buffer.id,
            chain=state.chain.id,
            size=round(state.buffer.size, 2),
            consumption=round(state.consumption, 1),
            baseline_finish=calendar.finish_date(state.baseline_finish),
            forecast_finish=dates.protected(state),
        )
        for state in seen.buffers
    )
    tasks = []
    for task, share in zip(project.tasks, seen.tasks, strict=True):
        percent = share.percent if task.is_unfinished else 0.0
        tasks.append(
            TaskState(
                id=task.id,
                name=task.name,
                status=task.status,
                remaining_duration=task.remaining_duration,
                percent_complete=task.percent,
                due_date=project.due_date(task),
                estimated_completion=dates.completion(task.id),
                buffer_consumption=shown(percent),
                zone=project.zones.task_zone(percent),
                buffer=share.buffer,
            )
        )
    return ProjectReport(
        account_id=project.account_id,
        project_id=project.id,
        project_name=project.name,
        status=project.status,
        as_of=as_of,
        baseline=project.baseline,
        zones=project.zones,
        zone=seen.zone,
        buffer_consumption=round(main.consumption, 1),
        chain_completion=round(seen.completion, 1),
        burn_rate=None if seen.burn_rate is None else round(seen.burn_rate, 2),
        promise=dates.promise,
        target_end_date=project.target_end_date,
        projected_completion=dates.projected,
        projection_basis=seen.projection_basis,
        buffers=buffers,
        tasks=tuple(tasks),
        trail=trail,
    )
