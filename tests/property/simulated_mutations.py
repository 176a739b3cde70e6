"""Parts of a dispatcher that are broken on purpose, each in one way, to see that the checks of a simulated run fail.

They change no private name of the real ones: each overrides a public method, or stands between two parts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chainbell.delivery.interfaces import Attempts, Bookkeeping
from chainbell.delivery.ledger import Result, Wanted
from chainbell.delivery.loop import DeliveryLoop
from chainbell.delivery.retry import Outcome
from chainbell.delivery.slots import Held, Slots
from chainbell.storage import Claim, Settlement, StorageError, Webhook

Webhooks = Mapping[str, Webhook | None]


class IgnoresUntil(Slots):
    """Begins whatever waits, however long it has waited."""

    def begin(self, now: float) -> tuple[Held, Webhook] | None:
        return super().begin(float("-inf"))


class CountsLeasesTooLong(Slots):
    """Takes the whole lease for the time in which an attempt may begin."""

    def add(self, claims: Iterable[Claim], webhooks: Webhooks, until: float) -> None:
        super().add(claims, webhooks, until + 30)


class NeverRenews(Slots):
    """Lets the leases of what waits end."""

    def to_renew(self, before: float) -> list[Claim]:
        return []


def ignores_the_limit_of_an_endpoint(in_flight: int, per_webhook: int) -> Slots:
    """Gives one endpoint all the slots."""
    return Slots(in_flight, in_flight)


def ignores_the_limit_in_all(in_flight: int, per_webhook: int) -> Slots:
    """Has more slots than it may have."""
    return Slots(in_flight + 1, per_webhook)


class LosesSlots(Slots):
    """Does not take back the slot of an attempt that did not go well."""

    def end(self, held: Held, went_well: bool | None) -> None:
        super().end(held, went_well)
        if not went_well:
            self.in_flight += 1


class NewestFirst(Slots):
    """Begins what was claimed last first."""

    def add(self, claims: Iterable[Claim], webhooks: Webhooks, until: float) -> None:
        super().add(reversed(list(claims)), webhooks, until)


class StarvesOne(Slots):
    """Has one endpoint wait until nothing else is to be done."""

    def rooms(self) -> dict[str, int]:
        return super().rooms() | ({"w0": 0} if len(self) else {})


class ClaimsForOneEndpointAtATime(Slots):
    """Lets those that hold something keep the others out."""

    @property
    def room(self) -> int:
        return 0 if len(self) else super().room


class ForgetsLookUps(Slots):
    """Never goes on with an attempt whose name could not be found."""

    def bring_back(self, held: Held, *, is_slow: bool, failed: Exception | None) -> None:
        if failed is None:
            super().bring_back(held, is_slow=is_slow, failed=failed)


class KeepsWhatWaits(Slots):
    """Gives nothing back on stop."""

    def drop_waiting(self) -> list[Claim]:
        super().drop_waiting()
        return []


class StopsLate(DeliveryLoop):
    """Lets attempts in flight end, whatever grace it was given."""

    def stop(self, grace_seconds: float) -> None:
        super().stop(grace_seconds + 20)


@dataclass
class _Between:
    """Hands everything to the ledger behind it."""

    ledger: Bookkeeping

    async def exchange(
        self, settlements: Sequence[Settlement], wanted: Wanted
    ) -> tuple[list[Result], list[Claim], dict[str, Webhook | None]]:
        return await self.ledger.exchange(settlements, wanted)

    async def renew(
        self, claims: Sequence[Claim], webhooks: Sequence[str]
    ) -> tuple[set[str], dict[str, Webhook | None]]:
        return await self.ledger.renew(claims, webhooks)

    async def give_back(self, claims: Sequence[Claim]) -> None:
        await self.ledger.give_back(claims)

    async def next_due(self) -> datetime | None:
        return await self.ledger.next_due()

    async def is_anything_due(self) -> bool:
        return await self.ledger.is_anything_due()


class ForgetsSettlements(_Between):
    """Records nothing of what has ended together with more."""

    async def exchange(
        self, settlements: Sequence[Settlement], wanted: Wanted
    ) -> tuple[list[Result], list[Claim], dict[str, Webhook | None]]:
        results, claims, webhooks = await self.ledger.exchange(settlements[:1], wanted)
        return [*results, *(Result(is_recorded=True) for _ in settlements[1:])], claims, webhooks


class LosesSettlementsThatFail(_Between):
    """Does not record again what could not be recorded."""

    async def exchange(
        self, settlements: Sequence[Settlement], wanted: Wanted
    ) -> tuple[list[Result], list[Claim], dict[str, Webhook | None]]:
        try:
            return await self.ledger.exchange(settlements, wanted)
        except StorageError:
            return [Result(is_recorded=False) for _ in settlements], [], {}


class RecordsAgain(_Between):
    """Takes what it has recorded for the attempt of its next claim, as one does whose answer was lost."""

    def __init__(self, ledger: Bookkeeping) -> None:
        super().__init__(ledger)
        self._known: dict[str, Settlement] = {}

    async def exchange(
        self, settlements: Sequence[Settlement], wanted: Wanted
    ) -> tuple[list[Result], list[Claim], dict[str, Webhook | None]]:
        results, claims, webhooks = await self.ledger.exchange(settlements, wanted)
        again = [replace(self._known.pop(claim.id), claim=claim) for claim in claims if claim.id in self._known]
        self._known |= {settlement.claim.id: settlement for settlement in settlements}
        await self.ledger.exchange(again, Wanted())
        return results, [claim for claim in claims if claim not in [one.claim for one in again]], webhooks


class LosesClaims(_Between):
    """Does not hold all that it has claimed."""

    async def exchange(
        self, settlements: Sequence[Settlement], wanted: Wanted
    ) -> tuple[list[Result], list[Claim], dict[str, Webhook | None]]:
        results, claims, webhooks = await self.ledger.exchange(settlements, wanted)
        return results, claims[:1], webhooks


class GivesBackWhatIsInFlight(_Between):
    """Ends the leases of attempts that go on."""

    async def exchange(
        self, settlements: Sequence[Settlement], wanted: Wanted
    ) -> tuple[list[Result], list[Claim], dict[str, Webhook | None]]:
        results, claims, webhooks = await self.ledger.exchange(settlements, wanted)
        await self.ledger.give_back(claims[:1])
        return results, claims, webhooks


class DiesWithTheDatabase(_Between):
    """Lets an error through that the loop does not know."""

    async def exchange(
        self, settlements: Sequence[Settlement], wanted: Wanted
    ) -> tuple[list[Result], list[Claim], dict[str, Webhook | None]]:
        try:
            return await self.ledger.exchange(settlements, wanted)
        except StorageError as error:
            raise ConnectionError("away") from error


class CountsInterruptions:
    """Takes what was our own doing for a try."""

    def __init__(self, attempts: Attempts) -> None:
        self.attempts = attempts
        self.is_ready = attempts.is_ready
        self.look_up = attempts.look_up

    async def send(
        self, claim: Claim, webhook: Webhook, begun: float | None = None, failed: Exception | None = None
    ) -> tuple[Settlement, bool | None]:
        settlement, went_well = await self.attempts.send(claim, webhook, begun, failed)
        is_ours = settlement.is_ours and settlement.outcome != Outcome.INTERRUPTED
        return replace(settlement, is_ours=is_ours), went_well


class GivesUpEarly(CountsInterruptions):
    """Ends a delivery after five tries."""

    async def send(
        self, claim: Claim, webhook: Webhook, begun: float | None = None, failed: Exception | None = None
    ) -> tuple[Settlement, bool | None]:
        return await self.attempts.send(replace(claim, attempts=claim.attempts + 1), webhook, begun, failed)
