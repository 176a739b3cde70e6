"""How long the endpoints of a simulated run waited, once misfortunes were over."""

from collections import Counter
from collections.abc import Iterator

from chainbell.storage import DeliveryState
from tests.property.simulated_history import (
    AttemptBegan,
    AttemptEnded,
    Calm,
    Event,
    History,
    LookUpBegan,
    LookUpEnded,
    Recorded,
)


def waits(history: History) -> Iterator[tuple[str, float]]:
    """How long an endpoint that had something due was idle, each time: nothing in flight, and no look-up under way."""
    due: dict[str, dict[str, float]] = {endpoint: {} for endpoint in history.kinds}
    busy: Counter[str] = Counter()
    idle_since: dict[str, float] = {}
    for event in since_calm(history):
        match event:
            case Calm():
                for delivery, free in event.free.items():
                    due[history.owners[delivery]][delivery] = free
                idle_since = dict.fromkeys(history.kinds, event.at)
            case AttemptBegan() | LookUpBegan():
                if not busy[event.endpoint]:
                    since = max(idle_since[event.endpoint], min(due[event.endpoint].values(), default=event.at))
                    yield event.endpoint, event.at - since
                busy[event.endpoint] += 1
                if isinstance(event, AttemptBegan):
                    due[event.endpoint].pop(event.delivery, None)
            case AttemptEnded() | LookUpEnded():
                busy[event.endpoint] -= 1
                idle_since[event.endpoint] = event.at
            case Recorded() if event.is_kept and event.state is DeliveryState.PENDING:
                due[event.endpoint][event.delivery] = event.due
    for endpoint, theirs in due.items():
        if theirs and not busy[endpoint]:
            yield endpoint, history.events[-1].at - max(idle_since[endpoint], min(theirs.values()))


def since_calm(history: History) -> list[Event]:
    """What happened once misfortunes were over; first of all `Calm`."""
    calm = next(place for place, event in enumerate(history.events) if isinstance(event, Calm))
    return history.events[calm:]
