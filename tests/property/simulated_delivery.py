"""A database, endpoints, name servers and misfortunes that are made up, for the dispatcher's real loop and slots.

Everything comes from one seed. The world checks itself while it runs: a promise not kept raises BrokenPromiseError.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from chainbell.delivery.interfaces import Listeners
from chainbell.delivery.ledger import Result, Wanted, with_newest_fences
from chainbell.delivery.loop import DeliveryLoop
from chainbell.delivery.retry import OURS, RETRY_DELAYS, Next, Outcome, is_struggling, judge
from chainbell.delivery.slots import Slots
from chainbell.storage import Claim, DeliveryState, Settlement, StorageError, Webhook

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
DEADLINE, SLACK = 30.0, 16.0


class BrokenPromiseError(AssertionError):
    """A promise of the dispatcher that does not hold."""


@dataclass
class Delivery:
    id: str
    webhook_id: str
    due: float = 0.0
    attempts: int = 0
    ours: int = 0
    fence: int = 0
    lease_until: float | None = None
    state: DeliveryState = DeliveryState.PENDING

    @property
    def tries(self) -> int:
        return self.attempts - self.ours


@dataclass
class Endpoint:
    """`kind`: good, hanging, failing, or a name that is slow or not there."""

    kind: str
    found_until: float = -1.0
    first_tried: float | None = None


@dataclass
class World:
    rng: random.Random
    in_flight: int
    per_webhook: int
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    clock_ahead: float = 0.0
    is_calm: bool = False
    """Whether misfortunes are over."""
    sent: int = 0

    def time(self) -> float:
        return asyncio.get_running_loop().time()

    def clock(self) -> float:
        """What the database's clock says, which may be set back and forth."""
        return self.time() + self.clock_ahead

    def webhook(self, name: str) -> Webhook:
        return Webhook(name, 1, name, "https://x.example/", (), "sealed", EPOCH)


class Database:
    """What `Ledger` does, in memory and taking time; at times it is away, before or after it did it."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def _may_fail(self) -> None:
        rng = self._world.rng
        slow = not self._world.is_calm and rng.random() < 0.05
        await asyncio.sleep(rng.uniform(0, 20.0) if slow else rng.uniform(0, 0.01))
        if not self._world.is_calm and rng.random() < 0.05:
            raise StorageError("away")

    async def exchange(
        self, settlements: Sequence[Settlement], wanted: Wanted
    ) -> tuple[list[Result], list[Claim], dict[str, Webhook | None]]:
        world = self._world
        await self._may_fail()
        claims = self._claim(wanted)
        settled, claims = with_newest_fences(settlements, claims)
        results = [Result(self._settle(one)) for one in settled]
        held = {*(wanted.held or {}), *(claim.webhook_id for claim in claims)}
        await asyncio.sleep(world.rng.uniform(0, 0.01))
        return results, claims, {name: world.webhook(name) for name in held}

    def _claim(self, wanted: Wanted) -> list[Claim]:
        world, now = self._world, self._world.clock()
        held = Counter(wanted.held or {})
        taken: list[Delivery] = []
        free = [
            one
            for one in world.deliveries.values()
            if one.state is DeliveryState.PENDING and one.due <= now and (one.lease_until or now) <= now
        ]
        names = list(world.endpoints)
        world.rng.shuffle(names)
        queues = {
            name: sorted((one for one in free if one.webhook_id == name), key=lambda one: (one.tries > 0, one.due))
            for name in sorted(names, key=lambda name: held[name])
        }
        while len(taken) < wanted.room and any(queues.values()):
            for name, queue in queues.items():
                if len(taken) == wanted.room or held[name] >= (wanted.rooms or {}).get(name, wanted.room_of_one):
                    queue.clear()
                if queue:
                    taken.append(queue.pop(0))
                    held[name] += 1
        for one in taken:
            one.fence, one.lease_until = one.fence + 1, now + DEADLINE + SLACK
        return [Claim(one.id, one.webhook_id, "e", b"", one.attempts, one.fence, one.ours) for one in taken]

    def _settle(self, settlement: Settlement) -> bool:
        one = self._world.deliveries[settlement.claim.id]
        if one.fence != settlement.claim.fence or one.state is not DeliveryState.PENDING:
            return False
        one.attempts += 1
        one.ours += settlement.is_ours
        one.lease_until, one.state = None, settlement.state
        if settlement.next_attempt_at is not None:
            one.due = (settlement.next_attempt_at - EPOCH).total_seconds()
        if one.state is DeliveryState.FAILED and one.tries <= len(RETRY_DELAYS):
            raise BrokenPromiseError(f"{one.id} was given up after {one.tries} tries")
        return True

    async def renew(
        self, claims: Sequence[Claim], webhooks: Sequence[str]
    ) -> tuple[set[str], dict[str, Webhook | None]]:
        await self._may_fail()
        ours = self._lease(claims, self._world.clock() + DEADLINE + SLACK)
        return ours, {name: self._world.webhook(name) for name in webhooks}

    async def give_back(self, claims: Sequence[Claim]) -> None:
        await self._may_fail()
        self._lease(claims, None)

    def _lease(self, claims: Sequence[Claim], until: float | None) -> set[str]:
        ours = set()
        for claim in claims:
            one = self._world.deliveries[claim.id]
            if one.fence == claim.fence and one.state is DeliveryState.PENDING:
                one.lease_until = until
                ours.add(claim.id)
        return ours

    async def next_due(self) -> datetime | None:
        await self._may_fail()
        return None

    async def is_anything_due(self) -> bool:
        return False


class Network:
    """Attempts of one dispatcher, and whether they keep to its caps and leases."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._open: Counter[str] = Counter()

    def is_ready(self, webhook: Webhook) -> bool:
        return self._world.time() < self._world.endpoints[webhook.id].found_until

    async def look_up(self, webhook: Webhook) -> None:
        world, endpoint = self._world, self._world.endpoints[webhook.id]
        if endpoint.kind == "slow name":
            await asyncio.sleep(world.rng.choice([2.0, 20.0, DEADLINE]))
            raise OSError("its name could not be looked up in time")
        await asyncio.sleep(world.rng.uniform(0, 0.05))
        if endpoint.kind == "no name":
            raise OSError("no such name")
        endpoint.found_until = world.time() + 30

    async def send(
        self, claim: Claim, webhook: Webhook, begun: float | None = None, failed: Exception | None = None
    ) -> tuple[Settlement, bool | None]:
        world, endpoint = self._world, self._world.endpoints[webhook.id]
        self._check_beginning(claim, begun)
        now = world.time()
        self._open[webhook.id] += 1
        world.sent += 1
        if endpoint.first_tried is None:
            endpoint.first_tried = now
        left = max(0.0, DEADLINE - (now - (now if begun is None else begun)))
        try:
            outcome, status = await self._answer(endpoint, left, failed)
        except asyncio.CancelledError:
            outcome, status = Outcome.INTERRUPTED, None
        self._open[webhook.id] -= 1
        verdict = judge(outcome, status, claim.attempt)
        states = {Next.DELIVERED: DeliveryState.DELIVERED, Next.FAILED: DeliveryState.FAILED}
        due = None if verdict.delay is None else EPOCH + timedelta(seconds=world.clock()) + verdict.delay
        state = states.get(verdict.next, DeliveryState.PENDING)
        settlement = Settlement(
            claim=claim,
            state=state,
            started_at=EPOCH,
            duration_ms=0,
            outcome=outcome,
            is_ours=outcome in OURS,
            next_attempt_at=due,
        )
        return settlement, True if state is DeliveryState.DELIVERED else (
            False if is_struggling(outcome, status) else None
        )

    def _check_beginning(self, claim: Claim, begun: float | None) -> None:
        """Before its lease ends by more than the attempt may last; within the caps."""
        world = self._world
        one = world.deliveries[claim.id]
        until = world.time() if begun is None else begun
        if one.fence == claim.fence and one.lease_until is not None and not world.clock_ahead:
            if until + DEADLINE > one.lease_until + 1e-6 or one.lease_until < world.clock():
                raise BrokenPromiseError(
                    f"{claim.id} begins at {world.time():.2f}, its lease ends at {one.lease_until:.2f}"
                )
        elif one.fence != claim.fence and not world.clock_ahead:
            raise BrokenPromiseError(f"{claim.id} begins with a lease that has passed to another")
        if self._open.total() >= world.in_flight:
            raise BrokenPromiseError("more attempts are in flight than may be in all")
        if self._open[claim.webhook_id] >= world.per_webhook:
            raise BrokenPromiseError(f"more attempts are in flight to {claim.webhook_id} than may be")

    async def _answer(self, endpoint: Endpoint, left: float, failed: Exception | None) -> tuple[Outcome, int | None]:
        if failed is not None:
            return Outcome.DNS_FAILURE, None
        if endpoint.kind == "hanging":
            await asyncio.sleep(left)
            return Outcome.TIMEOUT, None
        await asyncio.sleep(min(left, self._world.rng.uniform(0.01, 1.0)))
        return Outcome.ANSWERED, 503 if endpoint.kind == "failing" else 200


def new_loop(world: World, errors: list[BaseException]) -> DeliveryLoop:
    slots = Slots(world.in_flight, world.per_webhook)
    listeners = Listeners(on_error=errors.append)
    return DeliveryLoop(Database(world), Network(world), slots, listeners, slack_seconds=SLACK)


KINDS = ("good", "good", "good", "hanging", "failing", "slow name", "no name")


def new_world(seed: int) -> World:
    rng = random.Random(seed)
    per_webhook = rng.choice([1, 2, 4])
    world = World(rng, in_flight=per_webhook * rng.randint(1, 4), per_webhook=per_webhook)
    for number in range(rng.randint(1, 8)):
        name = f"w{number}"
        world.endpoints[name] = Endpoint(rng.choice(KINDS))
        for place in range(rng.randint(1, 6)):
            world.deliveries[f"{name}-{place}"] = Delivery(f"{name}-{place}", name)
    return world


async def live(world: World, *, loops: Callable[[World, list[BaseException]], DeliveryLoop] = new_loop) -> None:
    """Up to two dispatchers, started, stopped and killed at random; then calm, until nothing is left to do."""
    rng = world.rng
    errors: list[BaseException] = []
    until = rng.uniform(0, 120)
    while world.time() < until:
        running = [loops(world, errors) for _ in range(rng.randint(1, 2))]
        tasks = [asyncio.create_task(one.run(lambda due: None)) for one in running]
        ends = world.time() + rng.uniform(1, 60)
        while world.time() < ends:
            await asyncio.sleep(1)
            _raise_what_failed(tasks, errors)
            if rng.random() < 0.01:
                world.clock_ahead = rng.uniform(-3600, 3600)
            for one in running:
                one.wake()
        is_killed = rng.random() < 0.3
        for one, task in zip(running, tasks, strict=True):
            task.cancel() if is_killed else one.stop(rng.choice([0.0, 2.5, DEADLINE]))
        stopped = world.time()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not is_killed and world.time() - stopped > 200:
            raise BrokenPromiseError("stopping takes for ever")
        _raise_what_failed(tasks, errors)
    world.is_calm = True
    await _finish(world, loops, errors)


def _raise_what_failed(tasks: "list[asyncio.Task[None]]", errors: list[BaseException]) -> None:
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            raise error
    for error in errors:
        if not isinstance(error, StorageError):
            raise error


async def _finish(
    world: World, loops: Callable[[World, list[BaseException]], DeliveryLoop], errors: list[BaseException]
) -> None:
    """Everything ends as its endpoint lets it, and the good ones soon."""
    world.clock_ahead = max(world.clock_ahead, 0.0)
    began = world.time()
    one = loops(world, errors)
    running = asyncio.create_task(one.run(lambda due: None))
    good = [each for each in world.deliveries.values() if world.endpoints[each.webhook_id].kind == "good"]
    good_ones_took = None
    while any(each.state is DeliveryState.PENDING for each in world.deliveries.values()):
        await asyncio.sleep(1 if good_ones_took is None else 60)
        _raise_what_failed([running], errors)
        one.wake()
        if good_ones_took is None and all(each.state is DeliveryState.DELIVERED for each in good):
            good_ones_took = world.time() - began
        if world.time() - began > 200_000:
            raise BrokenPromiseError(
                f"lost: {[each for each in world.deliveries.values() if each.state is DeliveryState.PENDING]}"
            )
    one.stop(0)
    await running
    for each in world.deliveries.values():
        kind = world.endpoints[each.webhook_id].kind
        wanted = DeliveryState.DELIVERED if kind == "good" else DeliveryState.FAILED
        if each.state is not wanted or (kind != "good" and each.tries != len(RETRY_DELAYS) + 1):
            raise BrokenPromiseError(f"{each.id}, {kind}: {each.state} after {each.tries} tries")
    if any(other.first_tried is None for other in world.endpoints.values()):
        raise BrokenPromiseError("an endpoint was never tried")


__all__ = ["BrokenPromiseError", "World", "live", "new_loop", "new_world"]
