"""What a dispatcher asks of the database, each in its own transaction: claim, renew, settle, give back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic

from sqlalchemy import Connection

from chainbell.delivery.fanning_out import PORTION, FanningOut
from chainbell.delivery.settings import Clock, DeliverySettings
from chainbell.storage import (
    Claim,
    Database,
    DeliveryState,
    NewDelivery,
    Settlement,
    Webhook,
    claiming,
    due,
    is_passing,
    outbox,
    settling,
)
from chainbell.storage.turns import Turns
from chainbell.storage.webhooks import find_webhook, find_webhooks

REST_SECONDS = 10.0
"""After a fan-out that could not be written, how long those that wait are no reason to look again at once."""


@dataclass(frozen=True, slots=True)
class Result:
    """Whether an attempt was ours to record, and why its webhook was deactivated with it, None if it was not."""

    is_recorded: bool
    deactivation: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many claims may be taken, in all and for one webhook, and what is held already; see `claiming.claim`."""

    room: int = 0
    room_of_one: int = 0
    rooms: Mapping[str, int] | None = None
    held: Mapping[str, int] | None = None


def with_newest_fences(
    settlements: Sequence[Settlement], claims: Sequence[Claim]
) -> tuple[list[Settlement], list[Claim]]:
    """Moves settlements to the fences of claims on the same deliveries; returns them and the remaining claims.

    A clock that jumps ends our own leases, so that we claim again what we have attempted already: that is settled with
    the new fence, and not attempted again. A claim that counts more attempts is another matter: ours has been recorded,
    and only the answer to that was lost, or another dispatcher's has.
    """
    attempted = {settlement.claim.id: settlement.claim.attempts for settlement in settlements}
    again = {claim.id: claim for claim in claims if attempted.get(claim.id) == claim.attempts}
    if not again:
        return list(settlements), list(claims)
    settled = [replace(one, claim=again.get(one.claim.id, one.claim)) for one in settlements]
    return settled, [claim for claim in claims if claim.id not in again]


def _as_they_are(connection: Connection, ids: set[str]) -> dict[str, Webhook | None]:
    """The registrations with these ids, by id; None for one that is gone."""
    found = find_webhooks(connection, ids)
    return {webhook_id: found.get(webhook_id) for webhook_id in ids}


class Ledger:
    """The deliveries of one database, for one dispatcher."""

    def __init__(
        self,
        database: Database,
        settings: DeliverySettings,
        clock: Clock,
        on_error: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._on_error = on_error
        self._turns = Turns()
        self._fanning_out = FanningOut(database)
        self._rests_until = 0.0

    def exchange(
        self, settlements: Sequence[Settlement], wanted: Wanted
    ) -> tuple[list[Result], list[Claim], dict[str, Webhook | None]]:
        """Records what has ended and claims what there is room for, in one transaction.

        Before, it writes out as much of the fan-outs as there is room for. Returns a result per settlement, the new
        claims, and the registrations of all that is then held, None for one that is gone.
        """
        self._fan_out(wanted.room)
        now = self._clock()
        held = wanted.held or {}
        with self._database.write() as connection:
            claims: list[Claim] = []
            if wanted.room > 0:
                claims = claiming.claim(
                    connection,
                    now,
                    now + self._settings.lease,
                    wanted.room,
                    held=held,
                    per_webhook=wanted.room_of_one,
                    rooms=wanted.rooms or {},
                    turns=self._turns,
                )
            settlements, claims = with_newest_fences(settlements, claims)
            recorded = settling.settle_all(connection, settlements)
            results = self._results(connection, settlements, recorded)
            webhooks = _as_they_are(connection, {*held, *(claim.webhook_id for claim in claims)})
        return results, claims, webhooks

    def _fan_out(self, room: int) -> None:
        """Writes portions of fan-outs; one that cannot be written keeps nothing else from being delivered."""
        try:
            for _ in range(0, room, PORTION):
                if not self._fanning_out.write_portion():
                    break
        except Exception as error:
            if is_passing(error):
                raise
            self._rests_until = monotonic() + REST_SECONDS
            self._on_error(error)

    @property
    def _counts_fanouts(self) -> bool:
        """Whether a fan-out that waits is a reason to look again at once: not soon after one could not be written."""
        return monotonic() >= self._rests_until

    def _results(
        self, connection: Connection, settlements: Sequence[Settlement], recorded: Sequence[bool]
    ) -> list[Result]:
        """Deactivates the webhooks that have been failing for too long; returns a result per settlement."""
        days = self._settings.give_up_after / timedelta(days=1)
        reason = f"everything sent to the endpoint has failed for {days:g} days"
        results = []
        for settlement, is_recorded in zip(settlements, recorded, strict=True):
            deactivation = settlement.deactivation if is_recorded and settlement.deactivate_webhook else None
            if (
                is_recorded
                and settlement.is_counted
                and settlement.state is DeliveryState.FAILED
                and deactivation is None
            ):
                since = settlement.started_at - self._settings.give_up_after
                if settling.deactivate_failing(connection, settlement.claim.webhook_id, since, reason):
                    deactivation = reason
            results.append(Result(is_recorded, deactivation))
        return results

    def renew(self, claims: Sequence[Claim], webhooks: Sequence[str]) -> tuple[set[str], dict[str, Webhook | None]]:
        """Renews leases; returns the ids of the claims that were still ours, and these registrations by id."""
        with self._database.write() as connection:
            ours = claiming.renew(connection, claims, self._clock() + self._settings.lease) if claims else set()
            return ours, _as_they_are(connection, set(webhooks))

    def give_back(self, claims: Sequence[Claim]) -> None:
        """Ends the leases of claims that are still ours, so that others can claim them at once."""
        with self._database.write() as connection:
            claiming.give_back(connection, claims)

    def keep_and_claim(self, delivery: NewDelivery) -> tuple[Claim, Webhook]:
        """Writes a delivery and claims it at once; raises LookupError if there is no such webhook."""
        now = self._clock()
        with self._database.write() as connection:
            webhook = find_webhook(connection, delivery.webhook_id)
            if webhook is None:
                raise LookupError(f"there is no webhook {delivery.webhook_id!r}")
            outbox.enqueue(connection, [delivery], now)
            claim = claiming.claim_one(connection, delivery.id, now, now + self._settings.lease)
        assert claim is not None  # noqa: S101  nobody else has seen it yet
        return claim, webhook

    def next_due(self) -> datetime | None:
        """When the next delivery of an active webhook is due, or its lease ends (UTC); None if none is pending."""
        with self._database.read() as connection:
            return due.next_due(
                connection, self._clock(), self._turns.lookback.since, counts_fanouts=self._counts_fanouts
            )

    def is_anything_due(self) -> bool:
        """Whether a delivery of an active webhook is due, leased or not, or a fan-out is still to be written out.

        It is for others, if this dispatcher holds nothing and has just found nothing; or it was committed late.
        """
        with self._database.read() as connection:
            return due.oldest_due(connection, self._clock(), counts_fanouts=self._counts_fanouts) is not None
