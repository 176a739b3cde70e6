"""Threads for what blocks, beside the event loop: bounded in number, with a share for each account.

They are apart from the loop's default executor, which others use: whoever waits there does not keep storage waiting,
nor the other way round. The threads are daemons: a call that hangs does not keep the process from ending, and what it
had not committed is rolled back.
"""

import asyncio
import contextvars
import os
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from queue import SimpleQueue
from typing import Any, TypeVar

from aiohttp import web

RETRY_SECONDS = "5"
"""When to try again while the server is busy, or the database away, full or locked."""
T = TypeVar("T")
Job = tuple[Future[Any], Callable[[], Any]]


class Shares:
    """Who may work at the same time: `of_one` requests of one account; few more wait for their turn.

    Beyond `waiting_of_one` requests of one account, or `waiting` of all, that are worked on or wait, the answer is 503.
    """

    def __init__(self, *, of_one: int, waiting: int, waiting_of_one: int) -> None:
        self._of_one, self._most, self._most_of_one = of_one, waiting, waiting_of_one
        self._turns: dict[Hashable, asyncio.Semaphore] = {}
        self._waiting: Counter[Hashable] = Counter()

    @asynccontextmanager
    async def turn(self, account: Hashable) -> AsyncIterator[None]:
        """A turn of an account, once one is free; answers 503 at once where too many wait already."""
        if self._waiting[account] >= self._most_of_one or self._waiting.total() >= self._most:
            text = "too many requests are waiting; try again"
            raise web.HTTPServiceUnavailable(text=text, headers={"Retry-After": RETRY_SECONDS})
        self._waiting[account] += 1
        try:
            async with self._turns.setdefault(account, asyncio.Semaphore(self._of_one)):
                yield
        finally:
            self._waiting[account] -= 1
            if not self._waiting[account]:
                del self._waiting[account], self._turns[account]


class Threads:
    """So many threads, started when the first of them is needed, and used by shares. Its event loop submits."""

    def __init__(self, name: str, count: int, shares: Shares) -> None:
        self._shares = shares
        self._name, self._count = name, count
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._process: int | None = None
        """The process in which the threads run; one that is forked from it starts threads of its own."""

    async def run(self, account: Hashable, work: Callable[[], T]) -> T:
        """The work, done in one of the threads, in the context of the caller, when it is the account's turn."""
        async with self._shares.turn(account):
            return await asyncio.wrap_future(self.submit(work))

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """The work, begun as soon as a thread is free; nobody's share is asked for."""
        if self._process != os.getpid():
            self._start()
        future: Future[T] = Future()
        self._jobs.put((future, _in_this_context(work)))
        return future

    def _start(self) -> None:
        self._process, self._jobs = os.getpid(), SimpleQueue()
        for number in range(self._count):
            name = f"{self._name}_{number}"
            threading.Thread(target=_work, args=(self._jobs,), name=name, daemon=True).start()

    def shutdown(self) -> None:
        """Lets what is running end, and begins nothing more."""
        while not self._jobs.empty():
            self._jobs.get()
        for _ in range(self._count):
            self._jobs.put(None)


def _in_this_context(work: Callable[[], T]) -> Callable[[], T]:
    """The work, with what the caller has bound: the trace of its request stands in the lines of the thread."""
    context = contextvars.copy_context()
    return lambda: context.run(work)


def _work(jobs: "SimpleQueue[Job | None]") -> None:
    while (job := jobs.get()) is not None:
        future, work = job
        if not future.set_running_or_notify_cancel():
            continue
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  it is raised where it is awaited
            future.set_exception(error)
        del future, work, job
