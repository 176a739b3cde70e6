"""project.early_warning: the project's zone leaves green upward.

Fires also when it jumps over yellow, not on the way from red to yellow, and not once everything that the project buffer
protects is finished; armed again below the yellow threshold less the margin, or by a new baseline.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from chainbell.rules.ids import HostId
from chainbell.rules.model import ProjectStatus, Task
from chainbell.rules.payload import TaskShare, shown
from chainbell.rules.recommendations import recommendations
from chainbell.rules.transition import Decision, Firing, Rearm, Rule, Transition
from chainbell.rules.zones import Zone

LISTED = 5
"""The number of driving tasks that a warning lists at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectEarlyWarning:
    """The data of project.early_warning.

    `days_late` is calendar days behind the target end date or, without one, behind the finish that the baseline
    promises. `buffer_consumption` is percent of the project buffer, `warning_level` the zone that is reached.
    """

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
    """Yields a `Firing` where an armed project is beyond green, a `Rearm` where a silenced one has recovered."""
    project, now = step.after, step.assessment
    if project.status != ProjectStatus.ACTIVE:
        return
    yellow, red = project.zones.project_thresholds(now.completion)
    consumption = now.project.consumption
    armed = project.id not in step.silenced("project.early_warning")
    if not armed and project.zones.is_recovered(consumption, yellow, now.project.buffer.size):
        yield Rearm(project.id)
    if not armed or now.zone is Zone.GREEN or now.project.is_done:
        return
    drivers = _drivers(step)
    listed = tuple(TaskShare(task.id, task.name, shown(percent)) for task, percent in drivers[:LISTED])
    payload = ProjectEarlyWarning(
        project_id=project.id,
        project_name=project.name,
        warning_level=now.zone,
        buffer_consumption=shown(consumption),
        projected_completion=step.dates.projected,
        original_target=project.target_end_date,
        days_late=step.dates.days_late(),
        critical_tasks=listed,
        recommendations=recommendations(step, drivers),
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
    """The actionable tasks that take part of a buffer, each with its percent, the largest first."""
    drivers = [
        (step.after.tasks[position], share.percent)
        for position, share in enumerate(step.assessment.tasks)
        if share.percent > 0 and step.is_actionable(position)
    ]
    return sorted(drivers, key=lambda driver: -driver[1])


def explain(why: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Tells the consumption before and after, the chain completion (both percent), and the projected completion."""
    before = 0.0 if why["before"] is None else why["before"]
    gone = f"{before:.1f} % → {why['after']:.1f} % of the project buffer gone"
    done = max(0.0, why["completion"])  # negative where more is left than was planned
    return f"{gone} with {done:.1f} % of the chain done; projected {data['projectedCompletion']}"


RULE = Rule("project.early_warning", ProjectEarlyWarning, decide, latched=True, explain=explain)
