"""What `Ledger` does, in memory and taking time. In trouble it is slow at times, and away: before it has done what it
was asked to do, or after, so that only its answer is lost."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from chainbell.delivery.ledger import Result, Wanted, with_newest_fences
from chainbell.storage import Claim, DeliveryState, Settlement, StorageError, Webhook
from tests.property.simulated_history import DEADLINE, SLACK, AskedDatabase, Claimed, GaveBack, Recorded, Renewed
from tests.property.simulated_world import Delivery, World

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SLOWEST_SECONDS = 20.0
"""How long one call may take."""
LONGEST_OUTAGE_SECONDS = 60.0


class AttemptKnownError(Exception):
    """The log has an attempt with this number, as a unique constraint says it."""


class SimulatedDatabase:
    """The world's deliveries, as one dispatcher asks for them."""

    def __init__(self, world: World, dispatcher: int, *, has_trouble: bool) -> None:
        self._world = world
        self._dispatcher = dispatcher
        self._has_trouble = has_trouble
        self._away_until = 0.0

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        """What is done within it is done at one instant; whatever may refuse it comes first."""
        is_answered = False
        try:
            await self._take_time()
            yield
            await self._take_time()
            is_answered = True
        finally:
            self._world.events.append(AskedDatabase(self._world.time(), self._dispatcher, is_answered))

    async def _take_time(self) -> None:
        world, rng = self._world, self._world.rng
        is_slow = self._has_trouble and rng.random() < 0.05
        await asyncio.sleep(rng.uniform(0, SLOWEST_SECONDS / 2 if is_slow else 0.01))
        if self._has_trouble and rng.random() < 0.03:
            self._away_until = world.time() + rng.choice([0.0, rng.uniform(0, LONGEST_OUTAGE_SECONDS)])
            raise StorageError("away")
        if world.time() < self._away_until:
            raise StorageError("still away")

    async def exchange(
        self, settlements: Sequence[Settlement], wanted: Wanted
    ) -> tuple[list[Result], list[Claim], dict[str, Webhook | None]]:
        async with self._transaction():
            leased = [_next_claim(one) for one in self._chosen(wanted)]
            settlements, claims = with_newest_fences(settlements, leased)
            self._refuse_what_is_known(settlements, leased)
            self._lease(leased)
            results = [Result(self._settle(one)) for one in settlements]
            webhooks = self._webhooks({*(wanted.held or {}), *(claim.webhook_id for claim in claims)})
        return results, claims, webhooks

    def _refuse_what_is_known(self, settlements: Sequence[Settlement], leased: Sequence[Claim]) -> None:
        """Raises AttemptKnownError for an attempt that is still ours, and recorded: the answer to that was lost."""
        again = {claim.id for claim in leased}
        for claim in (one.claim for one in settlements if one.claim.id not in again):
            if self._is_ours(claim) and claim.attempts < self._world.deliveries[claim.id].attempts:
                raise AttemptKnownError(f"attempt {claim.attempts + 1} of {claim.id}")

    def _lease(self, claims: Sequence[Claim]) -> None:
        world = self._world
        for claim in claims:
            one = world.deliveries[claim.id]
            one.fence, one.lease_until = claim.fence, world.clock() + DEADLINE + SLACK
            world.events.append(Claimed(*self._place(claim), world.time() + DEADLINE + SLACK))

    def _place(self, claim: Claim) -> tuple[float, int, str, str, int]:
        """The first values of an event."""
        return self._world.time(), self._dispatcher, claim.webhook_id, claim.id, claim.fence

    def _chosen(self, wanted: Wanted) -> list[Delivery]:
        """As `storage.claiming` chooses: the endpoints in turn, first tries before retries."""
        world, now = self._world, self._world.clock()
        held = Counter(wanted.held or {})
        queues: dict[str, list[Delivery]] = {name: [] for name in world.endpoints}
        for one in sorted(world.deliveries.values(), key=lambda one: (one.tries > 0, one.due)):
            is_free = one.due <= now and (one.lease_until or now) <= now
            if one.state is DeliveryState.PENDING and is_free and world.endpoints[one.webhook_id].is_active:
                queues[one.webhook_id].append(one)
        names = list(queues)
        world.rng.shuffle(names)
        names.sort(key=lambda name: held[name])
        chosen: list[Delivery] = []
        while len(chosen) < wanted.room and any(queues.values()):
            for name in names:
                if len(chosen) == wanted.room or held[name] >= (wanted.rooms or {}).get(name, wanted.room_of_one):
                    queues[name].clear()
                if queues[name]:
                    chosen.append(queues[name].pop(0))
                    held[name] += 1
        return chosen

    def _is_ours(self, claim: Claim) -> bool:
        one = self._world.deliveries[claim.id]
        return claim.fence == one.fence and one.state is DeliveryState.PENDING

    def _settle(self, settlement: Settlement) -> bool:
        claim, one = settlement.claim, self._world.deliveries[settlement.claim.id]
        if is_ours := self._is_ours(claim):
            one.attempts += 1
            one.ours += settlement.is_ours
            one.lease_until, one.state = None, settlement.state
            if settlement.next_attempt_at is not None:
                one.due = (settlement.next_attempt_at - EPOCH).total_seconds()
        due = self._world.free(one)
        self._world.events.append(Recorded(*self._place(claim), is_ours, one.state, one.tries, due))
        return is_ours

    async def renew(
        self, claims: Sequence[Claim], webhooks: Sequence[str]
    ) -> tuple[set[str], dict[str, Webhook | None]]:
        async with self._transaction():
            ours = [claim for claim in claims if self._is_ours(claim)]
            for claim in ours:
                self._world.deliveries[claim.id].lease_until = self._world.clock() + DEADLINE + SLACK
                self._world.events.append(Renewed(*self._place(claim), self._world.time() + DEADLINE + SLACK))
            registrations = self._webhooks(set(webhooks))
        return {claim.id for claim in ours}, registrations

    async def give_back(self, claims: Sequence[Claim]) -> None:
        async with self._transaction():
            for claim in filter(self._is_ours, claims):
                self._world.deliveries[claim.id].lease_until = None
                self._world.events.append(GaveBack(*self._place(claim)))

    async def next_due(self) -> datetime | None:
        async with self._transaction():
            free = [
                max(one.due, one.lease_until or one.due)
                for one in self._world.deliveries.values()
                if one.state is DeliveryState.PENDING and self._world.endpoints[one.webhook_id].is_active
            ]
        return EPOCH + timedelta(seconds=min(free)) if free else None

    async def is_anything_due(self) -> bool:
        raise AssertionError("only `drain` asks, and the simulation runs")

    def _webhooks(self, names: set[str]) -> dict[str, Webhook | None]:
        active = {name: self._world.endpoints[name].is_active for name in sorted(names)}
        return {
            name: Webhook(name, 1, name, "https://x.example/", (), "sealed", EPOCH, is_active=is_active)
            for name, is_active in active.items()
        }


def _next_claim(one: Delivery) -> Claim:
    return Claim(one.id, one.webhook_id, "e", b"", one.attempts, one.fence + 1, one.ours)
