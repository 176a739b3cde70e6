"""One endpoint that hangs, with much queued, and others beside it that do not notice."""

import asyncio
import threading
from http.server import BaseHTTPRequestHandler

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings
from chainbell.delivery.slots import AHEAD
from chainbell.engine import Engine
from chainbell.storage import NewDelivery, claiming, outbox
from tests.e2e.receiver import receiving
from tests.plans import MONDAY

DEADLINE = 120.0
"""More than a busy machine needs for all that is due at the good endpoint."""


def queue(engine: Engine, url: str, name: str, count: int) -> str:
    """A webhook with so many deliveries that are due."""
    webhook, _ = engine.webhooks.add(7, url)
    deliveries = [
        NewDelivery(f"wh_{name}_{n:05}", webhook.id, None, "task.red", b'{"metadata":{"a":0}}') for n in range(count)
    ]
    with engine.database.write() as connection:
        outbox.enqueue(connection, deliveries, MONDAY)
    return webhook.id


def test_a_hanging_endpoint_with_much_queued_does_not_delay_another(engine: Engine) -> None:
    """Everything for the good endpoint is settled before the first attempt at the hanging one even times out."""
    settings = DeliverySettings(guard=LOOPBACK_ALLOWED, deadline_seconds=DEADLINE, in_flight=16, per_webhook=4)
    released = threading.Event()

    def hang(handler: BaseHTTPRequestHandler, _: int) -> None:
        released.wait(DEADLINE + 2)
        handler.close_connection = True

    async def work(hanging: str, good: str) -> None:
        dispatcher = engine.dispatcher(settings)
        running = asyncio.create_task(dispatcher.run(lambda due: None))
        while len(engine.webhooks.log(7, good, 1000)) < 100:
            await asyncio.sleep(0.02)
        assert engine.webhooks.log(7, hanging) == []
        with engine.database.read() as connection:
            leased = connection.exec_driver_sql(
                "SELECT count(*) FROM chainbell_delivery WHERE lease_until IS NOT NULL"
            ).scalar_one()
        assert leased <= AHEAD * settings.per_webhook
        dispatcher.stop()
        released.set()
        await running
        assert len(engine.webhooks.log(7, hanging)) <= 2 * settings.per_webhook

    with receiving(hang) as one, receiving() as other:
        hanging = queue(engine, one.url, "a", 2000)  # in the queue before all of the other's
        good = queue(engine, other.url, "b", 100)
        asyncio.run(work(hanging, good))
        assert len(other.requests) == 100


def test_places_that_nobody_else_wants_go_to_whoever_has_more(engine: Engine) -> None:
    with receiving() as one, receiving() as other:
        queue(engine, one.url, "a", 50)
        queue(engine, other.url, "b", 3)
        with engine.database.write() as connection:
            claims = claiming.claim(connection, MONDAY, MONDAY, 20, per_webhook=100)
    assert sorted(claim.id[:4] for claim in claims) == ["wh_a"] * 17 + ["wh_b"] * 3


def test_first_attempts_go_before_retries(engine: Engine) -> None:
    webhook = queue(engine, "http://127.0.0.1:9/", "a", 4)
    with engine.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE chainbell_delivery SET attempts = 1, is_retry = true WHERE id IN ('wh_a_00000', 'wh_a_00001')"
        )
        claims = claiming.claim(connection, MONDAY, MONDAY, 3, per_webhook=10, held={webhook: 0})
    assert [claim.id for claim in claims] == ["wh_a_00002", "wh_a_00003", "wh_a_00000"]
