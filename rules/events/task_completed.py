"""task.completed: a task reaches 100 %, again after each time it is reopened."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from chainbell.rules.ids import HostId
from chainbell.rules.model import Person
from chainbell.rules.payload import shown
from chainbell.rules.transition import Firing, Rule, Transition
from chainbell.rules.words import days_early


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCompleted:
    """The data of task.completed.

    `actual_duration` is working days from start to finish, None where no start was reported; `days_early` is calendar
    days, negative for a late finish. `buffer_consumption` is percent.
    """

    task_id: HostId
    task_name: str
    project_id: HostId
    project_name: str
    completed_by: Person | None
    completed_at: datetime
    planned_duration: float
    actual_duration: float | None
    due_date: date
    days_early: int
    buffer_consumption: float
    critical_chain_impact: bool


def decide(step: Transition) -> Iterator[Firing]:
    """Fires for each task that the change completes; `completed_at` is its actual finish."""
    calendar = step.after.calendar
    for old, new in step.changed_tasks:
        if old.is_complete or not new.is_complete or new.finished is None:
            continue
        due = step.due_date(new)
        payload = TaskCompleted(
            task_id=new.id,
            task_name=new.name,
            project_id=step.after.id,
            project_name=step.after.name,
            completed_by=step.cause.by,
            completed_at=new.finished_at or step.now,
            planned_duration=new.duration,
            actual_duration=None if new.started is None else round(new.finished - new.started, 6),
            due_date=due,
            days_early=(due - calendar.local_date(new.finished_at or step.now)).days,
            buffer_consumption=shown(step.task_consumption(new).percent),
            critical_chain_impact=step.hits_critical_chain(new),
        )
        yield Firing(new.id, payload, {"previousPercent": old.percent, "newPercent": new.percent}, new.revision)


def explain(why: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Tells how many calendar days early or late the task finished, and the percent of a buffer that it takes."""
    return f"{days_early(data['daysEarly'])}; {data['bufferConsumption']:g} % of a buffer taken"


RULE = Rule("task.completed", TaskCompleted, decide, explain=explain)
