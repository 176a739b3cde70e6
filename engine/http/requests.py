"""What handlers share: the engine, the account of the request, and threads for storage."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from aiohttp import web

from chainbell.engine.account import AccountView
from chainbell.engine.engine import Engine
from chainbell.rules import HostId
from chainbell.storage import Actor

ENGINE = web.AppKey("engine", Engine)
ACCOUNT: web.RequestKey[HostId] = web.RequestKey("account", object)  # type: ignore[arg-type]
ACTOR: web.RequestKey[Actor] = web.RequestKey("actor", Actor)
PLANNING_THREADS = 2
MOST_OF_ONE, MOST_OF_ALL = 8, 64
"""How many large requests of one account, and of all, are worked on or wait."""
RETRY_SECONDS = "5"
"""When to try again while the server is busy, or the database away, full or locked."""
LARGEST_PLAN: web.AppKey[int] = web.AppKey("largest_plan", int)
"""Tasks of a plan that comes in over HTTP."""
T = TypeVar("T")


class Planning:
    """Threads of their own for requests that may take seconds: of each account one at a time, and few that wait."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(PLANNING_THREADS, "chainbell-planning")
        self._turns: dict[HostId, asyncio.Lock] = {}
        self._waiting: Counter[HostId] = Counter()

    async def run(self, account: HostId, work: Callable[[], T]) -> T:
        """The work, done in one of the threads; answers 503 at once where too much waits already."""
        if self._waiting[account] >= MOST_OF_ONE or self._waiting.total() >= MOST_OF_ALL:
            text = "too many large requests are waiting; try again"
            raise web.HTTPServiceUnavailable(text=text, headers={"Retry-After": RETRY_SECONDS})
        self._waiting[account] += 1
        try:
            async with self._turns.setdefault(account, asyncio.Lock()):
                return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting[account] -= 1
            if not self._waiting[account]:
                del self._waiting[account], self._turns[account]

    def shutdown(self) -> None:
        """Lets what is running end, and begins nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


PLANNING: web.AppKey[Planning] = web.AppKey("planning", Planning)


def engine_of(request: web.Request) -> Engine:
    """The whole engine, for routes that concern all accounts; other handlers use `view_of`."""
    return request.config_dict[ENGINE]


def view_of(request: web.Request) -> AccountView:
    """The engine as the account of the request's token sees it; whoever has the token acts."""
    return engine_of(request).for_account(request[ACCOUNT], actor=request[ACTOR])


async def in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Runs synchronous storage code in a thread, so that the event loop is not blocked."""
    return await asyncio.to_thread(work, *arguments)
