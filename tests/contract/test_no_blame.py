"""No blame for what was ours: interruptions and lost keys spend no try, count nowhere, and deactivate nobody."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler

from sqlalchemy import update

from chainbell.delivery import LOOPBACK_ALLOWED, RETRY_DELAYS, DeliverySettings
from chainbell.engine import Engine
from chainbell.storage import METADATA, DeliveryState, Webhook, generate_key
from tests.e2e.receiver import receiving, status
from tests.e2e.waiting import SECONDS
from tests.plans import MONDAY, line_plan

DEPLOYS = len(RETRY_DELAYS) + 3
"""More than there are tries."""


def counted(webhook: Webhook) -> tuple[int, int, int]:
    """The statistics of a webhook."""
    return webhook.total_calls, webhook.successful_calls, webhook.failed_calls


def test_a_deploy_never_ends_a_delivery(engine: Engine) -> None:
    released = threading.Event()

    def hang(handler: BaseHTTPRequestHandler, number: int) -> None:
        if number < DEPLOYS:
            released.wait(2 * SECONDS)
        status(200)(handler, number)

    async def deployed(asked: int) -> None:
        dispatcher = engine.dispatcher()
        running = asyncio.create_task(dispatcher.run(lambda due: None))
        while len(receiver.requests) < asked:
            await asyncio.sleep(0.01)
        dispatcher.stop(grace_seconds=0)
        await asyncio.wait_for(running, SECONDS)

    with receiving(hang) as receiver:
        webhook, _ = engine.webhooks.add(7, receiver.url, events=["task.ready"])
        engine.load(line_plan(), at=MONDAY)
        for number in range(DEPLOYS):
            asyncio.run(deployed(number + 1))
        assert engine.webhooks.backlog(7, webhook.id)[DeliveryState.PENDING] == 1
        assert counted(engine.webhooks.get(7, webhook.id)) == (0, 0, 0)
        assert asyncio.run(engine.dispatcher().drain()) == 1
        released.set()
    log = engine.webhooks.log(7, webhook.id)
    assert [attempt.number for attempt in log] == list(range(DEPLOYS + 1, 0, -1))
    assert {attempt.outcome for attempt in log[1:]} == {"interrupted"}
    assert counted(engine.webhooks.get(7, webhook.id)) == (1, 1, 0)


def test_a_secret_that_no_key_opens_waits_for_its_key(database_url: str) -> None:
    clock = [datetime(2025, 3, 3, 9, tzinfo=UTC)]
    settings = DeliverySettings(guard=LOOPBACK_ALLOWED)
    with Engine(database_url, keys=[generate_key()], delivery=settings, clock=lambda: clock[0]) as engine:
        with receiving() as receiver:
            webhook, secret = engine.webhooks.add(7, receiver.url, events=["task.ready"])
            engine.load(line_plan(), at=MONDAY)
            table = METADATA.tables["chainbell_webhook"]
            with engine.database.write() as connection:
                connection.execute(update(table).values(secret="sealed with a lost key"))
            for _ in range(DEPLOYS):
                assert asyncio.run(engine.dispatcher().drain()) == 1
                clock[0] += timedelta(minutes=1)
            kept = engine.webhooks.get(7, webhook.id)
            assert (counted(kept), kept.is_active, kept.failing_since) == ((0, 0, 0), True, None)
            assert {attempt.outcome for attempt in engine.webhooks.log(7, webhook.id)} == {"not_sent"}
            with engine.database.write() as connection:
                connection.execute(update(table).values(secret=engine.core.keys.seal(secret)))
            assert asyncio.run(engine.dispatcher().drain()) == 1
            assert len(receiver.requests) == 1
        assert counted(engine.webhooks.get(7, webhook.id)) == (1, 1, 0)


def test_test_events_count_nowhere(engine: Engine) -> None:
    with receiving(status(500)) as receiver:
        webhook, _ = engine.webhooks.add(7, receiver.url)
        attempt = asyncio.run(engine.webhooks.test(7, webhook.id, "task.red"))
    kept = engine.webhooks.get(7, webhook.id)
    assert (attempt.http_status, counted(kept), kept.failing_since, kept.last_triggered) == (500, (0, 0, 0), None, None)
    assert [one.http_status for one in engine.webhooks.log(7, webhook.id)] == [500]
