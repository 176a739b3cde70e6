"""A plan as it comes in: its form is checked, and nothing is derived yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from chainbell.rules.calendar import Calendar
from chainbell.rules.ids import HostId
from chainbell.rules.model import (
    Buffer,
    Chain,
    ChainKind,
    Link,
    Measure,
    Milestone,
    Options,
    Person,
    ProjectStatus,
    Task,
)
from chainbell.rules.progress import Report
from chainbell.rules.zones import STATIC, ZonePolicy

NOTHING_DONE = Report()
USUAL_OPTIONS = Options()
SMALLEST_BUFFER = 0.01
"""Working days; a size of 0 means no buffer. Percentages of a buffer between the two would mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """A task without its planned dates, and what else the plan says about it.

    `begin` and `end` are planned dates as coordinates, None where they are open. `safe_duration` is the estimate with
    its safety, in working days. `demands` are units by resource. `done` is the work that has been done already.
    """

    task: Task
    begin: float | None = None
    end: float | None = None
    safe_duration: float | None = None
    demands: Mapping[HostId, float] = field(default_factory=lambda: MappingProxyType({}))
    done: Report = NOTHING_DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How chains and buffers are derived where the plan brings none: names of a buffer size, a levelling (`serial`,
    `cp-sat`, `none`), a priority rule, and the measure of all buffers (None: each its usual one)."""

    buffers: str = "half-chain"
    measure: Measure | None = None
    levelling: str = "serial"
    priority: str = "latest-finish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A project to be planned. `given_at` is the coordinate at which it is loaded, `data_date` the one from which
    remaining durations count; `capacities` are units of each resource. Without `chains` they are found, without
    `buffers` they are sized."""

    account_id: HostId
    id: HostId
    name: str
    status: ProjectStatus
    start_date: date
    calendar: Calendar
    tasks: tuple[TaskPlan, ...]
    data_date: float
    given_at: float
    target_end_date: date | None = None
    links: tuple[Link, ...] = ()
    chains: tuple[Chain, ...] = ()
    buffers: tuple[Buffer, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    capacities: Mapping[HostId, float] = field(default_factory=lambda: MappingProxyType({}))
    method: Method = Method()
    manager: Person | None = None
    team_size: int | None = None
    zones: ZonePolicy = STATIC
    options: Options = USUAL_OPTIONS


def usual_measure(chain: Chain) -> Measure:
    """The gap for a feeding chain that joins a task, the forecast for any other."""
    return Measure.GAP if chain.kind is ChainKind.FEEDING and chain.joins is not None else Measure.FORECAST
