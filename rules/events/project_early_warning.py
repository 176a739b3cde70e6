"""project.early_warning: the project's zone leaves green upward.

Fires also when it jumps over yellow, not on the way from red to yellow; armed again below the yellow threshold less
the margin, or by a new baseline.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from chainbell.rules.model import HostId, ProjectStatus, Task
from chainbell.rules.payload import TaskShare, shown
from chainbell.rules.transition import Decision, Firing, Rearm, Rule, Transition
from chainbell.rules.zones import NOISE, Zone

LISTED = 5
"""How many of the driving tasks a warning lists."""


@dataclass(frozen=True, slots=True)
class ProjectEarlyWarning:
    """`days_late` is calendar days behind the target end date, 0 where there is none."""

    project_id: HostId
    project_name: str
    warning_level: str
    buffer_consumption: float
    projected_completion: date
    original_target: date | None
    days_late: int
    critical_tasks: tuple[TaskShare, ...]
    recommendations: tuple[str, ...]


def decide(step: Transition) -> Iterator[Decision]:
    project, now = step.after, step.assessment
    if project.status != ProjectStatus.ACTIVE:
        return
    yellow, red = project.zones.project_thresholds(now.completion)
    consumption = now.project.consumption
    armed = project.id not in step.silenced("project.early_warning")
    if not armed and consumption < yellow - project.zones.margin - NOISE:
        yield Rearm(project.id)
    if not armed or now.zone == Zone.GREEN:
        return
    projected = project.calendar.finish_date(now.projected_finish)
    target = project.target_end_date
    late = 0 if target is None else max(0, (projected - target).days)
    drivers = _drivers(step)
    listed = tuple(TaskShare(task.id, task.name, shown(percent)) for task, percent in drivers[:LISTED])
    payload = ProjectEarlyWarning(
        project.id,
        project.name,
        now.zone,
        shown(consumption),
        projected,
        target,
        late,
        listed,
        _recommendations(step, drivers, late),
    )
    why = {
        "threshold": red if now.zone == Zone.RED else yellow,
        "policy": project.zones.policy,
        "before": step.earlier.project.consumption if step.earlier else None,
        "after": consumption,
        "completion": now.completion,
        "projectionBasis": now.projection_basis,
        "buffer": now.project.buffer.id,
        "drivingPath": step.driving_path(drivers[0][0]) if drivers else [],
    }
    yield Firing(project.id, payload, why)


def _drivers(step: Transition) -> list[tuple[Task, float]]:
    """The tasks somebody can act on that take something of a buffer, the largest share first."""
    drivers = [
        (step.after.tasks[position], share.percent)
        for position, share in enumerate(step.assessment.tasks)
        if share.percent > 0 and step.is_under_way(position)
    ]
    return sorted(drivers, key=lambda driver: -driver[1])


def _recommendations(step: Transition, drivers: list[tuple[Task, float]], late: int) -> tuple[str, ...]:
    """What the state itself suggests: where the buffer goes, whose load it is, whether the date still holds."""
    advice = []
    for task, percent in drivers[:2]:
        left = f"{task.remaining_duration:g} working days left"
        who = f" ({task.assigned_to.name})" if task.assigned_to else ""
        advice.append(
            f"Add capacity to {task.name}{who}, or cut its scope: it takes {percent:.1f} % of a buffer, {left}"
        )
    load: dict[str, float] = {}
    for task in step.after.tasks:
        if task.is_unfinished and task.assigned_to:
            load[task.assigned_to.name] = load.get(task.assigned_to.name, 0.0) + task.remaining_duration
    driving = {task.assigned_to.name for task, _ in drivers if task.assigned_to}
    if driving:
        name = min(driving, key=lambda name: (-load[name], name))
        advice.append(f"Free {name} from other work: {load[name]:g} working days of this project are assigned there")
    if late:
        advice.append(
            f"Agree on a recovery plan or a new date: at this rate the target is missed by {late} calendar days"
        )
    return tuple(advice)


RULE = Rule("project.early_warning", ProjectEarlyWarning, decide, latched=True)
