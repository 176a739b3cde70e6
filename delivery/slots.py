"""Slots in flight, shared fairly among the endpoints: which begins next, and how much may be claimed for each. Pure.

An endpoint has at most its limit in flight, and up to seven times as many claims wait here for its slots, so a quick
endpoint never waits for the database. The limit falls by half with each attempt at which the endpoint struggles and
rises by one with each success (additive increase, multiplicative decrease: Chiu and Jain 1989), so an endpoint that
comes back is ramped up from a sixteenth of its slots and not overrun by what has been waiting for it.

An attempt whose endpoint's name must be looked up first is set aside: it has no slot, and nothing else of its endpoint
begins meanwhile. So names that hang take no slots, however many there are.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chainbell.storage import Claim, Webhook

AHEAD = 8
"""Claims that may be held for each slot: one in flight and seven that wait."""
LOWEST_SHARE = 16
"""An endpoint that struggles keeps at least one in this many of its slots."""


@dataclass(slots=True)
class Held:
    """A claim that we hold; for its lease to last, it must begin before `until` (monotonic clock, seconds)."""

    claim: Claim
    until: float
    is_in_flight: bool = False
    begun: float | None = None
    """When its name began to be looked up, if it had to be."""
    failed: Exception | None = None
    """Why its name could not be found."""


@dataclass(slots=True)
class _Endpoint:
    webhook: Webhook
    limit: int
    waiting: deque[Held] = field(default_factory=deque)
    in_flight: int = 0
    aside: Held | None = None
    is_slow: bool = False
    """Whether its name is slow to be found: then one claim is held, the one that is set aside."""

    @property
    def held(self) -> int:
        return self.in_flight + len(self.waiting) + (self.aside is not None)


class Slots:
    """At most `in_flight` attempts at a time, at most `per_webhook` of them to one endpoint."""

    def __init__(self, in_flight: int, per_webhook: int) -> None:
        self._most = in_flight
        self._per_webhook = min(per_webhook, in_flight)
        self._lowest = max(1, self._per_webhook // LOWEST_SHARE)
        self._endpoints: dict[str, _Endpoint] = {}
        self._held: dict[str, Held] = {}
        self._turns: deque[str] = deque()
        self._aside = 0
        self.in_flight = 0

    def __len__(self) -> int:
        """How many claims are held."""
        return len(self._held)

    @property
    def room(self) -> int:
        """How many more claims may be held."""
        return AHEAD * self._most - (len(self._held) - self._aside)  # set aside is one of each endpoint, at most

    def held_by_webhook(self) -> dict[str, int]:
        """How many claims are held for each webhook that has any, waiting or in flight."""
        return {webhook: endpoint.held for webhook, endpoint in self._endpoints.items() if endpoint.held}

    def rooms(self) -> dict[str, int]:
        """How many claims may be held, by webhook, for the endpoints whose limit is lowered."""
        limits = ((webhook, endpoint.limit) for webhook, endpoint in self._endpoints.items())
        lowered = {webhook: AHEAD * limit for webhook, limit in limits if limit < self._per_webhook}
        return lowered | {webhook: 1 for webhook, endpoint in self._endpoints.items() if endpoint.is_slow}

    @property
    def room_of_one(self) -> int:
        """How many claims may be held for an endpoint whose limit is not lowered."""
        return AHEAD * self._per_webhook

    def add(self, claims: Iterable[Claim], webhooks: Mapping[str, Webhook | None], until: float) -> None:
        """Adds claims that may begin before `until`; one already held gets its new fence and does not begin twice."""
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
        is_free = endpoint.aside is None and endpoint.in_flight < endpoint.limit
        if endpoint.waiting and is_free and webhook_id not in self._turns:
            self._turns.append(webhook_id)

    def begin(self, now: float) -> tuple[Held, Webhook] | None:
        """Takes a slot for the next claim that may begin, None if none may; the endpoints take turns."""
        while self._turns and self.in_flight < self._most:
            webhook_id = self._turns.popleft()
            endpoint = self._endpoints.get(webhook_id)
            if endpoint is None or not endpoint.waiting or endpoint.in_flight >= endpoint.limit or endpoint.aside:
                continue
            held = endpoint.waiting.popleft()
            if held.until <= now:  # its lease may end before the attempt does
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
        """Frees an attempt's slot; `went_well` is False if the endpoint struggles, None if that does not show."""
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
        if not endpoint.held and endpoint.limit == self._per_webhook and not endpoint.is_slow:
            del self._endpoints[webhook_id]

    def set_aside(self, held: Held, now: float) -> None:
        """Takes the slot from an attempt whose name must be looked up first: others may begin."""
        endpoint = self._endpoints[held.claim.webhook_id]
        held.is_in_flight, held.begun = False, now
        endpoint.in_flight -= 1
        endpoint.aside = held
        self.in_flight -= 1
        self._aside += 1

    def is_slow(self, held: Held) -> list[Claim]:
        """Notes that the name of an attempt that is set aside is slow. Returns the claims that wait behind it, which
        are no longer held: others are held instead."""
        endpoint = self._endpoints.get(held.claim.webhook_id)
        if endpoint is None or endpoint.aside is not held:
            return []
        endpoint.is_slow = True
        return self._drop_waiting(endpoint)

    def bring_back(self, held: Held, *, is_slow: bool, failed: Exception | None) -> None:
        """Lets an attempt that was set aside be the next of its endpoint, if it is still held.

        A name that was found, however slowly, is at hand for those behind it.
        """
        endpoint = self._endpoints.get(held.claim.webhook_id)
        if endpoint is None or endpoint.aside is not held:
            return
        endpoint.aside = None
        self._aside -= 1
        endpoint.is_slow, held.failed = is_slow and failed is not None, failed
        endpoint.waiting.appendleft(held)
        self._take_turns(held.claim.webhook_id, endpoint)

    def refresh(self, webhooks: Mapping[str, Webhook | None]) -> list[Claim]:
        """Takes over registrations as they are now, None for one that is gone. Returns the waiting claims of those that
        are gone or inactive, which are no longer held."""
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
        """Stops holding the claims that wait, and returns them."""
        return [claim for endpoint in self._endpoints.values() for claim in self._drop(endpoint)]

    def _drop(self, endpoint: _Endpoint) -> list[Claim]:
        if endpoint.aside is not None:
            endpoint.waiting.append(endpoint.aside)
            endpoint.aside = None
            self._aside -= 1
        return self._drop_waiting(endpoint)

    def _drop_waiting(self, endpoint: _Endpoint) -> list[Claim]:
        claims = [held.claim for held in endpoint.waiting]
        endpoint.waiting.clear()
        for claim in claims:
            del self._held[claim.id]
        return claims

    def to_renew(self, before: float) -> list[Claim]:
        """The claims whose leases end first: those whose `until` is not after `before`."""
        return [held.claim for held in self._held.values() if held.until <= before]

    def renewed(self, asked: Iterable[Claim], ours: set[str], until: float) -> None:
        """Extends the claims in `ours` to `until`; of the others that were asked for, those that wait are dropped."""
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
            if endpoint.aside is not None and endpoint.aside.claim.id in lost:
                endpoint.aside = None
                self._aside -= 1
            endpoint.waiting = deque(held for held in endpoint.waiting if held.claim.id not in lost)
