"""task.red: a task takes more than 90 % of a buffer downstream of it.

Fires for a ready or in-progress task of an Active project when its consumption is strictly above the policy's
`task_red`; armed again at or below that less the margin, when the task is over, or by a new baseline.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from chainbell.rules.model import HostId, Person, ProjectStatus
from chainbell.rules.payload import shown
from chainbell.rules.transition import Decision, Firing, Rearm, Rule, Transition
from chainbell.rules.zones import NOISE, Zone


@dataclass(frozen=True, slots=True)
class TaskRed:
    task_id: HostId
    task_name: str
    project_id: HostId
    project_name: str
    assigned_to: Person | None
    buffer_consumption: float
    remaining_duration: float
    due_date: date
    previous_status: str
    critical_chain_impact: bool


def decide(step: Transition) -> Iterator[Decision]:
    project, zones = step.after, step.after.zones
    if project.status != ProjectStatus.ACTIVE:
        return
    silenced = step.silenced("task.red")
    for task_id in silenced:
        task = project.tasks[project.position(task_id)]
        consumption = step.task_consumption(task).percent if task.is_unfinished else 0.0
        if consumption <= zones.task_red - zones.margin + NOISE:
            yield Rearm(task_id)
    red = zones.task_red
    for position, share in enumerate(step.assessment.tasks):
        consumption = share.percent
        if consumption <= red or not step.is_under_way(position):
            continue
        task = project.tasks[position]
        if task.id in silenced or zones.task_zone(consumption) != Zone.RED:
            continue
        before = step.earlier_consumption(task)
        payload = TaskRed(
            task.id,
            task.name,
            project.id,
            project.name,
            task.assigned_to,
            shown(consumption),
            task.remaining_duration,
            step.due_date(task),
            zones.task_zone(before),
            step.hits_critical_chain(task),
        )
        why = {
            "threshold": zones.task_red,
            "before": before,
            "after": consumption,
            "buffer": share.buffer,
            "drivingPath": step.driving_path(task),
        }
        yield Firing(task.id, payload, why)


RULE = Rule("task.red", TaskRed, decide, latched=True)
