"""Slots in flight, fairly among the endpoints: who begins next, and how much may be claimed for each. Pure.

An endpoint has at most its limit in flight, and seven times as much again waits here for its slots, so a quick one
never waits for the database. The limit falls by half with each attempt at which the endpoint struggles and rises by one
with each success (additive increase, multiplicative decrease: Chiu and Jain 1989), so an endpoint that comes back is
ramped up from a sixteenth of its slots and not run over by what has been waiting for it.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chainbell.storage import Claim, Webhook

AHEAD = 8
"""Claims held for each slot: one in flight and seven that wait. While all are held, all slots are taken."""
LOWEST_SHARE = 16
"""An endpoint that fails keeps this fraction of its slots."""


@dataclass(slots=True)
class Held:
    """A claim that we hold; it may begin `until` then, in seconds of the monotonic clock, for its lease to last."""

    claim: Claim
    until: float
    is_in_flight: bool = False


@dataclass(slots=True)
class _Endpoint:
    webhook: Webhook
    limit: int
    waiting: deque[Held] = field(default_factory=deque)
    in_flight: int = 0

    @property
    def held(self) -> int:
        return self.in_flight + len(self.waiting)


class Slots:
    """At most `in_flight` attempts at a time, at most `per_webhook` of them to one endpoint."""

    def __init__(self, in_flight: int, per_webhook: int) -> None:
        self._most = in_flight
        self._per_webhook = min(per_webhook, in_flight)
        self._lowest = max(1, self._per_webhook // LOWEST_SHARE)
        self._endpoints: dict[str, _Endpoint] = {}
        self._held: dict[str, Held] = {}
        self._turns: deque[str] = deque()
        self.in_flight = 0

    def __len__(self) -> int:
        """How many claims are held."""
        return len(self._held)

    @property
    def room(self) -> int:
        """How many more claims may be held."""
        return AHEAD * self._most - len(self._held)

    def held_by_webhook(self) -> dict[str, int]:
        return {webhook: endpoint.held for webhook, endpoint in self._endpoints.items() if endpoint.held}

    def rooms(self) -> dict[str, int]:
        """How much may be held for the endpoints whose limit is not the usual one."""
        limits = ((webhook, endpoint.limit) for webhook, endpoint in self._endpoints.items())
        return {webhook: AHEAD * limit for webhook, limit in limits if limit < self._per_webhook}

    @property
    def room_of_one(self) -> int:
        """How much may be held for an endpoint in good order."""
        return AHEAD * self._per_webhook

    def add(self, claims: Iterable[Claim], webhooks: Mapping[str, Webhook | None], until: float) -> None:
        """Claims that may begin; one that is held already is held by its new fence from now on, and not begun twice."""
        for claim in claims:
            held = self._held.get(claim.id)
            if held is not None:
                held.claim, held.until = claim, until
                continue
            webhook = webhooks.get(claim.webhook_id)
            if webhook is None:  # deleted, and its deliveries with it
                continue
            endpoint = self._endpoints.get(webhook.id)
            if endpoint is None:
                limit = self._per_webhook if webhook.failing_since is None else self._lowest
                endpoint = self._endpoints[webhook.id] = _Endpoint(webhook, limit)
            held = self._held[claim.id] = Held(claim, until)
            endpoint.waiting.append(held)
            self._take_turns(webhook.id, endpoint)

    def _take_turns(self, webhook_id: str, endpoint: _Endpoint) -> None:
        if endpoint.waiting and endpoint.in_flight < endpoint.limit and webhook_id not in self._turns:
            self._turns.append(webhook_id)

    def begin(self, now: float) -> tuple[Held, Webhook] | None:
        """The next that may begin, whose place is taken by it; the endpoints take turns."""
        while self._turns and self.in_flight < self._most:
            webhook_id = self._turns.popleft()
            endpoint = self._endpoints.get(webhook_id)
            if endpoint is None or not endpoint.waiting or endpoint.in_flight >= endpoint.limit:
                continue
            held = endpoint.waiting.popleft()
            if held.until <= now:  # its lease may end before it would
                del self._held[held.claim.id]
            else:
                held.is_in_flight = True
                endpoint.in_flight += 1
                self.in_flight += 1
            self._take_turns(webhook_id, endpoint)
            if held.is_in_flight:
                return held, endpoint.webhook
        return None

    def end(self, held: Held, went_well: bool | None) -> None:
        """An attempt has ended: well, with an endpoint that struggles, or (None) in a way that says nothing of that."""
        del self._held[held.claim.id]
        self.in_flight -= 1
        webhook_id = held.claim.webhook_id
        endpoint = self._endpoints[webhook_id]
        endpoint.in_flight -= 1
        if went_well:
            endpoint.limit = min(self._per_webhook, endpoint.limit + 1)
        elif went_well is False:
            endpoint.limit = max(self._lowest, endpoint.limit // 2)
        self._take_turns(webhook_id, endpoint)
        if not endpoint.held and endpoint.limit == self._per_webhook:
            del self._endpoints[webhook_id]

    def refresh(self, webhooks: Mapping[str, Webhook | None]) -> list[Claim]:
        """Registrations as they are now, None for one that is gone: returns the claims that wait for those that are
        gone or inactive, which are no longer held."""
        dropped: list[Claim] = []
        for webhook_id, webhook in webhooks.items():
            endpoint = self._endpoints.get(webhook_id)
            if endpoint is None:
                continue
            if webhook is not None and webhook.is_active:
                endpoint.webhook = webhook
            else:
                dropped += self._drop(endpoint)
        return dropped

    def drop_waiting(self) -> list[Claim]:
        """Holds none of those that wait any more; returns them."""
        return [claim for endpoint in self._endpoints.values() for claim in self._drop(endpoint)]

    def _drop(self, endpoint: _Endpoint) -> list[Claim]:
        claims = [held.claim for held in endpoint.waiting]
        endpoint.waiting.clear()
        for claim in claims:
            del self._held[claim.id]
        return claims

    def to_renew(self, before: float) -> list[Claim]:
        """The claims whose leases end first: those that may begin `before` then only."""
        return [held.claim for held in self._held.values() if held.until <= before]

    def renewed(self, asked: Iterable[Claim], ours: set[str], until: float) -> None:
        """Leases that last on; of the others those that wait are no longer held."""
        lost = set()
        for claim in asked:
            held = self._held.get(claim.id)
            if held is None or held.claim.fence != claim.fence:
                continue
            if claim.id in ours:
                held.until = until
            elif not held.is_in_flight:
                lost.add(claim.id)
                del self._held[claim.id]
        for endpoint in self._endpoints.values() if lost else ():
            endpoint.waiting = deque(held for held in endpoint.waiting if held.claim.id not in lost)
