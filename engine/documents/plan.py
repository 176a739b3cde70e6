"""The plan document, field by field: a project with its tasks, links, chains, buffers, resources and milestones."""

from datetime import date, datetime, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator

from chainbell.engine.documents.fields import (
    Coordinate,
    Day,
    Document,
    Duration,
    Id,
    Instant,
    Lag,
    Percent,
    PersonDocument,
    Text,
    Units,
    WorkingDays,
    instant_of,
    invalid,
)
from chainbell.engine.errors import InvalidInputError
from chainbell.rules import (
    Calendar,
    ChainKind,
    Deliverable,
    FieldError,
    LinkType,
    Measure,
    ProjectStatus,
    Readiness,
    RemainingFrom,
    TaskStatus,
)
from chainbell.rules.calendar import EVERY_DAY, MONDAY_TO_FRIDAY
from chainbell.rules.planning.plan import SMALLEST_BUFFER

NO_ZONES = {"localtime", "posixrules", "Factory"}
"""Names beside those of zones that a machine's database may have: what they mean depends on the machine."""


def _known_zone(name: Any) -> Any:
    if isinstance(name, str) and (name in NO_ZONES or name.startswith(("posix/", "right/"))):
        raise ValueError(f"{name!r} is not a time zone of the IANA database")
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise ValueError(f"{name!r} is not a time zone of the IANA database") from None
    return name


def read_status(value: Any) -> Any:
    """`OnHold` is read as Frozen."""
    return ProjectStatus.FROZEN if value == "OnHold" else value


ProjectStatusField = Annotated[ProjectStatus, BeforeValidator(read_status)]


def _shifts(hours: Any) -> Any:
    """One shift may be given without the outer list: `["09:00", "17:00"]`."""
    if isinstance(hours, (list, tuple)) and len(hours) == 2 and not isinstance(hours[0], (list, tuple)):
        return [hours]
    return hours


WallClock = tuple[time, time | Literal["24:00"]]


class CalendarDocument(Document):
    """Working weekdays (1 is Monday), holidays, hours and the IANA time zone; `calendarDays` works round the clock."""

    working_days: tuple[int, ...] = tuple(sorted(MONDAY_TO_FRIDAY))
    holidays: Annotated[tuple[Day, ...], Field(max_length=10_000)] = ()
    hours: Annotated[tuple[WallClock, ...], BeforeValidator(_shifts), Field(max_length=24)] = ((time(9), time(17)),)
    time_zone: Annotated[str, BeforeValidator(_known_zone)] = "UTC"
    calendar_days: bool = False

    @field_validator("hours")
    @classmethod
    def _wall_clock(cls, hours: tuple[WallClock, ...]) -> tuple[WallClock, ...]:
        if any(isinstance(hour, time) and hour.tzinfo is not None for shift in hours for hour in shift):
            raise ValueError("hours are wall-clock times; the zone belongs in timeZone")
        return hours

    @field_validator("working_days")
    @classmethod
    def _weekdays(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if not days or not set(days) <= EVERY_DAY:
            raise ValueError("name at least one weekday, from 1 (Monday) to 7 (Sunday)")
        return days

    def value(self, origin: date) -> Calendar:
        """The calendar that counts from `origin`; raises CalendarError for hours that make none."""
        if self.calendar_days:
            return Calendar(origin, EVERY_DAY, frozenset(), ((time(0), None),), self.time_zone)
        hours = tuple((opens, None if closes == "24:00" else closes) for opens, closes in self.hours)
        return Calendar(origin, frozenset(self.working_days), frozenset(self.holidays), hours, self.time_zone)


class ZonesDocument(Document):
    """The zone policy: thresholds in percent of the buffer, `margin` in points (see `rules.zones`)."""

    policy: Literal["static", "fever"] = "static"
    yellow: float = 50.0
    red: float = 70.0
    task_yellow: float = 50.0
    task_red: float = 90.0
    margin: float = 5.0
    fever_yellow: tuple[float, float] = (10.0, 70.0)
    fever_red: tuple[float, float] = (30.0, 90.0)


Moment = Instant | Day | Coordinate
"""An instant, a date (a start at its opening, a finish at its closing), or working days from the project's start."""


class ProjectDocument(Document):
    """The heading of a plan.

    `status_date` is the data date of a plan under way: remaining durations count from it; the instant of loading if
    left out. `readiness`, `inherited_red` and `remaining_from` are the project's options.
    """

    id: Id
    name: Text
    status: ProjectStatusField = ProjectStatus.PLANNING
    start_date: Day
    target_end_date: Day | None = None
    status_date: Moment | None = None
    manager: PersonDocument | None = None
    team_size: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    calendar: CalendarDocument = CalendarDocument()
    zones: ZonesDocument = ZonesDocument()
    readiness: Readiness = Readiness.DATES
    inherited_red: bool = False
    remaining_from: RemainingFrom = RemainingFrom.REPORT


class ResourceDocument(Document):
    """Somebody or something that tasks need; `capacity` is how many units there are at any time."""

    id: Id
    name: Text | None = None
    capacity: Units = 1.0


class DemandDocument(Document):
    """How many units of a resource a task takes while it runs."""

    id: Id
    units: Units = 1.0


def _demand(value: Any) -> Any:
    """A resource may be given by its id alone: one unit of it."""
    return {"id": value} if isinstance(value, (int, str)) else value


class TaskDocument(Document):
    """What is planned of a task; and, for a project that is under way already, what has been done of it.

    `safe_duration` is the estimate with its safety, for the buffer methods that ask for it; twice the duration if left
    out. `start_no_earlier_than` holds the task whatever its links allow.
    """

    id: Id
    name: Text
    duration: Duration
    safe_duration: WorkingDays | None = None
    assigned_to: PersonDocument | None = None
    resources: tuple[Annotated[DemandDocument, BeforeValidator(_demand)], ...] = ()
    planned_start: Moment | None = None
    planned_finish: Moment | None = None
    start_no_earlier_than: Moment | None = None
    status: TaskStatus | None = None
    percent_complete: Percent | None = None
    remaining_duration: WorkingDays | None = None
    actual_start: Moment | None = None
    actual_finish: Moment | None = None


class LinkDocument(Document):
    """`resource` is given where the link stands for contention over it."""

    from_: Id = Field(alias="from")
    to: Id
    type: LinkType = LinkType.FS
    lag: Lag = 0.0
    resource: Id | None = None


class ChainDocument(Document):
    """A chain of tasks in their order; a feeding chain joins a task of another one."""

    id: Id
    kind: ChainKind
    tasks: tuple[Id, ...] = Field(min_length=1)
    joins: Id | None = None


def _no_sliver(size: float) -> float:
    """A size so small that any delay is beyond all percentages is a mistake."""
    if 0 < size < SMALLEST_BUFFER:
        raise ValueError(f"a buffer has 0 or at least {SMALLEST_BUFFER} working days")
    return size


class BufferDocument(Document):
    """`measure` is the gap for a feeding buffer and the forecast for the project's, if left out."""

    id: Id
    chain: Id
    size: Annotated[WorkingDays, AfterValidator(_no_sliver)]
    measure: Measure | None = None


class PlanningDocument(Document):
    """How chains and buffers are derived where the plan brings none.

    `measure` is that of all buffers; if left out, each has its usual one.
    """

    buffers: Literal["half-chain", "cut-and-paste", "rsem"] = "half-chain"
    measure: Literal["forecast", "overage"] | None = None
    levelling: Literal["serial", "cp-sat", "none"] = "serial"
    priority: Literal["latest-finish", "latest-start", "least-slack"] = "latest-finish"


class DeliverableDocument(Document):
    """Something that a milestone hands over."""

    id: Id
    name: Text
    status: Text = "Pending"

    def value(self) -> Deliverable:
        """The deliverable as the rules take it."""
        return Deliverable(self.id, self.name, self.status)


class MilestoneDocument(Document):
    """A milestone with the date planned for it and what it hands over."""

    id: Id
    name: Text
    planned_date: Day | None = None
    deliverables: tuple[DeliverableDocument, ...] = ()


class PlanDocument(Document):
    """A whole plan. Without `chains` they are found, without `buffers` they are sized (see `planning`)."""

    account_id: Id
    project: ProjectDocument
    tasks: tuple[TaskDocument, ...] = Field(min_length=1)
    links: tuple[LinkDocument, ...] = ()
    resources: tuple[ResourceDocument, ...] = ()
    chains: tuple[ChainDocument, ...] = ()
    buffers: tuple[BufferDocument, ...] = ()
    planning: PlanningDocument = PlanningDocument()
    milestones: tuple[MilestoneDocument, ...] = ()

    def instant(self, moment: date) -> datetime:
        """The instant itself, or the opening of a date on the project's calendar; raises InvalidInputError."""
        try:
            return instant_of(moment, self.project.calendar.value(self.project.start_date))
        except FieldError as error:
            raise InvalidInputError(error.field, error.reason) from None


def read_plan(document: Any) -> PlanDocument:
    """A checked plan document; raises InvalidInputError naming the first wrong field."""
    if isinstance(document, PlanDocument):
        return document
    if not isinstance(document, dict):
        raise InvalidInputError("plan", "a JSON object is needed")
    try:
        return PlanDocument.model_validate(document)
    except ValidationError as error:
        raise invalid(error) from None
