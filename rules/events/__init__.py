"""The catalogue: one file an event, one line here. The order is the order of events within one evaluation."""

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

__all__ = ["CATALOGUE"]
