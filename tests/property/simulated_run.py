"""One simulated run: the dispatcher's real loop and slots in a made-up world, in which hours take no time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chainbell.delivery.interfaces import Attempts, Bookkeeping, Listeners
from chainbell.delivery.loop import DeliveryLoop
from chainbell.delivery.slots import Slots
from chainbell.storage import DeliveryState, StorageError
from tests.property.simulated_database import EPOCH, AttemptKnownError, SimulatedDatabase
from tests.property.simulated_history import (
    DEADLINE,
    SLACK,
    Calm,
    ClockStepped,
    Complained,
    Ended,
    History,
    Killed,
    Started,
    Stopping,
)
from tests.property.simulated_network import SimulatedNetwork
from tests.property.simulated_world import World, new_world
from tests.property.virtual_time import VirtualTimeLoop

LONGEST_SECONDS = 20_000
"""How long a calm world is given: all tries take 9,000 s, and a clock that was ahead keeps leases for an hour."""
LOOK_AGAIN_SECONDS = 60
"""How often a calm dispatcher is woken though nothing is known to be due."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a dispatcher is made of. A mutation replaces one part."""

    slots: Callable[[int, int], Slots] = Slots
    loop: type[DeliveryLoop] = DeliveryLoop
    ledger: Callable[[Bookkeeping], Bookkeeping] = lambda ledger: ledger
    attempts: Callable[[Attempts], Attempts] = lambda attempts: attempts


class Dispatcher:
    """One dispatcher at work, with its own number."""

    def __init__(self, world: World, parts: Parts, *, has_trouble: bool) -> None:
        world.dispatchers += 1
        self._world = world
        self.number = world.dispatchers
        self._loop = parts.loop(
            parts.ledger(SimulatedDatabase(world, self.number, has_trouble=has_trouble)),
            parts.attempts(SimulatedNetwork(world, self.number)),
            parts.slots(world.in_flight, world.per_webhook),
            Listeners(on_error=self._complain),
            slack_seconds=SLACK,
        )
        self._alarm: asyncio.TimerHandle | None = None
        world.events.append(Started(world.time(), self.number, has_trouble))
        self._running = asyncio.create_task(self._run())

    def _complain(self, error: BaseException) -> None:
        if not isinstance(error, (StorageError, AttemptKnownError)):
            self._world.events.append(Complained(self._world.time(), self.number, repr(error)))

    async def _run(self) -> None:
        error: BaseException | None = None
        try:
            await self._loop.run(self._wake_when_due)
        except asyncio.CancelledError:
            pass
        except Exception as raised:  # noqa: BLE001  a dispatcher ends by nothing but `stop`
            error = raised
        self._world.events.append(Ended(self._world.time(), self.number, repr(error) if error else None))

    def _wake_when_due(self, due: datetime | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        if due is not None:
            seconds = (due - EPOCH).total_seconds() - self._world.clock()
            self._alarm = asyncio.get_running_loop().call_later(max(0.0, seconds), self.wake)

    @property
    def is_running(self) -> bool:
        return not self._running.done()

    def wake(self) -> None:
        self._loop.wake()

    async def stop(self, grace_seconds: float) -> None:
        self._world.events.append(Stopping(self._world.time(), self.number, grace_seconds))
        self._loop.stop(grace_seconds)
        await self._running

    async def kill(self) -> None:
        self._world.events.append(Killed(self._world.time(), self.number))
        self._running.cancel()
        await self._running


def run(seed: int, parts: Parts | None = None) -> History:
    """The same history each time for the same seed: a time of misfortunes, then calm until nothing is left to do."""
    loop = VirtualTimeLoop()
    world = new_world(seed)

    def complain(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        world.events.append(Complained(loop.time(), 0, str(context)))

    loop.set_exception_handler(complain)
    try:
        loop.run_until_complete(_live(world, parts or Parts()))
    finally:
        loop.close()
    return world.history()


async def _live(world: World, parts: Parts) -> None:
    until = world.rng.uniform(0, 240)
    while world.time() < until:
        await _misfortunes(world, parts)
    world.is_calm = True
    world.clock_ahead = max(world.clock_ahead, 0.0)
    for endpoint in world.endpoints.values():
        endpoint.is_active = True
    free = {each.id: world.free(each) for each in world.deliveries.values() if each.state is DeliveryState.PENDING}
    dispatcher = Dispatcher(world, parts, has_trouble=False)
    world.events.append(Calm(world.time(), free))
    last = world.time() + LONGEST_SECONDS
    while world.is_pending() and world.time() < last and dispatcher.is_running:
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
        dispatcher.wake()
    await dispatcher.stop(DEADLINE)


async def _misfortunes(world: World, parts: Parts) -> None:
    """One or two dispatchers at work for a while; then they are stopped or killed."""
    rng = world.rng
    running = [Dispatcher(world, parts, has_trouble=rng.random() < 0.5) for _ in range(rng.randint(1, 2))]
    ends = world.time() + rng.uniform(1, 90)
    while world.time() < ends:
        await asyncio.sleep(1)
        if world.clock_steps and rng.random() < 0.02:
            world.clock_ahead = rng.choice([rng.uniform(-3600, 3600), rng.uniform(-60, 60)])
            world.events.append(ClockStepped(world.time()))
        if rng.random() < 0.02:
            endpoint = rng.choice(list(world.endpoints.values()))
            endpoint.is_active = not endpoint.is_active
        for one in running:
            one.wake()
    grace = rng.choice([0.0, 2.5, DEADLINE])
    await asyncio.gather(*(one.kill() if rng.random() < 0.3 else one.stop(grace) for one in running))
