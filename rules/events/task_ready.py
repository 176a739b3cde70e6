"""task.ready: nothing holds up a task's start any more; once per task and baseline, in Active projects only.

Predecessors are over, and lags and dates are reached (see `readiness.py`), so the passing of time alone can bring it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from chainbell.rules.ids import HostId
from chainbell.rules.model import Person, ProjectStatus
from chainbell.rules.payload import Predecessor, shown
from chainbell.rules.transition import Firing, Rule, Transition
from chainbell.rules.words import whose_delay


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReady:
    """The data of task.ready.

    `predecessors` are those whose links hold a start (FS and SS), in plan order. Durations are working days.
    `status` is the zone of `buffer_consumption` (percent); where it is not green, the task has inherited the delay.
    """

    task_id: HostId
    task_name: str
    project_id: HostId
    project_name: str
    assigned_to: Person | None
    planned_duration: float
    remaining_duration: float
    due_date: date
    ready_at: datetime
    predecessors: tuple[Predecessor, ...]
    critical_chain_impact: bool
    buffer_consumption: float
    status: str


def decide(step: Transition) -> Iterator[Firing]:
    """Fires for each ready task of an Active project that has not fired in this baseline."""
    if step.after.status != ProjectStatus.ACTIVE:
        return
    fired = step.silenced("task.ready")
    for task, is_ready in zip(step.after.tasks, step.ready, strict=True):
        if not is_ready or task.id in fired:
            continue
        before = list(step.start_predecessors(task))
        consumption = step.task_consumption(task).percent
        payload = TaskReady(
            task_id=task.id,
            task_name=task.name,
            project_id=step.after.id,
            project_name=step.after.name,
            assigned_to=task.assigned_to,
            planned_duration=task.duration,
            remaining_duration=task.remaining_duration,
            due_date=step.due_date(task),
            ready_at=step.now,
            predecessors=tuple(Predecessor(other.id, other.name, other.finished_at) for other in before),
            critical_chain_impact=step.hits_critical_chain(task),
            buffer_consumption=shown(consumption),
            status=step.after.zones.task_zone(consumption),
        )
        inherited = step.inheritance(task)
        why = {
            "predecessors": [other.id for other in before],
            "inheritedDelay": round(inherited.days, 6),
            "inheritedFrom": list(inherited.sources),
        }
        yield Firing(task.id, payload, why)


def explain(why: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Names the predecessors that no longer hold up the start, and the delay that the task inherits."""
    done = ", ".join(other["name"] for other in data["predecessors"] if other["completedAt"] is not None)
    others = ", ".join(other["name"] for other in data["predecessors"] if other["completedAt"] is None)
    told = ", ".join(([f"{done} done"] if done else []) + ([f"{others} begun or cancelled"] if others else []))
    free = f"nothing holds up its start: {told}" if told else "the project is active and nothing holds up its start"
    return free + whose_delay(why)


RULE = Rule("task.ready", TaskReady, decide, latched=True, explain=explain)
