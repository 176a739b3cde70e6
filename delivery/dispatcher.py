"""The dispatcher: claims what is due, attempts it over HTTP, settles the result. The database says what is due.

Nothing here keeps time or a queue of its own: `drain` delivers all that is due, `run` waits for `wake()` in between and
says through `on_idle` when something will next be due. Places in flight are filled as they become free, at most
`per_webhook` of them by one endpoint, so an endpoint that hangs leaves the others theirs.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache, partial

import aiohttp

from chainbell.delivery.attempt import Answer, describe, open_client, post
from chainbell.delivery.envelope import with_retry_count
from chainbell.delivery.retry import Next, Outcome, Verdict, judge
from chainbell.delivery.settings import Clock, DeliverySettings, system_clock
from chainbell.delivery.signature import signed_headers
from chainbell.storage import Claim, Database, KeyRing, NewDelivery, Settlement, Webhook, outbox
from chainbell.storage.webhooks import find_webhook

REFILL_SECONDS = 0.05
"""How long places in flight may stay free while others are still taken."""
LEASE_POLL_SECONDS = 0.2
"""How often `drain` looks whether the leases of others have ended."""
_STATES = {Next.DELIVERED: outbox.DELIVERED, Next.RETRY: outbox.PENDING, Next.FAILED: outbox.FAILED}


class Dispatcher:
    """Delivers what is due in one database.

    `on_settled` hears of each recorded attempt, `on_fenced` of each whose lease had passed to somebody else,
    `on_deactivated` of each webhook that is switched off, with the reason, `on_error` of an attempt that could not be
    recorded; its lease ends and it is made again.
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
        on_error: Callable[[BaseException | None], None] = lambda error: None,
    ) -> None:
        self._database = database
        self._opened = lru_cache(maxsize=1024)(keys.open)  # unsealing costs as much as signing ten times
        self._settings = settings or DeliverySettings()
        self._clock = clock
        self._on_settled = on_settled
        self._on_fenced = on_fenced
        self._on_deactivated = on_deactivated
        self._on_error = on_error
        self._woken = asyncio.Event()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._busy: Counter[str] = Counter()
        self._ending: list[tuple[Settlement, asyncio.Future[None]]] = []
        self._settling: asyncio.Task[None] | None = None
        self._stopping = False

    def wake(self) -> None:
        """Something may be due: look at once. Call from the event loop's thread."""
        self._woken.set()

    def stop(self) -> None:
        """Ends `run` after the batch in flight."""
        self._stopping = True
        self._woken.set()

    async def run(self, on_idle: Callable[[datetime | None], None]) -> None:
        """Delivers until stopped; what is in flight is finished first. When nothing is due, `on_idle` hears when the
        next delivery will be."""
        async with self._client() as client:
            while not self._stopping:
                self._woken.clear()
                await self._refill(client)
                if not self._in_flight:
                    on_idle(await asyncio.to_thread(self.next_due))
                    await self._woken.wait()
                else:
                    await self._until_some_are_done()
            if self._in_flight:
                await asyncio.wait(self._in_flight)

    async def _refill(self, client: aiohttp.ClientSession) -> int:
        """Claims what there is room for and begins it; the number of attempts begun."""
        room = self._settings.in_flight - len(self._in_flight)
        if room <= 0:
            return 0
        claims, webhooks = await asyncio.to_thread(self._claim, room, dict(self._busy))
        for claim in claims:
            webhook = webhooks[claim.webhook_id]
            self._busy[webhook.id] += 1
            task = asyncio.create_task(self._deliver(client, claim, webhook))
            self._in_flight.add(task)
            task.add_done_callback(partial(self._ended, webhook.id))
        return len(claims)

    def _ended(self, webhook_id: str, task: "asyncio.Task[None]") -> None:
        self._in_flight.discard(task)
        self._busy[webhook_id] -= 1
        if not self._busy[webhook_id]:
            del self._busy[webhook_id]
        if not task.cancelled() and task.exception() is not None:
            self._on_error(task.exception())

    async def _until_some_are_done(self) -> None:
        """Until a quarter of what is in flight has ended, or some have and we are woken or a moment has passed."""
        enough = len(self._in_flight) * 3 // 4
        waking = asyncio.create_task(self._woken.wait())
        try:
            ends = asyncio.get_running_loop().time() + REFILL_SECONDS
            while len(self._in_flight) > enough and not self._woken.is_set():
                left = ends - asyncio.get_running_loop().time()
                if left <= 0:
                    return
                await asyncio.wait({waking, *self._in_flight}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waking.cancel()

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
                attempts += await self._refill(client)
                if self._in_flight:
                    await self._until_some_are_done()
                elif await asyncio.to_thread(self._is_leased_elsewhere):
                    await asyncio.sleep(LEASE_POLL_SECONDS)
                else:
                    return attempts

    def next_due(self) -> datetime | None:
        with self._database.read() as connection:
            return outbox.next_due(connection)

    def _is_leased_elsewhere(self) -> bool:
        with self._database.read() as connection:
            return outbox.has_leases(connection, self._clock())

    def _client(self) -> aiohttp.ClientSession:
        return open_client(self._settings.guard, self._settings.in_flight, self._settings.deadline_seconds)

    def _claim(self, room: int, busy: Mapping[str, int]) -> tuple[list[Claim], dict[str, Webhook]]:
        now = self._clock()
        with self._database.write() as connection:
            claims = outbox.claim(
                connection, now, now + self._settings.lease, room, busy=busy, per_webhook=self._settings.per_webhook
            )
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
        await self._settled(settlement)

    async def _settled(self, settlement: Settlement) -> None:
        """Waits until the attempt is recorded; those that end while a transaction is open share the next one."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ending.append((settlement, done))
        if self._settling is None or self._settling.done():
            self._settling = asyncio.create_task(self._settle_all())
        await done

    async def _settle_all(self) -> None:
        while self._ending:
            batch, self._ending = self._ending, []
            try:
                results = await asyncio.to_thread(self._settle, [settlement for settlement, _ in batch])
            except Exception as error:  # noqa: BLE001  their leases end, and they are claimed again
                for _, done in batch:
                    done.set_exception(error)
                continue
            for (settlement, done), (recorded, deactivation) in zip(batch, results, strict=True):
                (self._on_settled if recorded else self._on_fenced)(settlement)
                if deactivation is not None:
                    self._on_deactivated(settlement.claim.webhook_id, deactivation)
                done.set_result(None)

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
        sealed = [webhook.sealed_secret]
        if webhook.sealed_previous_secret and webhook.previous_until and now < webhook.previous_until:
            sealed.append(webhook.sealed_previous_secret)
        return [self._opened(one) for one in sealed]

    def _settle(self, settlements: list[Settlement]) -> list[tuple[bool, str | None]]:
        """Records attempts in one transaction; of each, whether it was ours to record, and why its webhook is switched
        off with it if it is: gone, or failing everything for too long."""
        days = self._settings.give_up_after / timedelta(days=1)
        reason = f"everything sent to the endpoint has failed for {days:g} days"
        results: list[tuple[bool, str | None]] = []
        with self._database.write() as connection:
            for settlement, recorded in zip(settlements, outbox.settle_all(connection, settlements), strict=True):
                deactivation = settlement.deactivation if recorded and settlement.deactivate_webhook else None
                if recorded and settlement.state == outbox.FAILED and deactivation is None:
                    since = settlement.started_at - self._settings.give_up_after
                    if outbox.deactivate_failing(connection, settlement.claim.webhook_id, since, reason):
                        deactivation = reason
                results.append((recorded, deactivation))
        return results
