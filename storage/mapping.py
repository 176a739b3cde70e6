"""Between the frozen values of `rules` and the columns of their rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, time
from functools import lru_cache
from typing import Any

from chainbell.rules import (
    Calendar,
    Deliverable,
    HostId,
    Link,
    LinkType,
    Milestone,
    Options,
    Person,
    Project,
    Readiness,
    RemainingFrom,
    Task,
    TaskStatus,
    ZonePolicy,
)
from chainbell.rules.ids import id_order

STATUSES = {status.value: status for status in TaskStatus}
LINK_TYPES = {kind.value: kind for kind in LinkType}


def task_from(row: Sequence[Any], people: Mapping[HostId, Person]) -> Task:
    """A task from its row, in the order of the table's columns; unpacked in one go, as a portfolio has millions."""
    (_, task_id, _, name, duration, start, finish, status, remaining, percent, started, finished) = row[:12]
    (counted_from, finished_at, updated_at, revision, assigned_to, not_before) = row[12:]
    return Task(
        task_id,
        name,
        duration,
        start,
        finish,
        STATUSES[status],
        remaining,
        percent,
        started,
        finished,
        counted_from,
        finished_at,
        updated_at,
        revision,
        None if assigned_to is None else people.get(assigned_to),
        not_before,
    )


def link_from(row: Sequence[Any]) -> Link:
    """A link from its row, in the order of the table's columns."""
    _, _, predecessor, successor, kind, lag, resource = row
    return Link(predecessor, successor, LINK_TYPES[kind], lag, resource)


def task_row(position: int, task: Task) -> dict[str, Any]:
    """A task's row, by column, without the project's key; `position` is the task's place in the plan."""
    columns = task._asdict()
    person = columns.pop("assigned_to")
    return {
        **columns,
        "status": task.status.value,
        "position": position,
        "assigned_to_id": None if person is None else person.id,
    }


def task_columns(project: Project) -> list[dict[str, Any]]:
    """The rows of a project's tasks, by column, without the project's key."""
    return [task_row(position, task) for position, task in enumerate(project.tasks)]


def link_columns(project: Project) -> list[dict[str, Any]]:
    """The rows of a project's links, by column, without the project's key."""
    return [
        {
            "position": position,
            "predecessor": link.predecessor,
            "successor": link.successor,
            "type": link.type.value,
            "lag": link.lag,
            "resource": link.resource,
        }
        for position, link in enumerate(project.network.links)
    ]


def chain_columns(project: Project) -> list[dict[str, Any]]:
    """The rows of a project's chains, by column, without the project's key."""
    return [
        {"id": c.id, "position": n, "kind": c.kind.value, "tasks": list(c.tasks), "joins": c.joins}
        for n, c in enumerate(project.chains)
    ]


def buffer_columns(project: Project) -> list[dict[str, Any]]:
    """The rows of a project's buffers, by column, without the project's key."""
    return [
        {"id": b.id, "position": n, "chain": b.chain, "size": b.size, "measure": b.measure.value}
        for n, b in enumerate(project.buffers)
    ]


def state_columns(project: Project) -> dict[str, Any]:
    """The columns of a project's row that change with reports and evaluations."""
    return {
        "status": project.status.value,
        "revision": project.revision,
        "red_tasks": sorted(project.red_tasks, key=id_order),
        "updated_at": project.updated_at,
        "evaluated_at": project.evaluated_at,
    }


def plan_columns(project: Project) -> dict[str, Any]:
    """The columns of a project's row that a baseline fixes."""
    calendar = project.calendar
    return {
        "name": project.name,
        "start_date": project.start_date,
        "target_end_date": project.target_end_date,
        "manager_id": project.manager.id if project.manager else None,
        "team_size": project.team_size,
        "calendar": {
            "working_days": sorted(calendar.working_days),
            "holidays": sorted(day.isoformat() for day in calendar.holidays),
            "hours": [[opens.isoformat(), closes and closes.isoformat()] for opens, closes in calendar.hours],
            "time_zone": calendar.time_zone,
        },
        "zones": asdict(project.zones),
        "options": asdict(project.options),
        "baseline": project.baseline,
    }


def calendar_from(origin: date, kept: Any) -> Calendar:
    """A calendar from its JSON. Most projects share a few, and a calendar is a value, so each is made once.

    `origin` is the project's start date. Raises CalendarError for what does not form a calendar.
    """
    hours = tuple((opens, closes) for opens, closes in kept["hours"])
    return _calendar(origin, tuple(kept["working_days"]), tuple(kept["holidays"]), hours, kept["time_zone"])


@lru_cache(maxsize=256)
def _calendar(
    origin: date,
    working_days: tuple[int, ...],
    holidays: tuple[str, ...],
    hours: tuple[tuple[str, str | None], ...],
    time_zone: str,
) -> Calendar:
    return Calendar(
        origin,
        frozenset(working_days),
        frozenset(date.fromisoformat(day) for day in holidays),
        tuple((time.fromisoformat(opens), time.fromisoformat(closes) if closes else None) for opens, closes in hours),
        time_zone,
    )


def milestone_columns(project: Project) -> list[dict[str, Any]]:
    """The rows of a project's milestones, by column, without the project's key."""
    return [
        {
            "id": m.id,
            "position": n,
            "name": m.name,
            "planned_date": m.planned_date,
            "deliverables": [asdict(deliverable) for deliverable in m.deliverables],
            "achieved_at": m.achieved_at,
        }
        for n, m in enumerate(project.milestones)
    ]


def milestone_from(row: Any) -> Milestone:
    """A milestone from its row."""
    deliverables = tuple(Deliverable(**deliverable) for deliverable in row.deliverables)
    return Milestone(row.id, row.name, row.planned_date, deliverables, row.achieved_at)


def options_from(kept: Any) -> Options:
    """A project's options from their JSON; the defaults for rows from before there were any."""
    if not kept:
        return Options()
    readiness, remaining_from = Readiness(kept["readiness"]), RemainingFrom(kept["remaining_from"])
    return Options(readiness, kept["inherited_red"], remaining_from)


def zones_from(kept: Any) -> ZonePolicy:
    """A zone policy from its JSON; raises ZonePolicyError for thresholds out of order, TypeError for unknown fields."""
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()}
    return ZonePolicy(**values)
