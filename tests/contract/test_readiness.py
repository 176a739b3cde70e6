"""`/readyz` says whether delivering moves; never whether an endpoint is bad. Each failure is a real one."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings
from chainbell.engine import Engine, run_dispatcher
from chainbell.engine.http import Limits, create_app
from chainbell.storage import NewDelivery, claiming, generate_key, outbox
from tests.e2e.receiver import receiving, status
from tests.plans import MONDAY

STALLED = Limits(stalled_seconds=1.0)
LONG_AGO = timedelta(days=3)


def queue(engine: Engine, url: str, count: int) -> str:
    """A webhook with deliveries that have been due for long."""
    webhook, _ = engine.webhooks.add(7, url)
    deliveries = [
        NewDelivery(f"wh_{n:05}", webhook.id, None, "task.red", b'{"metadata":{"a":0}}') for n in range(count)
    ]
    with engine.database.write() as connection:
        outbox.enqueue(connection, deliveries, MONDAY)
    return webhook.id


async def ready(client: Any) -> tuple[int, dict[str, Any]]:
    async with client.get("/readyz") as answer:
        return answer.status, await answer.json()


async def until_ready_is(client: Any, wanted: int) -> dict[str, Any]:
    while True:
        found, told = await ready(client)
        if found == wanted:
            return told
        await asyncio.sleep(0.05)


def once(engine: Engine) -> int:
    async def run() -> int:
        async with TestClient(TestServer(create_app(engine, limits=STALLED))) as client:
            return (await ready(client))[0]

    return asyncio.run(run())


def test_endpoints_that_are_down_for_days_and_their_backlogs_change_nothing(engine: Engine) -> None:
    """The dispatcher claims at its pace all the while; what waits behind it has been due for days."""
    settings = DeliverySettings(guard=LOOPBACK_ALLOWED, in_flight=4, per_webhook=2, deadline_seconds=5)

    async def run() -> None:
        stop = asyncio.Event()
        async with TestClient(TestServer(create_app(engine, limits=STALLED))) as client:
            running = asyncio.create_task(run_dispatcher(engine, engine.dispatcher(settings), stop))
            while len(engine.webhooks.log(7, bad, 1000)) < 20:
                assert (await ready(client))[0] == 200
                await asyncio.sleep(0.05)
            stop.set()
            await running
            assert engine.webhooks.backlog(7, bad)[outbox.DeliveryState.PENDING] > 0

    with receiving(status(500)) as receiver:
        bad = queue(engine, receiver.url, 300)
        asyncio.run(run())


def test_a_dispatcher_that_cannot_claim_is_not_ready_until_it_can(tmp_path: Path) -> None:
    path = tmp_path / "locked.db"

    async def run(engine: Engine) -> None:
        stop = asyncio.Event()
        async with TestClient(TestServer(create_app(engine, limits=STALLED))) as client:
            running = asyncio.create_task(run_dispatcher(engine, engine.dispatcher(), stop))
            assert (await until_ready_is(client, 200))["overdueSeconds"] is None
            with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as holder:
                holder.execute("BEGIN IMMEDIATE")
                told = await until_ready_is(client, 503)
                assert told["status"] == "deliveries do not move"
                assert told["lastClaimSeconds"] >= 1
                holder.execute("ROLLBACK")
            await until_ready_is(client, 200)
            stop.set()
            await running

    with Engine(f"sqlite:///{path}?timeout=0.2") as engine:
        asyncio.run(run(engine))


def test_without_a_dispatcher_here_the_database_says_whether_any_works(engine: Engine) -> None:
    assert once(engine) == 200
    webhook = queue(engine, "http://127.0.0.1:9/", 5)
    assert once(engine) == 503  # due since long ago, and nobody has claimed it
    now = engine.now()
    with engine.database.write() as connection:
        claims = claiming.claim(connection, now, now + timedelta(minutes=1), 1, per_webhook=1)
    assert once(engine) == 200  # four wait, but somebody works
    with engine.database.write() as connection:
        claiming.renew(connection, claims, now - timedelta(minutes=1))
    assert once(engine) == 503  # whoever that was is gone
    engine.webhooks.pause(7, webhook)
    assert once(engine) == 200


def test_a_delivery_that_waits_for_its_retry_is_not_overdue(engine: Engine, database_url: str) -> None:
    later = Engine(database_url, keys=[generate_key()], clock=lambda: datetime.now(UTC) + LONG_AGO)
    queue(engine, "http://127.0.0.1:1/", 1)  # nobody listens there
    asyncio.run(_drain(engine))
    assert once(engine) == 200
    assert once(later) == 503  # three days later nobody has tried it again
    later.close()


async def _drain(engine: Engine) -> None:
    assert await engine.dispatcher(DeliverySettings(guard=LOOPBACK_ALLOWED)).drain() == 1
