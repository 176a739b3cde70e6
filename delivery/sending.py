"""Sending one delivery: it is signed, posted and judged. The result is a settlement; no database is touched here."""

import asyncio
import time
from datetime import datetime
from functools import lru_cache

import aiohttp

from chainbell.delivery.attempt import Answer, describe, open_client, post
from chainbell.delivery.envelope import with_retry_count
from chainbell.delivery.retry import OURS, Next, Outcome, is_struggling, judge
from chainbell.delivery.settings import Clock, DeliverySettings
from chainbell.delivery.signature import signed_headers
from chainbell.storage import Claim, DeliveryState, KeyRing, Settlement, Webhook

_STATES = {
    Next.DELIVERED: DeliveryState.DELIVERED,
    Next.RETRY: DeliveryState.PENDING,
    Next.FAILED: DeliveryState.FAILED,
}


class Sender:
    """Makes attempts with these settings and this clock; the key ring opens the webhooks' secrets."""

    def __init__(self, keys: KeyRing, settings: DeliverySettings, clock: Clock) -> None:
        self._opened = lru_cache(maxsize=4096)(keys.open)  # unsealing costs as much as ten signatures
        self._settings = settings
        self._clock = clock

    def open_client(self) -> aiohttp.ClientSession:
        """An HTTP client with the guard, limit and deadline of the settings; call it in a running event loop."""
        return open_client(self._settings.guard, self._settings.in_flight, self._settings.deadline_seconds)

    async def send(
        self, client: aiohttp.ClientSession, claim: Claim, webhook: Webhook
    ) -> tuple[Settlement, bool | None]:
        """Makes one attempt; returns its settlement and whether the endpoint did well, None if that does not show.

        No transaction is open during the request. An attempt that cannot be made or is cancelled does not raise: it is
        settled, too.
        """
        started_at, begun = self._clock(), time.monotonic()
        try:
            answer = await self._post(client, claim, webhook, started_at)
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
            duration_ms=round((time.monotonic() - begun) * 1000),
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

    async def _post(
        self, client: aiohttp.ClientSession, claim: Claim, webhook: Webhook, started_at: datetime
    ) -> Answer:
        body = with_retry_count(claim.body, claim.attempts)
        headers = {
            **webhook.open_headers,
            **{name: self._opened(value) for name, value in webhook.sealed_headers.items()},
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
        return await post(client, self._settings.guard, webhook.url, headers, body, webhook.ca_certificates)

    def _secrets(self, webhook: Webhook, now: datetime) -> list[str]:
        """The current secret, and the previous one while it is being rotated out."""
        sealed = [webhook.sealed_secret]
        if webhook.sealed_previous_secret and webhook.previous_until and now < webhook.previous_until:
            sealed.append(webhook.sealed_previous_secret)
        return [self._opened(one) for one in sealed]
