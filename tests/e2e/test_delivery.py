"""Delivery over real sockets, with a clock that the test moves."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings, is_signed
from chainbell.engine import Engine
from chainbell.storage import METADATA
from tests.e2e.receiver import Answer, receiving, status
from tests.e2e.test_hostile_receivers import broken_status_line, drip, gigabyte, never
from tests.plans import MONDAY, line_plan

pytestmark = pytest.mark.usefixtures("http")


class MovableClock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def engine(tmp_path: Path, clock: MovableClock, http: str) -> Iterator[Engine]:
    settings = DeliverySettings(guard=LOOPBACK_ALLOWED)
    with Engine(f"sqlite:///{tmp_path / 'd.db'}", delivery=settings, clock=clock) as engine:
        yield engine


def drain(engine: Engine, settings: DeliverySettings | None = None) -> int:
    async def run() -> int:
        return await engine.dispatcher(settings).drain()

    return asyncio.run(run())


def register(engine: Engine, url: str, **options: object) -> str:
    """Registers a webhook and queues one event for it."""
    webhook, _ = engine.webhooks.add(7, url, secret="s3cret-of-ours", **options)  # type: ignore[arg-type]
    engine.load(line_plan(), at=MONDAY)
    return webhook.id


def test_retries_follow_the_reference_s_table_with_the_same_message_id(engine: Engine, clock: MovableClock) -> None:
    with receiving(status(503)) as receiver:
        webhook_id = register(engine, receiver.url, headers={"X-Custom-Header": "value"})
        for seconds in (0, 10, 60, 300, 1800, 7200):
            clock.now += timedelta(seconds=seconds) - timedelta(milliseconds=1)
            if seconds:
                assert drain(engine) == 0  # not a millisecond early
            clock.now += timedelta(milliseconds=1)
            assert drain(engine) == 1
        clock.now += timedelta(days=1)
        assert drain(engine) == 0
    bodies = [json.loads(request.body) for request in receiver.requests]
    assert [body["metadata"]["retryCount"] for body in bodies] == [0, 1, 2, 3, 4, 5]
    assert len({body["webhookId"] for body in bodies}) == 1
    for request in receiver.requests:
        assert is_signed(request.headers, request.body, "s3cret-of-ours")
        assert request.headers["X-Custom-Header"] == "value"
        assert request.headers["webhook-id"] == bodies[0]["webhookId"]
    log = engine.webhooks.log(7, webhook_id)
    assert [attempt.number for attempt in log] == [6, 5, 4, 3, 2, 1]
    (webhook,) = engine.portfolio.webhooks()
    assert (webhook.total_calls, webhook.successful_calls, webhook.failed_calls) == (6, 0, 6)


def vanish(handler: BaseHTTPRequestHandler, _: int) -> None:
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "outcome", "http_status", "again"),
    [
        (never, "timeout", None, True),
        (drip, "timeout", None, True),
        (broken_status_line, "broken_answer", None, True),
        (vanish, "connection_failure", None, True),
        (gigabyte, "answered", 200, False),
        (status(404), "answered", 404, False),
        (status(302, Location="http://127.0.0.1:1/"), "answered", 302, False),
    ],
)
def test_each_way_an_attempt_can_end(
    engine: Engine, clock: MovableClock, answer: Answer, outcome: str, http_status: int | None, again: bool
) -> None:
    settings = DeliverySettings(guard=LOOPBACK_ALLOWED, deadline_seconds=1 if outcome == "timeout" else 60)
    with receiving(answer) as receiver:
        webhook_id = register(engine, receiver.url)
        assert drain(engine, settings) == 1
        (attempt,) = engine.webhooks.log(7, webhook_id)
        assert (attempt.outcome, attempt.http_status) == (outcome, http_status)
        assert len(attempt.response or "") <= 4096
        clock.now += timedelta(seconds=10)
        assert drain(engine, settings) == int(again)
        assert len(receiver.requests) == 1 + again


def test_a_refused_connection_and_an_unknown_name_are_retried(engine: Engine) -> None:
    refused = register(engine, "http://127.0.0.1:1/")
    unknown, _ = engine.webhooks.add(8, "http://name.invalid/")
    engine.load(line_plan(account=8), at=MONDAY)
    assert drain(engine) == 2
    assert engine.webhooks.log(7, refused)[0].outcome == "connection_failure"
    assert engine.webhooks.log(8, unknown.id)[0].outcome == "dns_failure"


def test_a_delivery_that_cannot_be_made_does_not_stop_the_others(engine: Engine) -> None:
    with receiving() as receiver:
        webhook_id = register(engine, receiver.url)
        broken, _ = engine.webhooks.add(8, receiver.url)
        with engine.database.write() as connection:
            table = METADATA.tables["chainbell_webhook"]
            connection.execute(table.update().where(table.c.id == broken.id).values(secret="sealed with a lost key"))
        engine.load(line_plan(account=8), at=MONDAY)
        assert drain(engine) == 2
    assert engine.webhooks.log(7, webhook_id)[0].http_status == 200
    (attempt,) = engine.webhooks.log(8, broken.id)
    assert (attempt.outcome, attempt.error) == ("not_sent", "keys: none of them sealed this secret")


def test_410_deactivates_the_webhook(engine: Engine) -> None:
    with receiving(status(410)) as receiver:
        register(engine, receiver.url)
        assert drain(engine) == 1
    assert [webhook.is_active for webhook in engine.portfolio.webhooks()] == [False]


def test_a_name_that_leads_inside_is_refused_at_the_time_of_the_attempt(tmp_path: Path) -> None:
    with Engine(f"sqlite:///{tmp_path / 'g.db'}") as engine:
        webhook, _ = engine.webhooks.add(7, "https://localhost/")
        engine.load(line_plan(), at=MONDAY)
        assert drain(engine) == 1
        (attempt,) = engine.webhooks.log(7, webhook.id)
    assert attempt.outcome == "refused_address"
    assert "inside address" in str(attempt.error)


def test_cookies_are_not_kept_and_the_proxies_of_the_environment_not_used(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with receiving(status(200, Set_Cookie="a=b")) as receiver:
        register(engine, receiver.url)
        engine.load(line_plan(project_id=2), at=MONDAY)
        assert drain(engine) == 2
    assert all("Cookie" not in request.headers for request in receiver.requests)
