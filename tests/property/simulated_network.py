"""The endpoints and their names as one dispatcher meets them: what `Sender` does, without a network."""

import asyncio
from datetime import timedelta

from chainbell.delivery.name_server import NameServerAwayError
from chainbell.delivery.retry import OURS, Next, Outcome, Verdict, is_struggling, judge
from chainbell.storage import Claim, DeliveryState, Settlement, Webhook
from tests.property.simulated_database import EPOCH
from tests.property.simulated_history import DEADLINE, AttemptBegan, AttemptEnded, LookUpBegan, LookUpEnded
from tests.property.simulated_world import Endpoint, World

STATES = {
    Next.DELIVERED: DeliveryState.DELIVERED,
    Next.RETRY: DeliveryState.PENDING,
    Next.FAILED: DeliveryState.FAILED,
}
GOOD_SECONDS = 1.0
"""How long an endpoint that does not hang takes to answer, at most."""


class SimulatedNetwork:
    """Makes the attempts of one dispatcher. Until the world is calm, some fail by our own doing."""

    def __init__(self, world: World, dispatcher: int) -> None:
        self._world = world
        self._dispatcher = dispatcher

    def is_ready(self, webhook: Webhook) -> bool:
        return self._world.time() < self._world.endpoints[webhook.id].found_until

    async def look_up(self, webhook: Webhook) -> None:
        world, endpoint = self._world, self._world.endpoints[webhook.id]
        world.events.append(LookUpBegan(world.time(), self._dispatcher, webhook.id))
        try:
            is_slow = endpoint.kind == "slow name"
            await asyncio.sleep(world.rng.choice([2.0, 20.0, DEADLINE]) if is_slow else world.rng.uniform(0, 0.05))
        finally:
            world.events.append(LookUpEnded(world.time(), self._dispatcher, webhook.id))
        if self._is_our_doing():
            raise NameServerAwayError("our name server does not answer")
        if endpoint.kind in ("slow name", "no name"):
            raise OSError("its name could not be looked up")
        endpoint.found_until = world.time() + 30

    def _is_our_doing(self) -> bool:
        return not self._world.is_calm and self._world.rng.random() < 0.03

    async def send(
        self, claim: Claim, webhook: Webhook, begun: float | None = None, failed: Exception | None = None
    ) -> tuple[Settlement, bool | None]:
        world, now = self._world, self._world.time()
        counted_from = now if begun is None else begun
        place = (self._dispatcher, webhook.id, claim.id, claim.fence)
        world.events.append(AttemptBegan(now, *place, counted_from))
        try:
            outcome, status = await self._outcome(world.endpoints[webhook.id], counted_from + DEADLINE - now, failed)
        except asyncio.CancelledError:
            outcome, status = Outcome.INTERRUPTED, None
        world.events.append(AttemptEnded(world.time(), *place, outcome))
        verdict = judge(outcome, status, claim.attempt)
        is_good = verdict.next == Next.DELIVERED or (False if is_struggling(outcome, status) else None)
        return self._settlement(claim, outcome, verdict), is_good

    async def _outcome(self, endpoint: Endpoint, left: float, failed: Exception | None) -> tuple[Outcome, int | None]:
        if failed is not None:
            is_ours = isinstance(failed, NameServerAwayError)
            return Outcome.NO_NAME_SERVER if is_ours else Outcome.DNS_FAILURE, None
        if self._is_our_doing():
            return Outcome.NO_RESOURCES, None
        if endpoint.kind == "hanging" or (endpoint.kind == "recovering" and not self._world.is_calm):
            await asyncio.sleep(left)
            return Outcome.TIMEOUT, None
        await asyncio.sleep(self._world.rng.uniform(0.01, GOOD_SECONDS))
        return Outcome.ANSWERED, 503 if endpoint.kind == "failing" else 200

    def _settlement(self, claim: Claim, outcome: Outcome, verdict: Verdict) -> Settlement:
        now = EPOCH + timedelta(seconds=self._world.clock())
        return Settlement(
            claim=claim,
            state=STATES[verdict.next],
            started_at=EPOCH,
            duration_ms=0,
            outcome=outcome,
            is_ours=outcome in OURS,
            next_attempt_at=None if verdict.delay is None else now + verdict.delay,
        )
