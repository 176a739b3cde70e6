"""The catalogue: one file an event, one line here. The order is the order of events within one evaluation."""

from typing import Literal

from chainbell.rules.events import (
    milestone_achieved,
    project_early_warning,
    project_frozen,
    project_started,
    project_status_changed,
    task_completed,
    task_duration_changed,
    task_ready,
    task_red,
    task_status_changed,
)
from chainbell.rules.events.milestone_achieved import MilestoneAchieved
from chainbell.rules.events.project_early_warning import ProjectEarlyWarning
from chainbell.rules.events.project_frozen import ProjectFrozen
from chainbell.rules.events.project_started import ProjectStarted
from chainbell.rules.events.project_status_changed import ProjectStatusChanged
from chainbell.rules.events.task_completed import TaskCompleted
from chainbell.rules.events.task_duration_changed import TaskDurationChanged
from chainbell.rules.events.task_ready import TaskReady
from chainbell.rules.events.task_red import TaskRed
from chainbell.rules.events.task_status_changed import TaskStatusChanged
from chainbell.rules.transition import Rule

CATALOGUE: tuple[Rule, ...] = (
    project_started.RULE,
    project_frozen.RULE,
    project_status_changed.RULE,
    task_status_changed.RULE,
    task_completed.RULE,
    milestone_achieved.RULE,
    task_ready.RULE,
    task_duration_changed.RULE,
    task_red.RULE,
    project_early_warning.RULE,
)

EventName = Literal[
    "project.started",
    "project.frozen",
    "project.status_changed",
    "task.status_changed",
    "task.completed",
    "milestone.achieved",
    "task.ready",
    "task.duration_changed",
    "task.red",
    "project.early_warning",
]
"""The names of the catalogue's events."""

__all__ = [
    "CATALOGUE",
    "EventName",
    "MilestoneAchieved",
    "ProjectEarlyWarning",
    "ProjectFrozen",
    "ProjectStarted",
    "ProjectStatusChanged",
    "TaskCompleted",
    "TaskDurationChanged",
    "TaskReady",
    "TaskRed",
    "TaskStatusChanged",
]
