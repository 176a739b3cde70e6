"""The dispatcher's loop: claim what is due, attempt it, record what has ended. Over a ledger and attempts of any kind.

Time is the event loop's own, so a simulation runs this very code under a clock, a network and a database that it makes
up. `slots.py` decides who begins next; one exchange with the ledger records what has ended and claims what there is
room for.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from chainbell.delivery.interfaces import Attempts, Bookkeeping, Listeners
from chainbell.delivery.ledger import Result, Wanted, with_newest_fences
from chainbell.delivery.names import SLOW_SECONDS
from chainbell.delivery.slots import Held, Slots
from chainbell.storage import ConflictError, Settlement, StorageError, Webhook, is_passing

GATHER_SECONDS = 0.1
"""How long attempts that have ended wait at most to be recorded together with others."""
LEASE_POLL_SECONDS = 0.2
"""How often `drain` checks whether other dispatchers' leases have ended."""
DATABASE_PAUSE_SECONDS = 0.5
"""How long `run` waits before it tries again a database that has gone away."""


class DeliveryLoop:
    """Delivers what is due, for one `run` or `drain`. A claim may wait `slack_seconds` for its attempt to begin."""

    def __init__(
        self,
        ledger: Bookkeeping,
        attempts: Attempts,
        slots: Slots,
        listeners: Listeners,
        *,
        slack_seconds: float,
    ) -> None:
        self._ledger = ledger
        self._attempts = attempts
        self._slots = slots
        self._listeners = listeners
        self._slack_seconds = slack_seconds
        self._time = asyncio.get_running_loop().time
        self._tasks: set[asyncio.Task[None]] = set()
        self._aside: set[asyncio.Task[None]] = set()
        self._ended: list[Settlement] = []
        self._news = asyncio.Event()
        self._stopping = False
        self._is_closing = False
        self._grace_seconds = 0.0
        self.last_claim: float | None = None
        """When `run` last claimed what is due, by the event loop's clock, as it does whenever woken; else None."""

    @property
    def in_flight(self) -> int:
        """The number of attempts that are being made."""
        return self._slots.in_flight

    def wake(self) -> None:
        """Makes `run` look for due deliveries at once."""
        self._news.set()

    def stop(self, grace_seconds: float) -> None:
        """Ends `run`; attempts in flight have so long to end."""
        self._grace_seconds = grace_seconds
        self._stopping = True
        self._news.set()

    async def run(self, on_idle: Callable[[datetime | None], None]) -> None:
        """See `Dispatcher.run`."""
        beating = asyncio.create_task(self._heartbeat())
        self.last_claim = self._time()
        try:
            while not self._stopping:
                self._news.clear()
                try:
                    await self._exchange()
                    self.last_claim = self._time()
                    if self._is_idle():
                        on_idle(await self._ledger.next_due())
                except (StorageError, ConflictError) as error:
                    self._listeners.on_error(error)
                    await asyncio.sleep(DATABASE_PAUSE_SECONDS)
                    continue
                await self._news.wait()
            await self._finish()
        finally:
            await self._close(beating)

    async def drain(self) -> int:
        """See `Dispatcher.drain`."""
        attempts = 0
        beating = asyncio.create_task(self._heartbeat())
        try:
            while True:
                self._news.clear()
                attempts += await self._exchange()
                if not self._is_idle():
                    await self._news.wait()
                elif await self._ledger.is_anything_due():
                    await asyncio.sleep(LEASE_POLL_SECONDS)
                else:
                    return attempts
        finally:
            await self._close(beating)

    async def _close(self, beating: "asyncio.Task[None]") -> None:
        self._is_closing = True
        tasks = [beating, *self._tasks, *self._aside]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_idle(self) -> bool:
        return not self._slots and not self._ended

    async def _exchange(self) -> int:
        """Records what has ended, claims what there is room for, begins it; returns how many attempts were recorded."""
        slots = self._slots
        ended, self._ended = self._ended, []
        wanted = Wanted(held=slots.held_by_webhook())
        if slots.room > 0 and not self._stopping:
            wanted = Wanted(slots.room, slots.room_of_one, slots.rooms(), wanted.held)
        elif not ended:
            return 0
        leased_at = self._time()
        try:
            results, claims, webhooks = await self._ledger.exchange(ended, wanted)
        except Exception as error:
            if is_passing(error) or not ended:
                self._ended = ended + self._ended  # recorded once the database is back
                raise
            claims, webhooks = [], None
            ended, results = await self._each(ended)
        self._ended, claims = with_newest_fences(self._ended, claims)
        slots.add(claims, webhooks or {}, leased_at + self._slack_seconds)
        if webhooks is not None and (dropped := slots.refresh(webhooks)):
            await self._ledger.give_back(dropped)
        self._begin()
        self._tell(ended, results)
        return sum(result.is_recorded for result in results)

    async def _each(self, ended: list[Settlement]) -> tuple[list[Settlement], list[Result]]:
        """Records attempts one by one, so that one that cannot be recorded does not keep the others from it. Returns
        those that are done with; while the database is away, the others are kept to be recorded once it is back."""
        done, results = [], []
        for settlement in ended:
            if (result := await self._alone(settlement)) is None:
                self._record(settlement)
            else:
                done.append(settlement)
                results.append(result)
        return done, results

    async def _alone(self, settlement: Settlement) -> Result | None:
        """Records an attempt, if need be without what the endpoint said: otherwise it would be made again for ever.
        None while the database is away."""
        for one in (settlement, replace(settlement, error="cannot be kept", response=None)):
            try:
                return (await self._ledger.exchange([one], Wanted()))[0][0]
            except Exception as error:  # noqa: BLE001  whatever it was, the attempt counts
                self._listeners.on_error(error)
                if is_passing(error):
                    return None
        return Result(is_recorded=False)  # its lease ends, and it is claimed again

    def _tell(self, settlements: list[Settlement], results: list[Result]) -> None:
        told = list(zip(settlements, results, strict=True))
        self._listeners.on_settled([settlement for settlement, result in told if result.is_recorded])
        for settlement, result in told:
            if not result.is_recorded:
                self._listeners.on_fenced(settlement)
            if result.deactivation is not None:
                self._listeners.on_deactivated(settlement.claim.webhook_id, result.deactivation)

    def _begin(self) -> None:
        while (begun := self._next()) is not None:
            self._start(self._tasks, self._deliver(*begun))

    def _start(self, tasks: "set[asyncio.Task[None]]", work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def _next(self) -> tuple[Held, Webhook] | None:
        """The attempt that begins next; None once the dispatcher is stopping. Those whose names are not at hand are set
        aside, and have them looked up."""
        while not (self._stopping or self._is_closing) and (begun := self._slots.begin(self._time())) is not None:
            held, webhook = begun
            if held.begun is not None or self._attempts.is_ready(webhook):
                return begun
            self._slots.set_aside(held, self._time())
            self._start(self._aside, self._look_up(held, webhook))
        return None

    async def _look_up(self, held: Held, webhook: Webhook) -> None:
        """Waits for an endpoint's name, without a slot; the attempt then begins, or fails, in its turn."""
        looking = asyncio.ensure_future(self._attempts.look_up(webhook))
        try:
            await asyncio.wait({looking}, timeout=SLOW_SECONDS)
            is_slow = not looking.done()
            if is_slow and (behind := self._slots.is_slow(held)):
                self._news.set()
                with suppress(Exception):  # their leases end by themselves
                    await self._ledger.give_back(behind)
            await asyncio.wait({looking})
        finally:
            looking.cancel()
        failed = looking.exception()
        self._slots.bring_back(held, is_slow=is_slow, failed=failed if isinstance(failed, Exception) else None)
        self._begin()
        self._news.set()

    async def _deliver(self, held: Held, webhook: Webhook) -> None:
        """Makes one attempt and then, in its place, the next, as long as there is one."""
        begun: tuple[Held, Webhook] | None = (held, webhook)
        while begun is not None:
            held, webhook = begun
            settlement, went_well = await self._attempts.send(held.claim, webhook, held.begun, held.failed)
            if held.claim.fence != settlement.claim.fence:  # leased to ourselves again, after the clock jumped
                settlement = replace(settlement, claim=held.claim)
            self._slots.end(held, went_well)
            begun = self._next()
            self._begin()  # a limit that has risen has room for more than the one in this place
            self._record(settlement)

    def _record(self, settlement: Settlement) -> None:
        """Keeps a settlement to be recorded together with others, until half of what was held has ended."""
        self._ended.append(settlement)
        if len(self._ended) == 1:
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self.wake)
        if len(self._ended) >= len(self._slots):
            self._news.set()

    async def _finish(self) -> None:
        """Gives back what waits, lets what is in flight end, cancels what does not in time, and records it all."""
        waiting = self._slots.drop_waiting()
        if waiting:
            with suppress(Exception):  # their leases end by themselves
                await self._ledger.give_back(waiting)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._grace_seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        try:
            await self._exchange()
        except Exception as error:  # noqa: BLE001  what could not be recorded is made again
            self._listeners.on_error(error)

    async def _heartbeat(self) -> None:
        """Renews the leases of what is held for long, and checks whether its webhooks are still active."""
        while True:
            interval = self._slack_seconds / 3
            await asyncio.sleep(interval)
            slots = self._slots
            if not slots:
                continue
            leased_at = self._time()
            claims = slots.to_renew(leased_at + 2 * interval)
            try:
                ours, webhooks = await self._ledger.renew(claims, list(slots.held_by_webhook()))
                slots.renewed(claims, ours, leased_at + self._slack_seconds)
                if dropped := slots.refresh(webhooks):
                    await self._ledger.give_back(dropped)
                self._news.set()
            except Exception as error:  # noqa: BLE001  the leases last a while; the next beat comes before they end
                self._listeners.on_error(error)
