"""Date constraints: what holds a task back is kept, the rest is dropped with a warning."""

from datetime import datetime
from typing import Literal, NamedTuple

from chainbell.engine.importers.imported import Reasons, Warnings
from chainbell.engine.importers.project_time import ProjectTime
from chainbell.rules import HostId


class Constraint(NamedTuple):
    """A kind of constraint: `holds` is the end that must not come before its date, `is_whole` where it asks no more."""

    name: str
    holds: Literal["start", "finish"] | None
    is_whole: bool = False


class Held(NamedTuple):
    """A task with the date `at` of its constraint; `days` is its duration in working days of the project."""

    task_id: HostId
    name: str
    at: datetime
    days: float


def earliest_start(
    constraint: Constraint, task: Held, time: ProjectTime, warnings: Warnings, reasons: Reasons
) -> datetime | None:
    """The instant (wall-clock) before which a constraint keeps a task from starting; None where it does not.

    Adds a warning for what is dropped of the constraint, and a reason why the task's dates may then differ.
    """
    if not constraint.is_whole:
        reasons.add(task.task_id, f"the constraint '{constraint.name}' holds it in the file")
    if constraint.holds is None:
        warnings.add(f"constraint '{constraint.name}' dropped", task.name)
        return None
    if not constraint.is_whole:
        text = f"of the constraint '{constraint.name}' only 'no earlier' is kept, 'no later' is dropped"
        warnings.add(text, task.name)
    return task.at if constraint.holds == "start" else time.back(task.at, task.days)
