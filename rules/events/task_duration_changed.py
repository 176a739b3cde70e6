"""task.duration_changed: a change reports a remaining duration other than the current one.

The current one is the one that was reported last, and also what is left of it after the work since: the same number
again, days later, is a slip.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from chainbell.rules.calendar import NOISE
from chainbell.rules.ids import HostId
from chainbell.rules.model import Person
from chainbell.rules.payload import shown
from chainbell.rules.transition import Firing, Rule, Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDurationChanged:
    """The data of task.duration_changed.

    Durations are working days. `previous_remaining_duration` is the duration reported before or, where the same one is
    reported again, what was left of it at that instant.
    """

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
    """Fires where the reported remaining duration differs from the stored one, or from what was left of that one."""
    if step.cause.reported_remaining is None:
        return
    task_id, reported = step.cause.reported_remaining
    for old, new in step.changed_tasks:
        if new.id != task_id or reported != new.remaining_duration:
            continue
        previous = old.remaining_duration
        if abs(previous - reported) <= NOISE:
            previous = step.left_before(old)
            if abs(previous - reported) <= NOISE:
                continue
        payload = TaskDurationChanged(
            task_id=new.id,
            task_name=new.name,
            project_id=step.after.id,
            project_name=step.after.name,
            previous_remaining_duration=round(previous, 6),
            new_remaining_duration=reported,
            changed_by=step.cause.by,
            changed_at=step.now,
            percent_complete=new.percent,
            estimated_completion=step.estimated_completion(new),
            buffer_consumption=shown(step.task_consumption(new).percent),
        )
        yield Firing(new.id, payload, {"previous": previous, "reported": reported}, new.revision)


def explain(why: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Tells the remaining duration before and after, in working days."""
    return f"remaining duration {why['previous']:g} → {why['reported']:g} working days"


RULE = Rule("task.duration_changed", TaskDurationChanged, decide, explain=explain)
