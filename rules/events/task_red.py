"""task.red: a task takes more than 90 % of a buffer downstream of it.

Fires for a task of an Active project that somebody can act on (ready, in progress, on hold) when its consumption is
strictly above the policy's `task_red`, and it has turned red or runs over its own planned duration. A task that was red
already while it waited has inherited that from others, who have rung; its task.ready says so. Armed again below the
threshold less the margin, when the task is over, or by a new baseline.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from chainbell.rules.calendar import NOISE
from chainbell.rules.ids import HostId
from chainbell.rules.model import Person, ProjectStatus, Task
from chainbell.rules.payload import shown
from chainbell.rules.tails import TaskConsumption
from chainbell.rules.transition import Decision, Firing, Rearm, Rule, Transition
from chainbell.rules.words import whose_delay


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRed:
    """The data of task.red.

    `buffer_consumption` is percent of the buffer that the task takes most of, `remaining_duration` is working days,
    `previous_status` the zone at the last evaluation.
    """

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
    """Rearms the silenced tasks that are over or have recovered, then fires for the red ones that are actionable."""
    project, zones = step.after, step.after.zones
    if project.status != ProjectStatus.ACTIVE:
        return
    silenced = step.silenced("task.red")
    sizes = {buffer.id: buffer.size for buffer in project.buffers}
    for task_id in silenced:
        if task_id not in project.network.positions:
            continue
        task = project.tasks[project.position(task_id)]
        share = step.task_consumption(task)
        size = project.project_buffer.size if share.buffer is None else sizes[share.buffer]
        if not task.is_unfinished or zones.is_recovered(share.percent, zones.task_red, size):
            yield Rearm(task_id)
    for task_id in step.red_tasks.difference(silenced):
        position = project.position(task_id)
        task = project.tasks[position]
        if step.is_actionable(position) and _is_its_own(step, task):
            yield _firing(step, task, step.assessment.tasks[position])


def _is_its_own(step: Transition, task: Task) -> bool:
    """Whether the task has turned red or runs over its own duration; one that was red while it waited inherited it."""
    has_turned = task.id not in step.after.red_tasks
    return has_turned or step.after.options.inherited_red or step.overrun(task) > NOISE


def _firing(step: Transition, task: Task, share: TaskConsumption) -> Firing:
    payload = TaskRed(
        task_id=task.id,
        task_name=task.name,
        project_id=step.after.id,
        project_name=step.after.name,
        assigned_to=task.assigned_to,
        buffer_consumption=shown(share.percent),
        remaining_duration=task.remaining_duration,
        due_date=step.due_date(task),
        previous_status=step.earlier_zone(task),
        critical_chain_impact=step.hits_critical_chain(task),
    )
    inherited = step.inheritance(task)
    why = {
        "threshold": step.after.zones.task_red,
        "before": step.earlier_consumption(task),
        "after": share.percent,
        "buffer": share.buffer,
        "drivingPath": step.driving_path(task),
        "overrun": round(max(0.0, step.overrun(task)), 6),
        "inheritedDelay": round(inherited.days, 6),
        "inheritedFrom": list(inherited.sources),
    }
    return Firing(task.id, payload, why)


def explain(why: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Tells the percent taken before and after, the buffer, the driving path to it, and whose delay it is."""
    path = " → ".join(str(task_id) for task_id in why["drivingPath"])
    limits = f"was {why['before']:.1f} %, red above {why['threshold']:g} %"
    return f"takes {why['after']:.1f} % of buffer {why['buffer']} ({limits}) over {path}{whose_delay(why)}"


RULE = Rule("task.red", TaskRed, decide, latched=True, explain=explain)
