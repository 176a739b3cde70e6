"""A world that is made up from a seed: endpoints, their deliveries, a clock that steps, misfortunes."""

import asyncio
import random
from dataclasses import dataclass, field

from chainbell.storage import DeliveryState
from tests.property.simulated_history import Event, History

KINDS = ("good", "good", "good", "recovering", "hanging", "failing", "slow name", "no name")
"""What an endpoint is like. One that is recovering hangs until misfortunes are over."""
GOOD_IN_THE_END = ("good", "recovering")


@dataclass
class Delivery:
    id: str
    webhook_id: str
    due: float
    attempts: int = 0
    ours: int = 0
    """How many of the attempts were spoilt by our own doing."""
    fence: int = 0
    lease_until: float | None = None
    state: DeliveryState = DeliveryState.PENDING

    @property
    def tries(self) -> int:
        return self.attempts - self.ours


@dataclass
class Endpoint:
    kind: str
    is_active: bool = True
    found_until: float = -1.0
    """Until when its name is known."""


@dataclass
class World:
    seed: int
    rng: random.Random
    in_flight: int
    per_webhook: int
    clock_steps: bool
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    clock_ahead: float = 0.0
    is_calm: bool = False
    """Whether misfortunes are over."""
    dispatchers: int = 0
    events: list[Event] = field(default_factory=list)

    def time(self) -> float:
        """Seconds that have gone by: monotonic."""
        return asyncio.get_running_loop().time()

    def clock(self) -> float:
        """What the database's clock says, in seconds; it may be set back and forth."""
        return self.time() + self.clock_ahead

    def free(self, delivery: Delivery) -> float:
        """When a pending delivery can be claimed, by `time`, as the clock goes now."""
        return max(delivery.due, delivery.lease_until or delivery.due) - self.clock_ahead

    def is_pending(self) -> bool:
        return any(each.state is DeliveryState.PENDING for each in self.deliveries.values())

    def history(self) -> History:
        kinds = {name: endpoint.kind for name, endpoint in self.endpoints.items()}
        owners = {each.id: each.webhook_id for each in self.deliveries.values()}
        return History(self.seed, self.in_flight, self.per_webhook, kinds, owners, self.events)


def new_world(seed: int) -> World:
    """The same for the same seed: one to eight endpoints with up to six deliveries each, some due from the start."""
    rng = random.Random(seed)
    per_webhook = rng.choice([1, 2, 4])
    in_flight = per_webhook * rng.choice([1, 2, 3, 4, 8])
    world = World(seed, rng, in_flight, per_webhook, clock_steps=rng.random() < 0.5)
    for number in range(rng.randint(1, 8)):
        name = f"w{number}"
        world.endpoints[name] = Endpoint(rng.choice(KINDS))
        for place in range(rng.randint(1, 6)):
            due = rng.choice([0.0, rng.uniform(0, 300)])
            world.deliveries[f"{name}-{place}"] = Delivery(f"{name}-{place}", name, due)
    return world
