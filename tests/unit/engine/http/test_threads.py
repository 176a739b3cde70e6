"""Threads by shares: one account cannot hold them all, few wait, and nobody has to be waited for at the end."""

import asyncio
import subprocess
import sys
import threading

import pytest
from aiohttp import web
from structlog.contextvars import bound_contextvars, get_contextvars

from chainbell.engine.http.refreshing import Refreshed
from chainbell.engine.http.threads import Shares, Threads


def test_one_account_that_hangs_leaves_threads_to_the_others() -> None:
    release = threading.Event()

    async def run() -> None:
        threads = Threads("test", 4, Shares(of_one=2, waiting=20, waiting_of_one=10))
        hanging = [asyncio.create_task(threads.run("a", release.wait)) for _ in range(10)]
        await asyncio.sleep(0)
        assert await asyncio.gather(*(threads.run("b", lambda: "done") for _ in range(10))) == ["done"] * 10
        with pytest.raises(web.HTTPServiceUnavailable) as refused:
            await threads.run("a", release.wait)
        assert refused.value.headers["Retry-After"] == "5"
        release.set()
        assert await asyncio.gather(*hanging) == [True] * 10
        assert await threads.run("a", lambda: "again") == "again"
        threads.shutdown()

    asyncio.run(run())


def test_few_of_all_wait() -> None:
    release = threading.Event()

    async def run() -> None:
        threads = Threads("test", 2, Shares(of_one=1, waiting=5, waiting_of_one=5))
        hanging = [asyncio.create_task(threads.run(account, release.wait)) for account in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(web.HTTPServiceUnavailable):
            await threads.run("one more", release.wait)
        release.set()
        await asyncio.gather(*hanging)
        threads.shutdown()

    asyncio.run(run())


def test_what_is_bound_is_bound_in_the_thread_and_errors_come_back() -> None:
    async def run() -> None:
        threads = Threads("test", 1, Shares(of_one=1, waiting=9, waiting_of_one=9))
        with bound_contextvars(trace_id="t"):
            assert (await threads.run("a", get_contextvars))["trace_id"] == "t"
        assert "trace_id" not in await threads.run("a", get_contextvars)
        with pytest.raises(ZeroDivisionError):
            await threads.run("a", lambda: 1 / 0)
        threads.shutdown()

    asyncio.run(run())


def test_a_call_that_hangs_does_not_keep_the_process() -> None:
    program = (
        "import asyncio, threading\n"
        "from chainbell.engine.http.threads import Shares, Threads\n"
        "begun = threading.Event()\n"
        "async def run():\n"
        "    threads = Threads('test', 1, Shares(of_one=1, waiting=9, waiting_of_one=9))\n"
        "    threads.submit(lambda: (begun.set(), threading.Event().wait()))\n"
        "    begun.wait()\n"
        "asyncio.run(run())\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=True).returncode == 0


def test_many_who_ask_wait_for_one_task() -> None:
    asked: list[int] = []

    async def run() -> None:
        come = asyncio.Event()

        async def ask() -> int:
            asked.append(1)
            await come.wait()
            return len(asked)

        value = Refreshed(60, ask)
        waiting = [asyncio.create_task(value.get()) for _ in range(500)]
        await asyncio.sleep(0)
        waiting[0].cancel()  # whoever goes away takes nothing from the others
        come.set()
        assert await asyncio.gather(*waiting[1:]) == [1] * 499
        assert await value.get() == 1

    asyncio.run(run())


def test_what_was_there_is_told_where_asking_hangs_or_the_error_where_it_fails() -> None:
    async def run() -> None:
        answers: list[str | Exception] = ["first"]
        hangs = asyncio.Event()

        async def ask() -> str:
            if not answers:
                await hangs.wait()
                return "late"
            if isinstance(found := answers.pop(), Exception):
                raise found
            return found

        value = Refreshed(0, ask, patience=0.01)
        assert await value.get() == "first"
        answers.append(OSError("away"))
        with pytest.raises(OSError, match="away"):
            await value.get()
        assert await value.get() == "first"
        hangs.set()

    asyncio.run(run())
