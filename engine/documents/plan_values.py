"""From a plan document to the values that are planned: dates to coordinates, ids to people, nothing derived."""

from collections.abc import Callable
from datetime import date, datetime
from typing import TypeVar

from chainbell.engine.documents.fields import PersonDocument
from chainbell.engine.documents.plan import PlanDocument, TaskDocument
from chainbell.engine.errors import InvalidInputError
from chainbell.rules import (
    Buffer,
    Calendar,
    Chain,
    FieldError,
    HostId,
    Link,
    Measure,
    Milestone,
    Options,
    Person,
    ProjectStatus,
    Task,
    ZonePolicy,
)
from chainbell.rules.planning.plan import Method, Plan, TaskPlan, usual_measure
from chainbell.rules.progress import Report

T = TypeVar("T")


def plan_values(document: PlanDocument, at: datetime, status: ProjectStatus | None = None) -> Plan:
    """The plan that a document describes, given at this instant; raises InvalidInputError naming field and reason.

    `status` is that of a project that is there already: a plan does not change it.
    """
    heading = document.project
    calendar = _within("project.calendar", lambda: heading.calendar.value(heading.start_date))
    zones = _within("project", lambda: ZonePolicy(**heading.zones.model_dump()))
    _within("project", zones.check_margin)
    chains = tuple(Chain(chain.id, chain.kind, chain.tasks, chain.joins) for chain in document.chains)
    method = document.planning
    return Plan(
        account_id=document.account_id,
        id=heading.id,
        name=heading.name,
        status=heading.status if status is None else status,
        start_date=heading.start_date,
        target_end_date=heading.target_end_date,
        calendar=calendar,
        tasks=tuple(_task(calendar, task, number) for number, task in enumerate(document.tasks)),
        given_at=calendar.coordinate(at),
        data_date=calendar.coordinate(at) if heading.status_date is None else _start(calendar, heading.status_date),
        links=tuple(Link(link.from_, link.to, link.type, link.lag, link.resource) for link in document.links),
        chains=chains,
        buffers=_buffers(document, chains),
        milestones=tuple(
            Milestone(m.id, m.name, m.planned_date, tuple(d.value() for d in m.deliverables))
            for m in document.milestones
        ),
        capacities=_capacities(document),
        method=Method(
            buffers=method.buffers,
            measure=None if method.measure is None else Measure(method.measure),
            levelling=method.levelling,
            priority=method.priority,
        ),
        manager=_person(heading.manager),
        team_size=heading.team_size,
        zones=zones,
        options=Options(heading.readiness, heading.inherited_red, heading.remaining_from),
    )


def _within(parent: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except FieldError as error:
        raise InvalidInputError(f"{parent}.{error.field}", error.reason) from None


def _task(calendar: Calendar, document: TaskDocument, number: int) -> TaskPlan:
    release = document.start_no_earlier_than
    begin, end = _span(calendar, document.planned_start, document.planned_finish, f"tasks[{number}].planned")
    started, finished = _span(calendar, document.actual_start, document.actual_finish, f"tasks[{number}].actual")
    task = Task(
        document.id,
        document.name,
        document.duration,
        0.0,
        0.0,
        assigned_to=_person(document.assigned_to),
        not_before=None if release is None else _start(calendar, release),
    )
    done = Report(document.status, document.remaining_duration, document.percent_complete, started, finished)
    demands = _demands(document, number)
    return TaskPlan(task=task, begin=begin, end=end, safe_duration=document.safe_duration, demands=demands, done=done)


def _span(
    calendar: Calendar, first: date | float | None, last: date | float | None, field: str
) -> tuple[float | None, float | None]:
    """A start and a finish as coordinates; raises InvalidInputError where they contradict each other."""
    begin = None if first is None else _start(calendar, first)
    end = None if last is None else _finish(calendar, last)
    if begin is not None and end is not None and end < begin:
        raise InvalidInputError(f"{field}Finish", f"lies before {field.rpartition('.')[2]}Start")
    return begin, end


def _start(calendar: Calendar, value: date | float) -> float:
    if isinstance(value, datetime):
        return calendar.coordinate(value)
    return calendar.start_of(value) if isinstance(value, date) else value


def _finish(calendar: Calendar, value: date | float) -> float:
    if isinstance(value, datetime):
        return calendar.coordinate(value)
    return calendar.finish_of(value) if isinstance(value, date) else value


def _buffers(document: PlanDocument, chains: tuple[Chain, ...]) -> tuple[Buffer, ...]:
    usual = {chain.id: usual_measure(chain) for chain in chains}
    return tuple(
        Buffer(one.id, one.chain, one.size, one.measure or usual.get(one.chain, Measure.FORECAST))
        for one in document.buffers
    )


def _capacities(document: PlanDocument) -> dict[HostId, float]:
    capacities: dict[HostId, float] = {}
    for number, resource in enumerate(document.resources):
        if resource.id in capacities:
            raise InvalidInputError(f"resources[{number}].id", f"two have the id {resource.id!r}")
        capacities[resource.id] = resource.capacity
    if not document.resources:  # named by the tasks alone: one unit of each
        capacities = {demand.id: 1.0 for task in document.tasks for demand in task.resources}
    return capacities


def _demands(task: TaskDocument, number: int) -> dict[HostId, float]:
    demands: dict[HostId, float] = {}
    for place, demand in enumerate(task.resources):
        if demand.id in demands:
            raise InvalidInputError(f"tasks[{number}].resources[{place}]", f"{demand.id!r} is named twice")
        demands[demand.id] = demand.units
    return demands


def _person(document: PersonDocument | None) -> Person | None:
    return None if document is None else document.value()
