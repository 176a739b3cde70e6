"""The dispatcher claims what is due, attempts it over HTTP, and settles the result. The database says what is due.

Nothing here keeps time or a queue of its own: `drain` delivers all that is due; `run` waits for `wake()` in between and
reports through `on_idle` when something will next be due. `slots.py` decides who begins next, `sending.py` makes the
attempt, `ledger.py` talks to the database: one exchange records what has ended and claims what there is room for.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import aiohttp

from chainbell.delivery.ledger import Ledger, Result, Wanted, with_newest_fences
from chainbell.delivery.sending import Sender
from chainbell.delivery.settings import Clock, DeliverySettings, system_clock
from chainbell.delivery.slots import Held, Slots
from chainbell.storage import Attempt, Database, DeliveryState, KeyRing, NewDelivery, Settlement, Webhook, is_passing

GATHER_SECONDS = 0.1
"""How long attempts that have ended wait at most to be recorded together with others."""
LEASE_POLL_SECONDS = 0.2
"""How often `drain` checks whether other dispatchers' leases have ended."""
DATABASE_PAUSE_SECONDS = 0.5
"""How long `run` waits before it tries again a database that has gone away."""
Answered = TypeVar("Answered")


class Dispatcher:
    """Delivers what is due in one database; make it inside a running event loop, for one `run` or `drain` at a time.

    `on_settled` is called with the attempts that are recorded together, `on_fenced` with each whose lease has passed to
    another dispatcher, `on_deactivated` with the id of each webhook that is switched off and the reason, `on_error` for
    a database that does not answer and for an attempt that cannot be recorded: its lease ends, and it is made again.
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
        self._sender = Sender(keys, self._settings, clock)
        self._ledger = Ledger(database, self._settings, clock)
        self._slots = Slots(self._settings.in_flight, self._settings.per_webhook)
        self._on_settled = on_settled
        self._on_fenced = on_fenced
        self._on_deactivated = on_deactivated
        self._on_error = on_error
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: list[Settlement] = []
        self._news = asyncio.Event()
        self._stopping = False
        self._is_closing = False
        self.last_claim: float | None = None
        """When `run` last claimed what is due (`time.monotonic`), as it does whenever woken; None while not running."""
        self._grace_seconds = self._settings.deadline_seconds

    @property
    def in_flight(self) -> int:
        """The number of attempts that are being made."""
        return self._slots.in_flight

    def wake(self) -> None:
        """Makes `run` look for due deliveries at once. Call it from the event loop's thread."""
        self._news.set()

    def stop(self, grace_seconds: float | None = None) -> None:
        """Ends `run`: nothing more begins, and what waits is given back to other dispatchers at once.

        Attempts in flight have `grace_seconds` (the deadline, unless given) to end; then they are cancelled, recorded
        as interrupted, and made again later.
        """
        if grace_seconds is not None:
            self._grace_seconds = grace_seconds
        self._stopping = True
        self._news.set()

    async def run(self, on_idle: Callable[[datetime | None], None]) -> None:
        """Delivers until stopped, also through times without a database.

        When nothing is due, `on_idle` is called with the instant at which the next delivery will be, or None.
        """
        self.last_claim = time.monotonic()
        async with self._working() as (client, thread):
            while not self._stopping:
                self._news.clear()
                try:
                    await self._exchange(client, thread)
                    self.last_claim = time.monotonic()
                    if self._is_idle():
                        on_idle(await thread(self._ledger.next_due))
                except Exception as error:
                    if not is_passing(error):
                        raise
                    self._on_error(error)
                    await asyncio.sleep(DATABASE_PAUSE_SECONDS)
                    continue
                await self._news.wait()
            await self._finish(client, thread)
        self.last_claim = None

    async def drain(self) -> int:
        """Delivers until nothing is due now; retries due later stay. Returns how many attempts were recorded.

        Waits for what another dispatcher has leased, and takes it over if that dispatcher has died.
        """
        attempts = 0
        async with self._working() as (client, thread):
            while True:
                self._news.clear()
                attempts += await self._exchange(client, thread)
                if not self._is_idle():
                    await self._news.wait()
                elif await thread(self._ledger.is_leased_elsewhere):
                    await asyncio.sleep(LEASE_POLL_SECONDS)
                else:
                    return attempts

    async def deliver(self, delivery: NewDelivery) -> Attempt:
        """Writes a delivery and makes its only attempt at once, even for an inactive webhook; LookupError if gone."""
        claim, webhook = await asyncio.to_thread(self._ledger.keep_and_claim, delivery)
        async with self._sender.open_client() as client:
            settlement, _ = await self._sender.send(client, claim, webhook)
        if settlement.state is DeliveryState.PENDING:
            settlement = replace(settlement, state=DeliveryState.FAILED, next_attempt_at=None)
        results, _, _ = await asyncio.to_thread(self._ledger.exchange, [settlement], Wanted())
        self._tell([settlement], results)
        return settlement.attempt

    def next_due(self) -> datetime | None:
        """When the next delivery is due, or its lease ends (UTC); None if none is pending. Blocks on the database."""
        return self._ledger.next_due()

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[tuple[aiohttp.ClientSession, "_Thread"]]:
        """A client, a thread for the database, and the heartbeat of the leases."""
        async with self._sender.open_client() as client:
            with ThreadPoolExecutor(1, "chainbell-ledger") as pool:
                thread = _Thread(pool)
                beating = asyncio.create_task(self._heartbeat(thread))
                self._is_closing = False
                try:
                    yield client, thread
                finally:
                    self._is_closing = True
                    beating.cancel()
                    for task in self._tasks:
                        task.cancel()
                    await asyncio.gather(beating, *self._tasks, return_exceptions=True)

    def _is_idle(self) -> bool:
        return not self._slots and not self._ended

    async def _exchange(self, client: aiohttp.ClientSession, thread: "_Thread") -> int:
        """Records what has ended, claims what there is room for, begins it; returns how many attempts were recorded."""
        slots = self._slots
        ended, self._ended = self._ended, []
        wanted = Wanted(held=slots.held_by_webhook())
        if slots.room > 0 and not self._stopping:
            wanted = Wanted(slots.room, slots.room_of_one, slots.rooms(), wanted.held)
        elif not ended:
            return 0
        leased_at = time.monotonic()
        try:
            results, claims, webhooks = await thread(self._ledger.exchange, ended, wanted)
        except Exception as error:
            if is_passing(error) or not ended:
                self._ended = ended + self._ended  # recorded once the database is back
                raise
            results, claims, webhooks = await thread(self._each, ended), [], None
        self._ended, claims = with_newest_fences(self._ended, claims)
        slots.add(claims, webhooks or {}, leased_at + self._settings.slack_seconds)
        if webhooks is not None and (dropped := slots.refresh(webhooks)):
            await thread(self._ledger.give_back, dropped)
        self._begin(client)
        self._tell(ended, results)
        return sum(result.is_recorded for result in results)

    def _each(self, ended: list[Settlement]) -> list[Result]:
        """Records attempts one by one, so that one that cannot be recorded does not keep the others from it."""
        results = []
        for settlement in ended:
            try:
                results += self._ledger.exchange([settlement], Wanted())[0]
            except Exception as error:  # noqa: BLE001  whatever it was, the attempt counts
                self._on_error(error)
                results.append(self._without_words(settlement))
        return results

    def _without_words(self, settlement: Settlement) -> Result:
        """Records an attempt without what the endpoint said: otherwise it would be made again for ever."""
        try:
            return self._ledger.exchange([replace(settlement, error="cannot be kept", response=None)], Wanted())[0][0]
        except Exception as error:  # noqa: BLE001  its lease ends, and it is claimed again
            self._on_error(error)
            return Result(is_recorded=False)

    def _tell(self, settlements: list[Settlement], results: list[Result]) -> None:
        told = list(zip(settlements, results, strict=True))
        self._on_settled([settlement for settlement, result in told if result.is_recorded])
        for settlement, result in told:
            if not result.is_recorded:
                self._on_fenced(settlement)
            if result.deactivation is not None:
                self._on_deactivated(settlement.claim.webhook_id, result.deactivation)

    def _begin(self, client: aiohttp.ClientSession) -> None:
        while (begun := self._next()) is not None:
            task = asyncio.create_task(self._deliver(client, *begun))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next(self) -> tuple[Held, Webhook] | None:
        """The attempt that begins next; None once the dispatcher is stopping."""
        return None if self._stopping or self._is_closing else self._slots.begin(time.monotonic())

    async def _deliver(self, client: aiohttp.ClientSession, held: Held, webhook: Webhook) -> None:
        """Makes one attempt and then, in its place, the next, as long as there is one."""
        begun: tuple[Held, Webhook] | None = (held, webhook)
        while begun is not None:
            held, webhook = begun
            settlement, went_well = await self._sender.send(client, held.claim, webhook)
            if held.claim.fence != settlement.claim.fence:  # leased to ourselves again, after the clock jumped
                settlement = replace(settlement, claim=held.claim)
            self._slots.end(held, went_well)
            begun = self._next()
            self._begin(client)  # a limit that has risen has room for more than the one in this place
            self._record(settlement)

    def _record(self, settlement: Settlement) -> None:
        """Keeps a settlement to be recorded together with others, until half of what was held has ended."""
        self._ended.append(settlement)
        if len(self._ended) == 1:
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self._news.set)
        if len(self._ended) >= len(self._slots):
            self._news.set()

    async def _finish(self, client: aiohttp.ClientSession, thread: "_Thread") -> None:
        """Gives back what waits, lets what is in flight end, cancels what does not in time, and records it all."""
        waiting = self._slots.drop_waiting()
        if waiting:
            with suppress(Exception):  # their leases end by themselves
                await thread(self._ledger.give_back, waiting)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._grace_seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        try:
            await self._exchange(client, thread)
        except Exception as error:  # noqa: BLE001  what could not be recorded is made again
            self._on_error(error)

    async def _heartbeat(self, thread: "_Thread") -> None:
        """Renews the leases of what is held for long, and checks whether its webhooks are still active."""
        while True:
            interval = self._settings.slack_seconds / 3
            await asyncio.sleep(interval)
            slots = self._slots
            if not slots:
                continue
            leased_at = time.monotonic()
            claims = slots.to_renew(leased_at + 2 * interval)
            try:
                ours, webhooks = await thread(self._ledger.renew, claims, list(slots.held_by_webhook()))
                slots.renewed(claims, ours, leased_at + self._settings.slack_seconds)
                if dropped := slots.refresh(webhooks):
                    await thread(self._ledger.give_back, dropped)
                self._news.set()
            except Exception as error:  # noqa: BLE001  the leases last a while; the next beat comes before they end
                self._on_error(error)


class _Thread:
    """Runs functions in the one thread that talks to the database, in order, and awaits them."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    async def __call__(self, function: Callable[..., Answered], *arguments: Any) -> Answered:
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(function, *arguments))
