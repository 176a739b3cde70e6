"""APScheduler wakes the dispatcher; the database says what is due.

Whenever the dispatcher becomes idle, one wake-up job is moved to the next due time. A commit in the same process wakes
it at once; on PostgreSQL, so does a commit in another process. A slow interval finds what was not announced.
"""

import asyncio
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from chainbell.delivery import Dispatcher
from chainbell.engine.engine import Engine
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.logs import log
from chainbell.engine.running.housekeeping import Housekeeping, schedule
from chainbell.rules import FieldError
from chainbell.storage.notifications import Listener

LOOK_AGAIN_SECONDS = 1.0
"""How soon commits of other processes are noticed where no notification comes: on SQLite, and through a pooler."""
GRACE_SECONDS = 2.5
"""How long attempts in flight have to end once `stop` is set; then they are made again later, by whoever is there."""
LISTEN_DATABASE = "CHAINBELL_LISTEN_DATABASE"
"""The environment variable with the URL at which PostgreSQL itself answers, not a pooler."""


async def run_dispatcher(
    engine: Engine,
    dispatcher: Dispatcher,
    stop: asyncio.Event,
    housekeeping: Housekeeping | None = None,
    *,
    listen_database: str | None = None,
) -> None:
    """Delivers until `stop` is set, and runs housekeeping on schedule; attempts in flight then have `GRACE_SECONDS`.

    `listen_database`, or else CHAINBELL_LISTEN_DATABASE, is the URL at which PostgreSQL itself answers, where the
    engine's goes through a pooler: notifications of other processes come only from there. Without it their deliveries
    are found within a second. Raises InvalidInputError for a URL that cannot be used.
    """
    loop = asyncio.get_running_loop()
    scheduler = AsyncIOScheduler(timezone=UTC)
    direct_url = listen_database or os.environ.get(LISTEN_DATABASE) or None

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

    def on_pooled() -> None:
        log.warning("chainbell.pooler_does_not_notify", setting=LISTEN_DATABASE)

    try:
        listener = Listener(engine.database, lambda: nudge(engine), direct_url=direct_url, on_pooled=on_pooled)
    except FieldError as error:
        raise InvalidInputError(LISTEN_DATABASE, error.reason) from None
    scheduler.add_job(wake, "interval", seconds=LOOK_AGAIN_SECONDS, id="look", coalesce=True, misfire_grace_time=None)
    if housekeeping is not None:
        schedule(scheduler, engine, housekeeping)
    scheduler.start()
    listener.start()
    engine.enqueued.connect(nudge)
    log.info("chainbell.dispatching")
    running = asyncio.create_task(dispatcher.run(on_idle))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        dispatcher.stop(GRACE_SECONDS)
        await running
    finally:
        stopping.cancel()
        engine.enqueued.disconnect(nudge)
        await asyncio.to_thread(listener.stop)
        scheduler.shutdown(wait=False)
