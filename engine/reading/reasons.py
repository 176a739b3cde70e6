"""Why an event fired, in one sentence for people, from the `why` that is kept with it."""

from collections.abc import Mapping
from typing import Any

from chainbell.rules import Event


def reason(event: Event) -> str:
    """One sentence; for an event of a rule that is not ours, its kept values."""
    why, data = event.why, event.data
    if event.name in ("project.started", "project.frozen", "project.status_changed", "task.status_changed"):
        return f"{why['previousStatus']} → {why['newStatus']}"
    if event.name == "task.completed":
        return f"{_days_early(data['daysEarly'])}; {data['bufferConsumption']:g} % of a buffer taken"
    if event.name == "milestone.achieved":
        return "no planned date" if data["daysEarly"] is None else _days_early(data["daysEarly"])
    if event.name == "task.ready":
        names = ", ".join(other["name"] for other in data["predecessors"])
        free = f"nothing holds up its start: {names} done" if names else "the project is active and nothing precedes it"
        return free + _whose(why)
    if event.name == "task.duration_changed":
        return f"remaining duration {why['previous']:g} → {why['reported']:g} working days"
    if event.name == "task.red":
        path = " → ".join(str(task_id) for task_id in why["drivingPath"])
        before, after = why["before"], why["after"]
        limits = f"was {before:.1f} %, red above {why['threshold']:g} %"
        return f"takes {after:.1f} % of buffer {why['buffer']} ({limits}) over {path}{_whose(why)}"
    if event.name == "project.early_warning":
        before = 0.0 if why["before"] is None else why["before"]
        gone = f"{before:.1f} % → {why['after']:.1f} % of the project buffer gone"
        return f"{gone} with {why['completion']:.1f} % of the chain done; projected {data['projectedCompletion']}"
    return ", ".join(f"{key} {value}" for key, value in why.items())


def _whose(why: Mapping[str, Any]) -> str:
    """What a task runs over by itself, and what it inherits from whom; nothing for events from before that was kept."""
    words = ""
    if why.get("overrun"):
        words += f"; it runs {why['overrun']:g} working days over its own duration"
    if why.get("inheritedFrom"):
        sources = ", ".join(str(task_id) for task_id in why["inheritedFrom"])
        words += f"; it starts {why['inheritedDelay']:g} working days late, inherited from {sources}"
    return words


def _days_early(days: int) -> str:
    if days == 0:
        return "on the day planned"
    return f"{abs(days)} calendar day{'s' if abs(days) > 1 else ''} {'early' if days > 0 else 'late'}"
