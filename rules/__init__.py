"""The critical chain, pure: values in, decisions out. No clock, no randomness, no I/O, no logging."""

from chainbell.rules.assessment import Assessment, assess
from chainbell.rules.calendar import Calendar
from chainbell.rules.errors import (
    CalendarError,
    CalendarRangeError,
    FieldError,
    LevellingError,
    NetworkError,
    PlanError,
    ReportError,
    StaleReportError,
    ZonePolicyError,
)
from chainbell.rules.evaluate import Evaluation, Event, evaluate
from chainbell.rules.events import CATALOGUE
from chainbell.rules.ids import HostId
from chainbell.rules.model import (
    Buffer,
    Chain,
    ChainKind,
    Deliverable,
    Latch,
    Link,
    LinkType,
    Measure,
    Milestone,
    Network,
    Options,
    Person,
    Project,
    ProjectStatus,
    Readiness,
    RemainingFrom,
    Task,
    TaskStatus,
)
from chainbell.rules.network import compile_network
from chainbell.rules.progress import report_milestone, report_project, report_task
from chainbell.rules.transition import Cause, Decision, Firing, Rearm, Rule, Transition
from chainbell.rules.zones import Zone, ZonePolicy

__all__ = [
    "CATALOGUE",
    "Assessment",
    "Buffer",
    "Calendar",
    "CalendarError",
    "CalendarRangeError",
    "Cause",
    "Chain",
    "ChainKind",
    "Decision",
    "Deliverable",
    "Evaluation",
    "Event",
    "FieldError",
    "Firing",
    "HostId",
    "Latch",
    "LevellingError",
    "Link",
    "LinkType",
    "Measure",
    "Milestone",
    "Network",
    "NetworkError",
    "Options",
    "Person",
    "PlanError",
    "Project",
    "ProjectStatus",
    "Readiness",
    "Rearm",
    "RemainingFrom",
    "ReportError",
    "Rule",
    "StaleReportError",
    "Task",
    "TaskStatus",
    "Transition",
    "Zone",
    "ZonePolicy",
    "ZonePolicyError",
    "assess",
    "compile_network",
    "evaluate",
    "report_milestone",
    "report_project",
    "report_task",
]
