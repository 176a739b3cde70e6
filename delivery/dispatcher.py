"""The dispatcher claims what is due, attempts it over HTTP, and settles the result. The database says what is due.

Nothing here keeps time or a queue of its own: `drain` delivers all that is due; `run` waits for `wake()` in between and
reports through `on_idle` when something will next be due. `loop.py` has the loop, `sending.py` makes the attempt,
`ledger.py` talks to the database.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from chainbell.delivery.interfaces import Listeners
from chainbell.delivery.ledger import Ledger, Wanted
from chainbell.delivery.ledger_thread import LedgerThread
from chainbell.delivery.loop import DeliveryLoop
from chainbell.delivery.sending import Sender
from chainbell.delivery.settings import Clock, DeliverySettings, system_clock
from chainbell.delivery.slots import Slots
from chainbell.storage import Attempt, Database, DeliveryState, KeyRing, NewDelivery, Settlement


class Dispatcher:
    """Delivers what is due in one database, for one `run` or `drain` at a time.

    `on_settled` is called with the attempts that are recorded together, `on_fenced` with each whose lease has passed to
    another dispatcher, `on_deactivated` with the id of each webhook that is switched off and the reason, `on_error` for
    a database that does not answer, for a fan-out that cannot be written, and for an attempt that cannot be recorded:
    its lease ends, and it is made again.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        settings: DeliverySettings | None = None,
        *,
        clock: Clock = system_clock,
        on_settled: Callable[[Sequence[Settlement]], None] = lambda settlements: None,
        on_fenced: Callable[[Settlement], None] = lambda settlement: None,
        on_deactivated: Callable[[str, str], None] = lambda webhook_id, reason: None,
        on_error: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        self._settings = settings or DeliverySettings()
        self._keys = keys
        self._clock = clock
        self._ledger = Ledger(database, self._settings, clock, on_error)
        self._listeners = Listeners(on_settled, on_fenced, on_deactivated, on_error)
        self._loop: DeliveryLoop | None = None
        self._grace_seconds: float | None = None

    @property
    def last_claim(self) -> float | None:
        """When `run` last claimed what is due, by the event loop's clock; None while it is not running."""
        return None if self._loop is None else self._loop.last_claim

    @property
    def in_flight(self) -> int:
        """The number of attempts that are being made."""
        return 0 if self._loop is None else self._loop.in_flight

    def wake(self) -> None:
        """Makes `run` look for due deliveries at once. Call it from the event loop's thread."""
        if self._loop is not None:
            self._loop.wake()

    def stop(self, grace_seconds: float | None = None) -> None:
        """Ends `run`: nothing more begins, and what waits is given back to other dispatchers at once.

        Attempts in flight have `grace_seconds` (the deadline, unless given) to end; then they are cancelled, recorded
        as interrupted, and made again later.
        """
        self._grace_seconds = self._settings.deadline_seconds if grace_seconds is None else grace_seconds
        if self._loop is not None:
            self._loop.stop(self._grace_seconds)

    async def run(self, on_idle: Callable[[datetime | None], None]) -> None:
        """Delivers until stopped, also through times without a database.

        When nothing is due, `on_idle` is called with the instant at which the next delivery will be, or None.
        """
        async with self._working() as loop:
            if self._grace_seconds is not None:  # stopped before it began
                loop.stop(self._grace_seconds)
            await loop.run(on_idle)

    async def drain(self) -> int:
        """Delivers until nothing is due now; retries due later stay. Returns how many attempts were recorded.

        Waits for what another dispatcher has leased, and takes it over if that dispatcher has died.
        """
        async with self._working() as loop:
            return await loop.drain()

    async def deliver(self, delivery: NewDelivery) -> Attempt:
        """Writes a delivery and makes its only attempt at once, even for an inactive webhook; LookupError if gone."""
        claim, webhook = await asyncio.to_thread(self._ledger.keep_and_claim, delivery)
        async with Sender(self._keys, self._settings, self._clock) as sender:
            settlement = await sender.send_alone(claim, webhook)
        if settlement.state is DeliveryState.PENDING:
            settlement = replace(settlement, state=DeliveryState.FAILED, next_attempt_at=None)
        (result,), _, _ = await asyncio.to_thread(self._ledger.exchange, [settlement], Wanted())
        if result.is_recorded:
            self._listeners.on_settled([settlement])
        else:
            self._listeners.on_fenced(settlement)
        if result.deactivation is not None:
            self._listeners.on_deactivated(claim.webhook_id, result.deactivation)
        return settlement.attempt

    def next_due(self) -> datetime | None:
        """When the next delivery is due, or its lease ends (UTC); None if none is pending. Blocks on the database."""
        return self._ledger.next_due()

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[DeliveryLoop]:
        """A loop over an HTTP client and a thread for the database."""
        settings = self._settings
        async with Sender(self._keys, settings, self._clock) as sender:
            with LedgerThread(self._ledger) as ledger:
                slots = Slots(settings.in_flight, settings.per_webhook)
                self._loop = DeliveryLoop(ledger, sender, slots, self._listeners, slack_seconds=settings.slack_seconds)
                try:
                    yield self._loop
                finally:
                    self._loop = None
