"""Plan documents: a project with its tasks, links, chains, buffers and milestones, read into the rules' values."""

from datetime import date, datetime, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from chainbell.engine.documents import Day, Document, Id, Instant, Lag, PersonDocument, Text, WorkingDays, invalid
from chainbell.engine.errors import InvalidInputError
from chainbell.rules import (
    Buffer,
    Calendar,
    Chain,
    ChainKind,
    Deliverable,
    HostId,
    Link,
    LinkType,
    Milestone,
    NetworkError,
    Project,
    ProjectStatus,
    Task,
    ZonePolicy,
    compile_network,
)
from chainbell.rules.baseline import PlannedDates, with_planned_dates
from chainbell.rules.calendar import EVERY_DAY, MONDAY_TO_FRIDAY


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise ValueError(f"{name!r} is not a time zone of the IANA database") from None
    return name


def read_status(value: Any) -> Any:
    """`OnHold` is read as Frozen."""
    return ProjectStatus.FROZEN if value == "OnHold" else value


ProjectStatusField = Annotated[ProjectStatus, BeforeValidator(read_status)]


class CalendarDocument(Document):
    working_days: tuple[int, ...] = tuple(sorted(MONDAY_TO_FRIDAY))
    holidays: tuple[Day, ...] = ()
    hours: tuple[time, time | Literal["24:00"]] = (time(9), time(17))
    time_zone: Annotated[str, BeforeValidator(_known_zone)] = "UTC"
    calendar_days: bool = False

    @field_validator("hours")
    @classmethod
    def _wall_clock(cls, hours: tuple[Any, ...]) -> tuple[Any, ...]:
        if any(isinstance(hour, time) and hour.tzinfo is not None for hour in hours):
            raise ValueError("hours are wall-clock times; the zone belongs in timeZone")
        return hours

    @field_validator("working_days")
    @classmethod
    def _weekdays(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if not days or not set(days) <= EVERY_DAY:
            raise ValueError("name at least one weekday, from 1 (Monday) to 7 (Sunday)")
        return days

    def value(self, origin: date) -> Calendar:
        if self.calendar_days:
            return Calendar(origin, EVERY_DAY, frozenset(), time(0), None, self.time_zone)
        opens, closes = self.hours
        return Calendar(
            origin,
            frozenset(self.working_days),
            frozenset(self.holidays),
            opens,
            None if closes == "24:00" else closes,
            self.time_zone,
        )


class ZonesDocument(Document):
    policy: Literal["static", "fever"] = "static"
    yellow: float = 50.0
    red: float = 70.0
    task_yellow: float = 50.0
    task_red: float = 90.0
    margin: float = 5.0
    fever_yellow: tuple[float, float] = (10.0, 70.0)
    fever_red: tuple[float, float] = (30.0, 90.0)


class ProjectDocument(Document):
    id: Id
    name: Text
    status: ProjectStatusField = ProjectStatus.PLANNING
    start_date: Day
    target_end_date: Day | None = None
    manager: PersonDocument | None = None
    team_size: Annotated[int, Field(ge=0)] | None = None
    calendar: CalendarDocument = CalendarDocument()
    zones: ZonesDocument = ZonesDocument()


class TaskDocument(Document):
    id: Id
    name: Text
    duration: WorkingDays
    assigned_to: PersonDocument | None = None
    planned_start: Instant | Day | None = None
    planned_finish: Instant | Day | None = None


class LinkDocument(Document):
    from_: Id = Field(alias="from")
    to: Id
    type: LinkType = LinkType.FS
    lag: Lag = 0.0


class ChainDocument(Document):
    id: Id
    kind: ChainKind
    tasks: tuple[Id, ...] = Field(min_length=1)
    joins: Id | None = None


class BufferDocument(Document):
    id: Id
    chain: Id
    size: WorkingDays


class DeliverableDocument(Document):
    id: Id
    name: Text
    status: Text = "Pending"

    def value(self) -> Deliverable:
        return Deliverable(self.id, self.name, self.status)


class MilestoneDocument(Document):
    id: Id
    name: Text
    planned_date: Day | None = None
    deliverables: tuple[DeliverableDocument, ...] = ()


class PlanDocument(Document):
    account_id: Id
    project: ProjectDocument
    tasks: tuple[TaskDocument, ...] = Field(min_length=1)
    links: tuple[LinkDocument, ...] = ()
    chains: tuple[ChainDocument, ...] = Field(min_length=1)
    buffers: tuple[BufferDocument, ...] = Field(min_length=1)
    milestones: tuple[MilestoneDocument, ...] = ()


def read_plan(document: Any) -> PlanDocument:
    """A checked plan document; raises InvalidInputError naming the first wrong field."""
    if isinstance(document, PlanDocument):
        return document
    try:
        return PlanDocument.model_validate(document)
    except ValidationError as error:
        raise invalid(error) from None


def project_of(plan: PlanDocument) -> Project:
    """The project that a plan document describes, baseline 1; raises InvalidInputError naming field and reason."""
    heading = plan.project
    try:
        calendar = heading.calendar.value(heading.start_date)
        zones = ZonePolicy(**heading.zones.model_dump())
    except ValueError as error:
        field, _, reason = str(error).partition(": ")
        parent = "project" if field.startswith("zones") else "project.calendar"
        raise InvalidInputError(f"{parent}.{field}", reason) from None
    people = [_person(task.assigned_to) for task in plan.tasks]
    unplanned = tuple(
        Task(task.id, task.name, task.duration, 0.0, 0.0, assigned_to=person)
        for task, person in zip(plan.tasks, people, strict=True)
    )
    links = tuple(Link(link.from_, link.to, link.type, link.lag) for link in plan.links)
    try:
        network = compile_network(unplanned, links)
    except NetworkError as error:
        field, _, reason = str(error).partition(": ")
        raise InvalidInputError(field, reason) from None
    _check_chains(plan, set(network.positions))
    given = {task.id: _planned_dates(calendar, task, number) for number, task in enumerate(plan.tasks)}
    return Project(
        account_id=plan.account_id,
        id=heading.id,
        name=heading.name,
        status=heading.status,
        start_date=heading.start_date,
        target_end_date=heading.target_end_date,
        calendar=calendar,
        tasks=with_planned_dates(unplanned, network, given),
        chains=tuple(Chain(chain.id, chain.kind, chain.tasks, chain.joins) for chain in plan.chains),
        buffers=tuple(Buffer(buffer.id, buffer.chain, buffer.size) for buffer in plan.buffers),
        network=network,
        milestones=tuple(
            Milestone(m.id, m.name, m.planned_date, tuple(d.value() for d in m.deliverables)) for m in plan.milestones
        ),
        manager=_person(heading.manager),
        team_size=heading.team_size,
        zones=zones,
    )


def _person(document: PersonDocument | None) -> Any:
    return None if document is None else document.value()


def _planned_dates(calendar: Calendar, task: TaskDocument, number: int) -> PlannedDates:
    start, finish = task.planned_start, task.planned_finish
    begin = None if start is None else _coordinate(calendar, start, calendar.start_of)
    end = None if finish is None else _coordinate(calendar, finish, calendar.finish_of)
    if begin is not None and end is not None and end < begin:
        raise InvalidInputError(f"tasks[{number}].plannedFinish", "lies before plannedStart")
    return begin, end


def _coordinate(calendar: Calendar, value: date, of_date: Any) -> float:
    coordinate: float = calendar.coordinate(value) if isinstance(value, datetime) else of_date(value)
    return coordinate


def _check_chains(plan: PlanDocument, tasks: set[HostId]) -> None:
    """Chains must fit the tasks: one critical chain, no task on two, no unknown id; and buffers must fit the chains."""
    for name in ("chains", "buffers", "milestones"):
        ids = [item.id for item in getattr(plan, name)]
        for number, one in enumerate(ids):
            if one in ids[:number]:
                raise InvalidInputError(f"{name}[{number}].id", f"two have the id {one!r}")
    chain_of: dict[HostId, HostId] = {}
    for number, chain in enumerate(plan.chains):
        for place, task_id in enumerate(chain.tasks):
            if task_id not in tasks:
                raise InvalidInputError(f"chains[{number}].tasks[{place}]", f"there is no task {task_id!r}")
            if task_id in chain_of:
                reason = f"task {task_id!r} is on chain {chain_of[task_id]!r} already"
                raise InvalidInputError(f"chains[{number}].tasks[{place}]", reason)
            chain_of[task_id] = chain.id
        if chain.joins is not None and chain.joins not in tasks:
            raise InvalidInputError(f"chains[{number}].joins", f"there is no task {chain.joins!r}")
    critical = [chain.id for chain in plan.chains if chain.kind == ChainKind.CRITICAL]
    if len(critical) != 1:
        raise InvalidInputError("chains", f"one chain must be critical, {len(critical)} are")
    _check_buffers(plan, critical[0])


def _check_buffers(plan: PlanDocument, critical: HostId) -> None:
    chains = {chain.id for chain in plan.chains}
    buffered: set[HostId] = set()
    for number, buffer in enumerate(plan.buffers):
        if buffer.chain not in chains:
            raise InvalidInputError(f"buffers[{number}].chain", f"there is no chain {buffer.chain!r}")
        if buffer.chain in buffered:
            raise InvalidInputError(f"buffers[{number}].chain", f"chain {buffer.chain!r} has a buffer already")
        buffered.add(buffer.chain)
    if critical not in buffered:
        raise InvalidInputError("buffers", f"the critical chain {critical!r} has none")
