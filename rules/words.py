"""Phrases that the explanations of several rules share."""

from collections.abc import Mapping
from typing import Any

Kept = Mapping[str, Any]


def kept_values(why: Kept, _data: Kept) -> str:
    """The kept reasons of a decision, value by value: the explanation of a rule that has none of its own."""
    return ", ".join(f"{key} {value}" for key, value in why.items())


def status_change(why: Kept, _data: Kept) -> str:
    """The status before and the status after."""
    return f"{why['previousStatus']} → {why['newStatus']}"


def days_early(days: int) -> str:
    """A number of calendar days in words; `days` is positive before the planned date, negative after it."""
    if days == 0:
        return "on the day planned"
    return f"{abs(days)} calendar day{'s' if abs(days) > 1 else ''} {'early' if days > 0 else 'late'}"


def whose_delay(why: Kept) -> str:
    """What a task itself runs over, and what it inherits from which tasks; empty for events kept without either."""
    words = ""
    if why.get("overrun"):
        words += f"; it runs {round(why['overrun'], 1):g} working days over its own duration"
    if why.get("inheritedFrom"):
        sources = ", ".join(str(task_id) for task_id in why["inheritedFrom"])
        words += f"; it starts {round(why['inheritedDelay'], 1):g} working days late, inherited from {sources}"
    return words
