"""The dispatcher: claims what is due, attempts it over HTTP, settles the result. The database says what is due.

Nothing here keeps time or a queue of its own: `run_once` delivers one batch, `drain` all that is due, `run` waits for
`wake()` in between and says through `on_idle` when something will next be due.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import aiohttp

from chainbell.delivery.attempt import DEADLINE_SECONDS, Answer, describe, open_client, post
from chainbell.delivery.envelope import with_retry_count
from chainbell.delivery.guard import PUBLIC_HTTPS, GuardPolicy
from chainbell.delivery.retry import Next, Outcome, Verdict, judge
from chainbell.delivery.signature import HEADER_PREFIX, signed_headers
from chainbell.storage import Claim, Database, KeyRing, NewDelivery, Settlement, Webhook, outbox
from chainbell.storage.webhooks import find_webhook

Clock = Callable[[], datetime]
LEASE_MARGIN_SECONDS = 1.0
"""By how much a lease must outlast the deadline of an attempt, for settling it."""
LEASE_POLL_SECONDS = 0.2
"""How often `drain` looks whether the leases of others have ended."""
_STATES = {Next.DELIVERED: outbox.DELIVERED, Next.RETRY: outbox.PENDING, Next.FAILED: outbox.FAILED}


def system_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How deliveries are made; ValueError refuses a lease that would not outlast the deadline of an attempt."""

    guard: GuardPolicy = PUBLIC_HTTPS
    header_prefix: str = HEADER_PREFIX
    deadline_seconds: float = DEADLINE_SECONDS
    lease_seconds: float | None = None
    in_flight: int = 256
    give_up_after: timedelta = timedelta(days=5)

    def __post_init__(self) -> None:
        if self.in_flight < 1:
            raise ValueError(f"in_flight: {self.in_flight} is less than 1")
        if self.lease_seconds is not None and self.lease_seconds < self.deadline_seconds + LEASE_MARGIN_SECONDS:
            raise ValueError(f"lease_seconds: {self.lease_seconds:g} does not outlast the deadline by the margin")

    @property
    def lease(self) -> timedelta:
        """The deadline of an attempt and time to settle it, unless set."""
        return timedelta(seconds=self.lease_seconds or 1.5 * self.deadline_seconds + LEASE_MARGIN_SECONDS)


class Dispatcher:
    """Delivers what is due in one database.

    `on_settled` hears of each recorded attempt, `on_fenced` of each whose lease had passed to somebody else,
    `on_deactivated` of each webhook that is switched off, with the reason.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        settings: DeliverySettings | None = None,
        *,
        clock: Clock = system_clock,
        on_settled: Callable[[Settlement], None] = lambda settlement: None,
        on_fenced: Callable[[Settlement], None] = lambda settlement: None,
        on_deactivated: Callable[[str, str], None] = lambda webhook_id, reason: None,
    ) -> None:
        self._database = database
        self._keys = keys
        self._settings = settings or DeliverySettings()
        self._clock = clock
        self._on_settled = on_settled
        self._on_fenced = on_fenced
        self._on_deactivated = on_deactivated
        self._woken = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Something may be due: look at once. Call from the event loop's thread."""
        self._woken.set()

    def stop(self) -> None:
        """Ends `run` after the batch in flight."""
        self._stopping = True
        self._woken.set()

    async def run(self, on_idle: Callable[[datetime | None], None]) -> None:
        """Delivers until stopped. When nothing is due, `on_idle` hears when the next delivery will be."""
        async with self._client() as client:
            while not self._stopping:
                self._woken.clear()
                if await self._batch(client) == 0:
                    on_idle(await asyncio.to_thread(self.next_due))
                    await self._woken.wait()

    async def deliver(self, delivery: NewDelivery) -> None:
        """Keeps a delivery and makes its one attempt at once, whether its webhook is active or not; never retried."""
        claim, webhook = await asyncio.to_thread(self._keep_and_claim, delivery)
        async with self._client() as client:
            await self._deliver(client, claim, webhook, is_only_attempt=True)

    def _keep_and_claim(self, delivery: NewDelivery) -> tuple[Claim, Webhook]:
        now = self._clock()
        with self._database.write() as connection:
            webhook = find_webhook(connection, delivery.webhook_id)
            if webhook is None:
                raise LookupError(f"there is no webhook {delivery.webhook_id!r}")
            outbox.enqueue(connection, [delivery], now)
            claim = outbox.claim_one(connection, delivery.id, now, now + self._settings.lease)
        assert claim is not None  # noqa: S101  nobody else has seen it yet
        return claim, webhook

    async def drain(self) -> int:
        """Delivers until nothing is due now; retries that are due later stay. Returns the number of attempts.

        Waits for what another dispatcher has leased, and takes it over if that one has died.
        """
        attempts = 0
        async with self._client() as client:
            while True:
                count = await self._batch(client)
                attempts += count
                if count == 0:
                    if not await asyncio.to_thread(self._is_leased_elsewhere):
                        return attempts
                    await asyncio.sleep(LEASE_POLL_SECONDS)

    def next_due(self) -> datetime | None:
        with self._database.read() as connection:
            return outbox.next_due(connection)

    def _is_leased_elsewhere(self) -> bool:
        with self._database.read() as connection:
            return outbox.has_leases(connection, self._clock())

    def _client(self) -> aiohttp.ClientSession:
        return open_client(self._settings.guard, self._settings.in_flight, self._settings.deadline_seconds)

    async def _batch(self, client: aiohttp.ClientSession) -> int:
        claims, webhooks = await asyncio.to_thread(self._claim)
        await asyncio.gather(*(self._deliver(client, claim, webhooks[claim.webhook_id]) for claim in claims))
        return len(claims)

    def _claim(self) -> tuple[list[Claim], dict[str, Webhook]]:
        now = self._clock()
        with self._database.write() as connection:
            claims = outbox.claim(connection, now, now + self._settings.lease, self._settings.in_flight)
            found = (find_webhook(connection, webhook_id) for webhook_id in {claim.webhook_id for claim in claims})
            return claims, {webhook.id: webhook for webhook in found if webhook is not None}

    async def _deliver(
        self, client: aiohttp.ClientSession, claim: Claim, webhook: Webhook, *, is_only_attempt: bool = False
    ) -> None:
        """One attempt and its settling; no transaction is open while the request is."""
        started_at, begun = self._clock(), time.monotonic()
        try:
            answer = await self._send(client, claim, webhook, started_at)
        except Exception as error:  # noqa: BLE001  one delivery that cannot be made must not stop the others
            answer = Answer(Outcome.NOT_SENT, error=describe(error))
        verdict = judge(
            answer.outcome,
            answer.http_status,
            claim.attempt,
            retry_client_errors=webhook.retry_client_errors,
            retry_after=answer.retry_after,
        )
        if is_only_attempt and verdict.next == Next.RETRY:
            verdict = Verdict(Next.FAILED)
        settlement = Settlement(
            claim,
            _STATES[verdict.next],
            started_at,
            round((time.monotonic() - begun) * 1000),
            answer.outcome,
            answer.http_status,
            answer.error,
            answer.body,
            None if verdict.delay is None else self._clock() + verdict.delay,
            verdict.deactivate_webhook,
            "the endpoint answered 410 Gone" if verdict.deactivate_webhook else None,
        )
        recorded = await asyncio.to_thread(self._settle, settlement)
        (self._on_settled if recorded else self._on_fenced)(settlement)

    async def _send(
        self, client: aiohttp.ClientSession, claim: Claim, webhook: Webhook, started_at: datetime
    ) -> Answer:
        body = with_retry_count(claim.body, claim.attempts)
        headers = {
            **webhook.headers,
            "Content-Type": "application/json",
            "User-Agent": "chainbell",
            **signed_headers(
                self._secrets(webhook, started_at),
                message_id=claim.id,
                subscription_id=webhook.id,
                event=claim.event,
                timestamp=int(started_at.timestamp()),
                body=body,
                prefix=self._settings.header_prefix,
            ),
        }
        return await post(client, self._settings.guard, webhook.url, headers, body)

    def _secrets(self, webhook: Webhook, now: datetime) -> list[str]:
        """The current secret, and the previous one while it is being rotated out."""
        secrets = [self._keys.open(webhook.sealed_secret)]
        if webhook.sealed_previous_secret and webhook.previous_until and now < webhook.previous_until:
            secrets.append(self._keys.open(webhook.sealed_previous_secret))
        return secrets

    def _settle(self, settlement: Settlement) -> bool:
        """Records an attempt; an endpoint that has failed everything for too long is switched off with it."""
        since = settlement.started_at - self._settings.give_up_after
        with self._database.write() as connection:
            recorded = outbox.settle(connection, settlement)
            if recorded and settlement.state == outbox.FAILED:
                days = self._settings.give_up_after / timedelta(days=1)
                reason = f"everything sent to the endpoint has failed for {days:g} days"
                gone = outbox.deactivate_failing(connection, settlement.claim.webhook_id, since, reason)
            else:
                gone = False
        if recorded and (gone or settlement.deactivate_webhook):
            self._on_deactivated(settlement.claim.webhook_id, reason if gone else str(settlement.deactivation))
        return recorded
