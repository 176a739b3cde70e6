"""The critical chain, pure: values in, decisions out. No clock, no randomness, no I/O, no logging."""

from chainbell.rules.assessment import Assessment, assess
from chainbell.rules.calendar import Calendar, CalendarRangeError
from chainbell.rules.evaluate import Evaluation, Event, evaluate
from chainbell.rules.events import CATALOGUE
from chainbell.rules.model import (
    Buffer,
    Chain,
    ChainKind,
    Deliverable,
    HostId,
    Latch,
    Link,
    LinkType,
    Measure,
    Milestone,
    Options,
    Person,
    Project,
    ProjectStatus,
    Readiness,
    RemainingFrom,
    Task,
    TaskStatus,
)
from chainbell.rules.network import Network, NetworkError, compile_network
from chainbell.rules.progress import ReportError, StaleReportError, report_milestone, report_project, report_task
from chainbell.rules.transition import Cause, Decision, Firing, Rearm, Rule, Transition
from chainbell.rules.zones import Zone, ZonePolicy

__all__ = [
    "CATALOGUE",
    "Assessment",
    "Buffer",
    "Calendar",
    "CalendarRangeError",
    "Cause",
    "Chain",
    "ChainKind",
    "Decision",
    "Deliverable",
    "Evaluation",
    "Event",
    "Firing",
    "HostId",
    "Latch",
    "Link",
    "LinkType",
    "Measure",
    "Milestone",
    "Network",
    "NetworkError",
    "Options",
    "Person",
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
    "assess",
    "compile_network",
    "evaluate",
    "report_milestone",
    "report_project",
    "report_task",
]
