"""Words that several rules explain themselves with."""

from collections.abc import Mapping
from typing import Any

Kept = Mapping[str, Any]


def kept_values(why: Kept, _data: Kept) -> str:
    """What is kept of the decision, value by value: the explanation of a rule that has no words of its own."""
    return ", ".join(f"{key} {value}" for key, value in why.items())


def status_change(why: Kept, _data: Kept) -> str:
    """From which status to which."""
    return f"{why['previousStatus']} → {why['newStatus']}"


def days_early(days: int) -> str:
    """Calendar days before the plan, negative behind it."""
    if days == 0:
        return "on the day planned"
    return f"{abs(days)} calendar day{'s' if abs(days) > 1 else ''} {'early' if days > 0 else 'late'}"


def whose_delay(why: Kept) -> str:
    """What a task runs over by itself, and what it inherits from whom; nothing for events from before that was kept."""
    words = ""
    if why.get("overrun"):
        words += f"; it runs {round(why['overrun'], 1):g} working days over its own duration"
    if why.get("inheritedFrom"):
        sources = ", ".join(str(task_id) for task_id in why["inheritedFrom"])
        words += f"; it starts {round(why['inheritedDelay'], 1):g} working days late, inherited from {sources}"
    return words
