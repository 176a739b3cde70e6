"""Between the frozen values of `rules` and the columns of their rows."""

from dataclasses import asdict
from datetime import date, time
from typing import Any

from chainbell.rules import Calendar, Deliverable, HostId, Milestone, Person, Project, Task, TaskStatus, ZonePolicy


def task_from(row: Any, people: dict[HostId | None, Person]) -> Task:
    return Task(
        row.id,
        row.name,
        row.duration,
        row.planned_start,
        row.planned_finish,
        TaskStatus(row.status),
        row.remaining,
        row.percent,
        row.started,
        row.finished,
        row.counted_from,
        row.finished_at,
        row.updated_at,
        row.revision,
        people.get(row.assigned_to_id),
        row.not_before,
    )


def task_columns(key: int, position: int, task: Task) -> dict[str, Any]:
    columns = task._asdict()
    person = columns.pop("assigned_to")
    return {
        **columns,
        "status": task.status.value,
        "project_key": key,
        "position": position,
        "assigned_to_id": None if person is None else person.id,
    }


def project_columns(project: Project) -> dict[str, Any]:
    calendar, zones = project.calendar, asdict(project.zones)
    return {
        "name": project.name,
        "status": project.status.value,
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
        "zones": zones,
        "baseline": project.baseline,
        "revision": project.revision,
        "updated_at": project.updated_at,
        "evaluated_at": project.evaluated_at,
    }


def calendar_from(origin: date, kept: Any) -> Calendar:
    return Calendar(
        origin,
        frozenset(kept["working_days"]),
        frozenset(date.fromisoformat(day) for day in kept["holidays"]),
        tuple(
            (time.fromisoformat(opens), time.fromisoformat(closes) if closes else None)
            for opens, closes in kept["hours"]
        ),
        kept["time_zone"],
    )


def milestone_columns(after: Project) -> list[dict[str, Any]]:
    return [
        {
            "id": m.id,
            "position": n,
            "name": m.name,
            "planned_date": m.planned_date,
            "deliverables": [asdict(deliverable) for deliverable in m.deliverables],
            "achieved_at": m.achieved_at,
        }
        for n, m in enumerate(after.milestones)
    ]


def milestone_from(row: Any) -> Milestone:
    deliverables = tuple(Deliverable(**deliverable) for deliverable in row.deliverables)
    return Milestone(row.id, row.name, row.planned_date, deliverables, row.achieved_at)


def zones_from(kept: Any) -> ZonePolicy:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()}
    return ZonePolicy(**values)
