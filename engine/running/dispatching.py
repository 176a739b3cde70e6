"""APScheduler wakes the dispatcher; the database says what is due.

Whenever the dispatcher becomes idle, one wake-up job is moved to the next due time. A commit in the same process wakes
it at once; on PostgreSQL, so does a commit in another process. A slow interval finds what was not announced.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from chainbell.delivery import Dispatcher
from chainbell.engine.engine import Engine
from chainbell.engine.logs import log
from chainbell.engine.running.housekeeping import Housekeeping, schedule
from chainbell.storage.notifications import Listener

LOOK_AGAIN_SECONDS = 1.0
"""How soon commits of other processes are noticed on SQLite; on PostgreSQL they send a notification."""


async def run_dispatcher(
    engine: Engine, dispatcher: Dispatcher, stop: asyncio.Event, housekeeping: Housekeeping | None = None
) -> None:
    """Delivers until `stop` is set, and runs housekeeping on schedule; attempts in flight finish first."""
    loop = asyncio.get_running_loop()
    scheduler = AsyncIOScheduler(timezone=UTC)

    async def wake() -> None:
        dispatcher.wake()

    def on_idle(due: datetime | None) -> None:
        if due is None:
            if scheduler.get_job("due"):
                scheduler.remove_job("due")
            return
        run_date = datetime.now(UTC) + max(timedelta(), due - engine.now())  # due by the engine's clock
        scheduler.add_job(wake, "date", run_date=run_date, id="due", replace_existing=True, misfire_grace_time=None)

    def nudge(_engine: Engine) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(dispatcher.wake)

    scheduler.add_job(wake, "interval", seconds=LOOK_AGAIN_SECONDS, id="look", coalesce=True, misfire_grace_time=None)
    if housekeeping is not None:
        schedule(scheduler, engine, housekeeping)
    listener = Listener(engine.database, lambda: nudge(engine))
    scheduler.start()
    listener.start()
    engine.enqueued.connect(nudge)
    log.info("chainbell.dispatching")
    running = asyncio.create_task(dispatcher.run(on_idle))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        dispatcher.stop()
        await running
    finally:
        stopping.cancel()
        engine.enqueued.disconnect(nudge)
        await asyncio.to_thread(listener.stop)
        scheduler.shutdown(wait=False)
