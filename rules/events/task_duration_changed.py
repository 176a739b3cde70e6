"""task.duration_changed: a change reports a remaining duration other than the current one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from chainbell.rules.model import HostId, Person
from chainbell.rules.payload import shown
from chainbell.rules.transition import Firing, Rule, Transition


@dataclass(frozen=True, slots=True)
class TaskDurationChanged:
    task_id: HostId
    task_name: str
    project_id: HostId
    project_name: str
    previous_remaining_duration: float
    new_remaining_duration: float
    changed_by: Person | None
    changed_at: datetime
    percent_complete: float
    estimated_completion: date | None
    buffer_consumption: float


def decide(step: Transition) -> Iterator[Firing]:
    if step.cause.reported_remaining is None:
        return
    task_id, reported = step.cause.reported_remaining
    for old, new in step.changed_tasks:
        previous = old.remaining_duration
        if new.id != task_id or reported != new.remaining_duration or previous == reported:
            continue
        payload = TaskDurationChanged(
            new.id,
            new.name,
            step.after.id,
            step.after.name,
            previous,
            reported,
            step.cause.by,
            step.now,
            new.percent,
            step.estimated_completion(new),
            shown(step.task_consumption(new).percent),
        )
        yield Firing(new.id, payload, {"previous": previous, "reported": reported}, new.revision)


RULE = Rule("task.duration_changed", TaskDurationChanged, decide)
