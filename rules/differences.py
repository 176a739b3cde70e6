"""What a new baseline changes: one line for each field of the plan that differs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import time
from typing import Any

from chainbell.rules.model import Buffer, Chain, HostId, Milestone, Project, Task


@dataclass(frozen=True, slots=True)
class Difference:
    """`field` is a path such as `tasks[234].duration`; None before or after means that it was not or is no longer."""

    field: str
    before: Any
    after: Any


def differences(before: Project, after: Project) -> tuple[Difference, ...]:
    """What the plan of `after` changes against that of `before`, reports and statuses left aside."""
    found = [
        *_named("project", _heading(before), _heading(after)),
        *_listed("tasks", _tasks(before), _tasks(after)),
        *_listed("links", _links(before), _links(after)),
        *_listed("chains", _by_id(before.chains, _chain), _by_id(after.chains, _chain)),
        *_listed("buffers", _by_id(before.buffers, _buffer), _by_id(after.buffers, _buffer)),
        *_listed("milestones", _by_id(before.milestones, _milestone), _by_id(after.milestones, _milestone)),
    ]
    return tuple(found)


Fields = Mapping[str, Any]


def _heading(project: Project) -> Fields:
    calendar = project.calendar
    return {
        "name": project.name,
        "startDate": project.start_date,
        "targetEndDate": project.target_end_date,
        "manager": project.manager and project.manager.id,
        "workingDays": sorted(calendar.working_days),
        "holidays": sorted(calendar.holidays),
        "hours": [f"{opens:%H:%M}-{closes or time(0):%H:%M}" for opens, closes in calendar.hours],
        "timeZone": calendar.time_zone,
        "zones": asdict(project.zones),
    }


def _tasks(project: Project) -> dict[Any, Fields]:
    calendar = project.calendar

    def fields(task: Task) -> Fields:
        return {
            "name": task.name,
            "duration": task.duration,
            "plannedStart": calendar.start_date(task.planned_start),
            "plannedFinish": calendar.due_date(task.planned_finish),
            "assignedTo": task.assigned_to and task.assigned_to.id,
        }

    return {task.id: fields(task) for task in project.tasks}


def _links(project: Project) -> dict[Any, Fields]:
    return {
        f"{link.predecessor} {link.type} {link.successor}": {"lag": link.lag, "resource": link.resource}
        for link in project.network.links
    }


def _chain(chain: Chain) -> Fields:
    return {"kind": chain.kind, "tasks": list(chain.tasks), "joins": chain.joins}


def _buffer(buffer: Buffer) -> Fields:
    return {"chain": buffer.chain, "size": buffer.size, "measure": buffer.measure}


def _milestone(milestone: Milestone) -> Fields:
    return {"name": milestone.name, "plannedDate": milestone.planned_date}


def _by_id(items: Iterable[Any], fields: Any) -> dict[HostId, Fields]:
    return {item.id: fields(item) for item in items}


def _listed(name: str, before: Mapping[Any, Fields], after: Mapping[Any, Fields]) -> Iterator[Difference]:
    for key, fields in before.items():
        if key not in after:
            yield Difference(f"{name}[{key}]", dict(fields), None)
        else:
            yield from _named(f"{name}[{key}]", fields, after[key])
    for key, fields in after.items():
        if key not in before:
            yield Difference(f"{name}[{key}]", None, dict(fields))


def _named(name: str, before: Fields, after: Fields) -> Iterator[Difference]:
    for key, value in before.items():
        if value != after[key]:
            yield Difference(f"{name}.{key}", value, after[key])
