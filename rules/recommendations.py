"""What the state of a project itself suggests: where its buffer goes, what stands still, who carries the load."""

from collections.abc import Sequence

from chainbell.rules.model import Task, TaskStatus
from chainbell.rules.progress import work_left
from chainbell.rules.transition import Transition

TASKS = 2
"""The number of driving tasks that get advice of their own."""


def recommendations(step: Transition, drivers: Sequence[tuple[Task, float]]) -> tuple[str, ...]:
    """Advice in sentences; `drivers` are the tasks that take the buffers, each with its percent, the largest first."""
    advice = [_about(step, task, percent) for task, percent in drivers[:TASKS]]
    load: dict[str, float] = {}
    for task in step.after.tasks:
        if task.is_unfinished and task.assigned_to:
            load[task.assigned_to.name] = load.get(task.assigned_to.name, 0.0) + _left(step, task)
    driving = {task.assigned_to.name for task, _ in drivers if task.assigned_to}
    if driving:
        name = min(driving, key=lambda name: (-load[name], name))
        if load[name] > 0:
            advice.append(f"Free {name} from other work: {_days(load[name])} of this project are assigned there")
    late = step.dates.days_late()
    if late:
        due = "target" if step.after.target_end_date else "promise"
        advice.append(
            f"Agree on a recovery plan or a new date: at this rate the {due} is missed by {late} calendar "
            f"day{'s' if late > 1 else ''}"
        )
    return tuple(advice)


def _about(step: Transition, task: Task, percent: float) -> str:
    who = f" ({task.assigned_to.name})" if task.assigned_to else ""
    takes = f"it takes {percent:.1f} % of a buffer"
    left = _left(step, task)
    if task.status is TaskStatus.ON_HOLD:
        rest = f", {_days(left)} left" if left > 0 else ""
        return f"Get {task.name}{who} going again: it is on hold, {takes}{rest}"
    if left <= 0:
        return f"Ask what is left of {task.name}{who}: it is past its own estimate, {takes}"
    return f"Add capacity to {task.name}{who}, or cut its scope: {takes}, {_days(left)} left"


def _left(step: Transition, task: Task) -> float:
    """The working days of work left on a task, rounded to the hundredths that are shown."""
    return round(work_left(task, step.coordinate, stands_still=step.after.stands_still), 2)


def _days(days: float) -> str:
    return f"{round(days, 2):g} working day{'' if round(days, 2) == 1 else 's'}"
