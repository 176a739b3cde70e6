"""What tests of a host's transactions share."""

from typing import Any

from chainbell.engine import Engine
from chainbell.rules import Event
from tests.plans import MONDAY, task_update


def hearing(engine: Engine) -> list[Event]:
    """A list that grows with every event that the engine announces."""
    events: list[Event] = []

    def hear(_: Engine, event: Event) -> None:
        events.append(event)

    for rule in engine.core.rules:
        engine.signal(rule.event).connect(hear, weak=False)
    return events


def started(**fields: Any) -> dict[str, Any]:
    return task_update(1, MONDAY.isoformat(), status="InProgress", **fields)


def report(remaining: float, project: int = 1) -> dict[str, Any]:
    return task_update(1, MONDAY.isoformat(), project, remainingDuration=remaining)
