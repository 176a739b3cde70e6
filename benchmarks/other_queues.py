"""The same signed POSTs as jobs of other queues on PostgreSQL, one worker each, with settings that suit them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import perf_counter
from typing import Any

import aiohttp

Post = Callable[[aiohttp.ClientSession, int], Awaitable[None]]
IN_FLIGHT = 64
PROCRASTINATE = f"concurrency={IN_FLIGHT}, wait=False, listen_notify=False"
PGQUEUER = "asyncpg, batch_size=200, mode=drain"


def libpq(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


async def with_procrastinate(url: str, post: Post, count: int) -> float:
    """Jobs a second."""
    from procrastinate import App, PsycopgConnector

    app = App(connector=PsycopgConnector(conninfo=libpq(url), min_size=4, max_size=8))
    async with app.open_async(), aiohttp.ClientSession() as client:

        @app.task(name="post")
        async def job(number: int) -> None:
            await post(client, number)

        await app.schema_manager.apply_schema_async()
        for begin in range(0, count, 1000):
            jobs: list[Any] = [{"number": n} for n in range(begin, min(count, begin + 1000))]
            await job.batch_defer_async(*jobs)
        begun = perf_counter()
        await app.run_worker_async(
            concurrency=IN_FLIGHT, wait=False, listen_notify=False, install_signal_handlers=False
        )
        return count / (perf_counter() - begun)


async def with_pgqueuer(url: str, post: Post, count: int) -> float:
    """Jobs a second."""
    import asyncpg
    from pgqueuer.db import AsyncpgDriver
    from pgqueuer.qm import QueueManager
    from pgqueuer.queries import Queries
    from pgqueuer.types import QueueExecutionMode

    connection = await asyncpg.connect(libpq(url))
    try:
        queries = Queries(AsyncpgDriver(connection))
        await queries.install()
        manager = QueueManager(queries)
        async with aiohttp.ClientSession() as client:

            @manager.entrypoint("post")
            async def job(found: Any) -> None:
                await post(client, int(found.payload))

            for begin in range(0, count, 1000):
                numbers = range(begin, min(count, begin + 1000))
                await queries.enqueue(["post"] * len(numbers), [str(n).encode() for n in numbers], [0] * len(numbers))
            begun = perf_counter()
            await manager.run(timedelta(seconds=1), batch_size=200, mode=QueueExecutionMode.drain)
            return count / (perf_counter() - begun)
    finally:
        await connection.close()


def measured(name: str, url: str, post: Post, count: int) -> float:
    run = with_procrastinate if name == "procrastinate" else with_pgqueuer
    return asyncio.run(run(url, post, count))
