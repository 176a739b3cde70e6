"""What happened in a simulated run, in order. `at` and `until` are seconds of the simulation's own time, which never
steps; a `dispatcher` is a number, a new one for each start."""

from collections.abc import Mapping
from dataclasses import dataclass

from chainbell.delivery.retry import Outcome
from chainbell.storage import DeliveryState

DEADLINE, SLACK = 30.0, 16.0
"""How long an attempt may last, and how long a claim may wait for it, in seconds: a lease lasts for both."""


@dataclass(frozen=True, slots=True)
class Event:
    at: float


@dataclass(frozen=True, slots=True)
class OfDispatcher(Event):
    dispatcher: int


@dataclass(frozen=True, slots=True)
class Started(OfDispatcher):
    has_trouble: bool
    """Whether its database may be slow, and away."""


@dataclass(frozen=True, slots=True)
class Stopping(OfDispatcher):
    grace_seconds: float


@dataclass(frozen=True, slots=True)
class Killed(OfDispatcher):
    pass


@dataclass(frozen=True, slots=True)
class Ended(OfDispatcher):
    """A dispatcher is gone: `error` if it ended by itself."""

    error: str | None


@dataclass(frozen=True, slots=True)
class Complained(OfDispatcher):
    """An error that is neither the database's being away nor its refusing of what it has already."""

    error: str


@dataclass(frozen=True, slots=True)
class ClockStepped(Event):
    pass


@dataclass(frozen=True, slots=True)
class Calm(Event):
    """Misfortunes are over; `free` says when each pending delivery can be claimed."""

    free: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class AskedDatabase(OfDispatcher):
    is_answered: bool


@dataclass(frozen=True, slots=True)
class OfEndpoint(OfDispatcher):
    endpoint: str


@dataclass(frozen=True, slots=True)
class LookUpBegan(OfEndpoint):
    pass


@dataclass(frozen=True, slots=True)
class LookUpEnded(OfEndpoint):
    pass


@dataclass(frozen=True, slots=True)
class OfDelivery(OfEndpoint):
    delivery: str
    fence: int


@dataclass(frozen=True, slots=True)
class Claimed(OfDelivery):
    until: float


@dataclass(frozen=True, slots=True)
class Renewed(OfDelivery):
    until: float


@dataclass(frozen=True, slots=True)
class GaveBack(OfDelivery):
    pass


@dataclass(frozen=True, slots=True)
class AttemptBegan(OfDelivery):
    counted_from: float
    """When its deadline began to run: when its name was looked up, if it had to be."""


@dataclass(frozen=True, slots=True)
class AttemptEnded(OfDelivery):
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Recorded(OfDelivery):
    """A settlement has come to the database, which keeps it unless the lease has passed to another."""

    is_kept: bool
    state: DeliveryState
    tries: int
    """How many tries the delivery has spent, with this one."""
    due: float
    """When the delivery can be claimed again, if it is pending."""


@dataclass(frozen=True, slots=True)
class History:
    """One run: its world's measures, and its events."""

    seed: int
    in_flight: int
    per_webhook: int
    kinds: Mapping[str, str]
    """The endpoints, and what they are like; see `simulated_world`."""
    owners: Mapping[str, str]
    """The deliveries, and their endpoints."""
    events: list[Event]
