"""task.status_changed: any transition of a task's status."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from chainbell.rules.ids import HostId
from chainbell.rules.model import Person
from chainbell.rules.transition import Firing, Rule, Transition
from chainbell.rules.words import status_change


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStatusChanged:
    """The data of task.status_changed; `estimated_completion` is None for a cancelled task."""

    task_id: HostId
    task_name: str
    project_id: HostId
    previous_status: str
    new_status: str
    changed_by: Person | None
    changed_at: datetime
    percent_complete: float
    estimated_completion: date | None


def decide(step: Transition) -> Iterator[Firing]:
    """Fires for each task that the change moves to another status."""
    for old, new in step.changed_tasks:
        if old.status == new.status:
            continue
        payload = TaskStatusChanged(
            task_id=new.id,
            task_name=new.name,
            project_id=step.after.id,
            previous_status=old.status,
            new_status=new.status,
            changed_by=step.cause.by,
            changed_at=step.now,
            percent_complete=new.percent,
            estimated_completion=step.estimated_completion(new),
        )
        yield Firing(new.id, payload, {"previousStatus": old.status, "newStatus": new.status}, new.revision)


RULE = Rule("task.status_changed", TaskStatusChanged, decide, explain=status_change)
