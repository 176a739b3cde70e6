"""Sending one delivery: it is signed, posted and judged. The result is a settlement; no database is touched here."""

import asyncio
from datetime import datetime
from functools import lru_cache
from typing import Self

from aiohttp.helpers import is_ip_address

from chainbell.delivery.attempt import Answer, Request, checked_url, describe, outcome_of
from chainbell.delivery.clients import open_client
from chainbell.delivery.envelope import with_retry_count
from chainbell.delivery.guard import RefusedEndpointError
from chainbell.delivery.retry import OURS, Next, Outcome, is_struggling, judge
from chainbell.delivery.settings import Clock, DeliverySettings
from chainbell.delivery.signature import signed_headers
from chainbell.storage import Claim, DeliveryState, KeyRing, Settlement, Webhook

_STATES = {
    Next.DELIVERED: DeliveryState.DELIVERED,
    Next.RETRY: DeliveryState.PENDING,
    Next.FAILED: DeliveryState.FAILED,
}
OWN_HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": "chainbell",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
}
"""What every request says; answers are kept as they come, so none is asked for in a compressed form."""


class Sender:
    """Makes attempts with these settings and this clock; the key ring opens the webhooks' secrets. An asynchronous
    context: its HTTP client lives in the running event loop."""

    def __init__(self, keys: KeyRing, settings: DeliverySettings, clock: Clock) -> None:
        self._name_in = lru_cache(maxsize=4096)(self._find_name_in)
        self._opened = lru_cache(maxsize=4096)(keys.open)  # unsealing costs as much as ten signatures
        self._settings = settings
        self._clock = clock
        self._time = asyncio.get_running_loop().time
        self._client = open_client(settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    def is_ready(self, webhook: Webhook) -> bool:
        """Whether an attempt need not wait for the endpoint's name: it is at hand, or an address, or refused."""
        name = self._name_in(webhook.url)
        return name is None or self._settings.names.is_at_hand(name)

    def _find_name_in(self, url: str) -> str | None:
        """The name that must be looked up for this endpoint, if any."""
        try:
            host = checked_url(url, self._settings.guard).raw_host
        except RefusedEndpointError:
            return None
        return None if host is None or is_ip_address(host) else host

    async def look_up(self, webhook: Webhook) -> None:
        """Looks the endpoint's name up, within the deadline; raises OSError where it is not found."""
        if (name := self._name_in(webhook.url)) is None:
            return
        try:
            async with asyncio.timeout(self._settings.deadline_seconds):
                await self._settings.names.find(name)
        except TimeoutError:
            raise self._settings.names.late_error(name) from None

    async def send_alone(self, claim: Claim, webhook: Webhook) -> Settlement:
        """Looks the name up if need be, makes one attempt, and returns its settlement."""
        begun, failed = self._time(), None
        try:
            await self.look_up(webhook)
        except OSError as error:
            failed = error
        settlement, _ = await self.send(claim, webhook, begun, failed)
        return settlement

    async def send(
        self, claim: Claim, webhook: Webhook, begun: float | None = None, failed: Exception | None = None
    ) -> tuple[Settlement, bool | None]:
        """Makes one attempt; returns its settlement and whether the endpoint did well, None if that does not show.

        `begun` is when its name began to be looked up (the loop's time): the deadline counts from there. `failed` is
        why it was not found; then nothing is sent. No transaction is open during the request. An attempt that cannot
        be made or is cancelled does not raise: it is settled, too.
        """
        now = self._time()
        begun = now if begun is None else begun
        started_at = self._clock()
        try:
            if failed is not None:
                answer = Answer(outcome_of(failed), error=describe(failed))
            else:
                left = self._settings.deadline_seconds - (now - begun)
                answer = await self._post(claim, webhook, started_at, left)
        except asyncio.CancelledError:
            answer = Answer(Outcome.INTERRUPTED, error="the dispatcher was stopped")
        except Exception as error:  # noqa: BLE001  one delivery that cannot be made must not stop the others
            answer = Answer(Outcome.NOT_SENT, error=describe(error))
        verdict = judge(
            answer.outcome,
            answer.http_status,
            claim.attempt,
            retry_client_errors=webhook.retry_client_errors,
            retry_after=answer.retry_after,
        )
        settlement = Settlement(
            claim=claim,
            state=_STATES[verdict.next],
            started_at=started_at,
            duration_ms=round((self._time() - begun) * 1000),
            outcome=answer.outcome,
            is_ours=answer.outcome in OURS,
            http_status=answer.http_status,
            error=answer.error,
            response=answer.body,
            next_attempt_at=None if verdict.delay is None else self._clock() + verdict.delay,
            deactivate_webhook=verdict.deactivate_webhook,
            deactivation="the endpoint answered 410 Gone" if verdict.deactivate_webhook else None,
        )
        if verdict.next == Next.DELIVERED:
            return settlement, True
        return settlement, False if is_struggling(answer.outcome, answer.http_status) else None

    async def _post(self, claim: Claim, webhook: Webhook, started_at: datetime, seconds: float) -> Answer:
        body = with_retry_count(claim.body, claim.attempts)
        constant = {
            **webhook.open_headers,
            **{name: self._opened(value) for name, value in webhook.sealed_headers.items()},
            **OWN_HEADERS,
        }
        headers = signed_headers(
            self._secrets(webhook, started_at),
            message_id=claim.id,
            subscription_id=webhook.id,
            event=claim.event,
            timestamp=int(started_at.timestamp()),
            body=body,
            prefix=self._settings.header_prefix,
        )
        return await self._client.post(Request(webhook.url, constant, headers, body, webhook.ca_certificates), seconds)

    def _secrets(self, webhook: Webhook, now: datetime) -> list[str]:
        """The current secret, and the previous one while it is being rotated out."""
        sealed = [webhook.sealed_secret]
        if webhook.sealed_previous_secret and webhook.previous_until and now < webhook.previous_until:
            sealed.append(webhook.sealed_previous_secret)
        return [self._opened(one) for one in sealed]
