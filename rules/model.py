"""The values of a critical-chain project, frozen: what the host has reported and what the baseline promises.

Durations and coordinates are working days on the project's calendar (see `calendar.py`), percentages run 0..100,
instants are aware datetimes in UTC. `Task` and `Link` are named tuples because a portfolio holds millions of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from chainbell.rules.calendar import Calendar
from chainbell.rules.ids import HostId
from chainbell.rules.zones import STATIC, Zone, ZonePolicy


class ProjectStatus(StrEnum):
    """The statuses of a project: only an Active one fires ready, red and early warning; work rests in a Frozen one."""

    PLANNING = "Planning"
    ACTIVE = "Active"
    FROZEN = "Frozen"
    COMPLETE = "Complete"


class TaskStatus(StrEnum):
    """The statuses of a task; one that is Completed or Cancelled has no work left."""

    NOT_STARTED = "NotStarted"
    IN_PROGRESS = "InProgress"
    ON_HOLD = "OnHold"
    COMPLETED = "Completed"
    CANCELLED = "Cancelled"


class LinkType(StrEnum):
    """Which end of the predecessor holds which end of the successor: FS is finish-to-start."""

    FS = "FS"
    SS = "SS"
    FF = "FF"
    SF = "SF"


class Measure(StrEnum):
    """How a buffer's consumption is measured (see `buffers.py`): `gap` is for feeding buffers only."""

    FORECAST = "forecast"
    OVERAGE = "overage"
    GAP = "gap"


class Readiness(StrEnum):
    """What makes a task ready: its dates and lags reached as well, or its predecessors alone (the literal rule)."""

    DATES = "dates"
    PREDECESSORS = "predecessors"


class RemainingFrom(StrEnum):
    """Where the remaining duration comes from: reports of it, or reports of a percentage as well."""

    REPORT = "report"
    PERCENT = "percent"


class ChainKind(StrEnum):
    """Whether a chain is the project's one critical chain or a feeding chain."""

    CRITICAL = "critical"
    FEEDING = "feeding"


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who manages a project, is assigned to a task, or reports a change."""

    id: HostId
    name: str
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Deliverable:
    """Something that a milestone hands over; `status` is the host's own word for how far it is."""

    id: HostId
    name: str
    status: str = "Pending"


class Task(NamedTuple):
    """One task: its baseline (`duration`, `planned_*`) and what has been reported of it since.

    `remaining` is None until a remaining duration is reported. `counted_from` is the coordinate from which the
    remaining duration counts: that of its last report, or of the last start of work. `revision` counts accepted
    changes. `not_before` is the coordinate before which work cannot start, whatever the links allow.
    """

    id: HostId
    name: str
    duration: float
    planned_start: float
    planned_finish: float
    status: TaskStatus = TaskStatus.NOT_STARTED
    remaining: float | None = None
    percent: float = 0.0
    started: float | None = None
    finished: float | None = None
    counted_from: float | None = None
    finished_at: datetime | None = None
    updated_at: datetime | None = None
    revision: int = 0
    assigned_to: Person | None = None
    not_before: float | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the status is Completed; reports keep percent (100) and remaining duration (0) consistent with it."""
        return self.status == TaskStatus.COMPLETED

    @property
    def is_unfinished(self) -> bool:
        """Work is left to do: neither completed nor cancelled."""
        return self.status not in (TaskStatus.COMPLETED, TaskStatus.CANCELLED)

    @property
    def remaining_duration(self) -> float:
        """Working days of work left: 0 once finished or cancelled, the plan's duration until something is reported."""
        if not self.is_unfinished:
            return 0.0
        return self.duration if self.remaining is None else self.remaining


class Link(NamedTuple):
    """A link between two tasks; `lag` is working days, `resource` what they contend for where it is no precedence."""

    predecessor: HostId
    successor: HostId
    type: LinkType = LinkType.FS
    lag: float = 0.0
    resource: HostId | None = None


Edge = tuple[int, LinkType, float]
"""The position of the task at the other end, the link's type, its lag in working days."""


@dataclass(frozen=True, slots=True)
class Network:
    """The compiled links: `predecessors` and `successors` are edges by task position.

    `order` lists task positions with every predecessor before its successors; ties keep the plan's own order. `ends`
    are the positions of the tasks whose finish no other task waits for (no FS or FF link leaves them).
    """

    links: tuple[Link, ...]
    positions: dict[HostId, int]
    order: tuple[int, ...]
    predecessors: tuple[tuple[Edge, ...], ...]
    successors: tuple[tuple[Edge, ...], ...]
    ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """Tasks in order of work; a feeding chain names the task that it joins."""

    id: HostId
    kind: ChainKind
    tasks: tuple[HostId, ...]
    joins: HostId | None = None


@dataclass(frozen=True, slots=True)
class Buffer:
    """The buffer at the end of the chain with the id `chain`; `size` is working days."""

    id: HostId
    chain: HostId
    size: float
    measure: Measure = Measure.FORECAST


@dataclass(frozen=True, slots=True)
class Options:
    """Where a project departs from the default rules.

    With `inherited_red`, task.red also fires for a task that was already red while it waited.
    """

    readiness: Readiness = Readiness.DATES
    inherited_red: bool = False
    remaining_from: RemainingFrom = RemainingFrom.REPORT


@dataclass(frozen=True, slots=True)
class Milestone:
    """A milestone; `achieved_at` is the instant (UTC) at which it was first reported achieved, None until then."""

    id: HostId
    name: str
    planned_date: date | None = None
    deliverables: tuple[Deliverable, ...] = ()
    achieved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Latch:
    """The memory of one rule about one subject: how often it has fired in this baseline, and whether it may again."""

    count: int = 0
    armed: bool = True


LatchKey = tuple[str, HostId]
"""Event name and the id of its subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeverPoint:
    """A point of a fever chart's trail: percent of the chain done, percent of the buffer consumed.

    `at` is the instant evaluated, `recorded_at` when it was told (None in databases from before that was kept).
    """

    at: datetime
    recorded_at: datetime | None
    baseline: int
    completion: float
    consumption: float
    zone: Zone

    @property
    def place(self) -> tuple[int, float, float, Zone]:
        """Where it stands, whenever that was."""
        return self.baseline, self.completion, self.consumption, self.zone


@dataclass(frozen=True, slots=True)
class Project:
    """A project at one instant: its baseline, what has been reported, and the latches of the rules.

    `network` is the compiled form of `tasks` and `links`; it stays valid for as long as the baseline does.
    `evaluated_at` is when the rules last saw this state (None: never). `red_tasks` are the unfinished tasks that were
    above the red threshold at the last evaluation of this baseline while the project was Active.
    """

    account_id: HostId
    id: HostId
    name: str
    status: ProjectStatus
    start_date: date
    target_end_date: date | None
    calendar: Calendar
    tasks: tuple[Task, ...]
    chains: tuple[Chain, ...]
    buffers: tuple[Buffer, ...]
    network: Network
    milestones: tuple[Milestone, ...] = ()
    manager: Person | None = None
    team_size: int | None = None
    zones: ZonePolicy = STATIC
    options: Options = Options()
    baseline: int = 1
    revision: int = 0
    latches: Mapping[LatchKey, Latch] = field(default_factory=lambda: MappingProxyType({}))
    red_tasks: frozenset[HostId] = frozenset()
    updated_at: datetime | None = None
    evaluated_at: datetime | None = None

    def position(self, task_id: HostId) -> int:
        """Where the task stands in `tasks`; raises KeyError for an id the project does not have."""
        return self.network.positions[task_id]

    @property
    def stands_still(self) -> bool:
        """Work rests while the project is frozen."""
        return self.status is ProjectStatus.FROZEN

    def due_date(self, task: Task) -> date:
        """The date of the task's planned finish; a task of no length is dated by its start."""
        if task.duration == 0:
            return self.calendar.start_date(task.planned_start)
        return self.calendar.finish_date(task.planned_finish)

    @property
    def critical_chain(self) -> Chain:
        """The chain of kind `critical`: a plan that has been checked has exactly one."""
        return next(chain for chain in self.chains if chain.kind == ChainKind.CRITICAL)

    @property
    def project_buffer(self) -> Buffer:
        """The buffer of the critical chain."""
        critical = self.critical_chain.id
        return next(buffer for buffer in self.buffers if buffer.chain == critical)
