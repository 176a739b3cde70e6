"""The state of a project for people and programs: zones, consumption, completion, projected date, values by task."""

from dataclasses import dataclass
from datetime import date, datetime

from chainbell.rules import HostId, Project, ZonePolicy, assess
from chainbell.rules.dates import ForecastDates
from chainbell.rules.payload import shown


@dataclass(frozen=True, slots=True)
class BufferStatus:
    """Consumption is percent, signed; sizes are working days."""

    id: HostId
    chain: HostId
    size: float
    consumption: float
    baseline_finish: date
    forecast_finish: date


@dataclass(frozen=True, slots=True)
class TaskState:
    id: HostId
    name: str
    status: str
    remaining_duration: float
    percent_complete: float
    due_date: date
    estimated_completion: date | None
    buffer_consumption: float
    zone: str
    buffer: HostId | None


@dataclass(frozen=True, slots=True)
class FeverPoint:
    """One point of the trail: percent of the chain done, percent of the buffer consumed.

    `at` is the instant of the change that moved the point, `recorded_at` when it was told (None in databases from
    before that was kept).
    """

    at: datetime
    recorded_at: datetime | None
    baseline: int
    completion: float
    consumption: float
    zone: str


@dataclass(frozen=True, slots=True)
class ProjectReport:
    account_id: HostId
    project_id: HostId
    project_name: str
    status: str
    as_of: datetime
    baseline: int
    zones: ZonePolicy
    zone: str
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
            state.buffer.id,
            state.chain.id,
            round(state.buffer.size, 2),
            round(state.consumption, 1),
            calendar.finish_date(state.baseline_finish),
            dates.protected(state),
        )
        for state in seen.buffers
    )
    tasks = []
    for task, share in zip(project.tasks, seen.tasks, strict=True):
        percent = share.percent if task.is_unfinished else 0.0
        tasks.append(
            TaskState(
                task.id,
                task.name,
                task.status,
                task.remaining_duration,
                task.percent,
                project.due_date(task),
                dates.completion(task.id),
                shown(percent),
                project.zones.task_zone(percent),
                share.buffer,
            )
        )
    return ProjectReport(
        project.account_id,
        project.id,
        project.name,
        project.status,
        as_of,
        project.baseline,
        project.zones,
        seen.zone,
        round(main.consumption, 1),
        round(seen.completion, 1),
        None if seen.burn_rate is None else round(seen.burn_rate, 2),
        dates.promise,
        project.target_end_date,
        dates.projected,
        seen.projection_basis,
        buffers,
        tuple(tasks),
        trail,
    )
