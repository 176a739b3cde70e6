"""A baseline as it was planned, as a document to keep, and what the next one changes, field by field."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any

from chainbell.rules.calendar import NOISE, Calendar
from chainbell.rules.model import Buffer, Chain, Link, Milestone, Person, Project, Task
from chainbell.rules.payload import wire

Fields = Mapping[str, Any]
Outline = Mapping[str, Any]
"""A plan in the wire form of plan documents, JSON-ready, with everything that was derived for it spelt out: `project`,
`tasks` with planned dates, `links` with resource links, `chains`, `buffers`, `milestones`."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`field` is a path such as `tasks[234].duration`; `before` is None for an addition, `after` for a removal."""

    field: str
    before: Any
    after: Any


def outline(project: Project) -> dict[str, Any]:
    """The plan of a project, without reports and statuses; durations, lags and buffer sizes are working days."""
    return {
        "accountId": project.account_id,
        "project": _heading(project),
        "tasks": [_task(project, task) for task in project.tasks],
        "links": [_link(link) for link in project.network.links],
        "chains": [_chain(chain) for chain in project.chains],
        "buffers": [_buffer(buffer) for buffer in project.buffers],
        "milestones": [_milestone(milestone) for milestone in project.milestones],
    }


def _heading(project: Project) -> Fields:
    calendar = project.calendar
    return {
        "id": project.id,
        "name": project.name,
        "startDate": wire(project.start_date),
        "targetEndDate": wire(project.target_end_date),
        "manager": _person(project.manager),
        "calendar": {
            "workingDays": sorted(calendar.working_days),
            "holidays": sorted(wire(day) for day in calendar.holidays),
            "hours": [[f"{opens:%H:%M}", _closing(closes)] for opens, closes in calendar.hours],
            "timeZone": calendar.time_zone,
        },
        "zones": wire(project.zones),
        **wire(project.options),
    }


def _closing(closes: time | None) -> str:
    return "24:00" if closes is None else f"{closes:%H:%M}"


def _task(project: Project, task: Task) -> Fields:
    return {
        "id": task.id,
        "name": task.name,
        "duration": task.duration,
        "plannedStart": _start(project.calendar, task.planned_start),
        "plannedFinish": _finish(project, task),
        "startNoEarlierThan": task.not_before,
        "assignedTo": _person(task.assigned_to),
    }


def _start(calendar: Calendar, coordinate: float) -> str:
    """A start as its date, within a day as its instant."""
    is_opening = abs(coordinate - round(coordinate)) <= NOISE
    return str(wire(calendar.start_date(coordinate) if is_opening else calendar.start_instant(coordinate)))


def _finish(project: Project, task: Task) -> str:
    """A finish as its date, within a day as its instant."""
    is_closing = abs(task.planned_finish - round(task.planned_finish)) <= NOISE
    return str(wire(project.due_date(task) if is_closing else project.calendar.instant(task.planned_finish)))


def _person(person: Person | None) -> Fields | None:
    return None if person is None else {"id": person.id, "name": person.name, "email": person.email}


def _link(link: Link) -> Fields:
    return {
        "from": link.predecessor,
        "to": link.successor,
        "type": link.type.value,
        "lag": link.lag,
        "resource": link.resource,
    }


def _chain(chain: Chain) -> Fields:
    return {"id": chain.id, "kind": chain.kind.value, "tasks": list(chain.tasks), "joins": chain.joins}


def _buffer(buffer: Buffer) -> Fields:
    return {"id": buffer.id, "chain": buffer.chain, "size": buffer.size, "measure": buffer.measure.value}


def _milestone(milestone: Milestone) -> Fields:
    return {"id": milestone.id, "name": milestone.name, "plannedDate": wire(milestone.planned_date)}


def differences(before: Outline, after: Outline) -> tuple[Difference, ...]:
    """What the outline `after` changes in `before`; people are compared by id, fields only where both have them."""
    found = list(_named("project", _flat(before.get("project", {})), _flat(after.get("project", {}))))
    for name in ("tasks", "links", "chains", "buffers", "milestones"):
        found += _listed(name, _by_key(name, before.get(name, ())), _by_key(name, after.get(name, ())))
    return tuple(found)


def _flat(heading: Fields) -> Fields:
    """The calendar's fields beside the project's own."""
    return {key: value for key, value in heading.items() if key != "calendar"} | dict(heading.get("calendar") or {})


def _by_key(name: str, items: Sequence[Fields]) -> dict[Any, Fields]:
    if name == "links":
        links: dict[str, Fields] = {}
        for link in items:
            key = f"{link['from']} {link.get('type', 'FS')} {link['to']}"
            links[key if key not in links else f"{key} ({len(links)})"] = link
        return links
    return {item["id"]: item for item in items}


def _listed(name: str, before: Mapping[Any, Fields], after: Mapping[Any, Fields]) -> Iterator[Difference]:
    for key, fields in before.items():
        if key not in after:
            yield Difference(f"{name}[{key}]", dict(fields), None)
        else:
            yield from _named(f"{name}[{key}]", fields, after[key])
    for key, fields in after.items():
        if key not in before:
            yield Difference(f"{name}[{key}]", None, dict(fields))


def _named(name: str, before: Fields, after: Fields) -> Iterable[Difference]:
    for key, value in before.items():
        if key in after:
            old, new = _compared(key, value), _compared(key, after[key])
            if old != new:
                yield Difference(f"{name}.{key}", old, new)


def _compared(key: str, value: Any) -> Any:
    return value.get("id") if key in ("assignedTo", "manager") and isinstance(value, Mapping) else value
