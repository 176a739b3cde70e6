"""Several dispatchers on one database: killed, given a database that goes away, clocks that jump.

A checker compares what the receiver got with what is kept. `make test` has a small share, `make soak` the full count.
"""

import asyncio
import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler

import pytest

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings, compose, message_id
from chainbell.engine import Engine
from chainbell.rules import Event
from chainbell.storage import NewDelivery, generate_key, outbox
from tests.e2e.commands import ROOT
from tests.e2e.receiver import Receiver, receiving, status
from tests.e2e.waiting import SECONDS, until
from tests.faults.checkers import (
    NOTHING,
    attempts_are_numbered_without_gaps,
    counters_equal_the_log,
    delivered_messages_were_received,
    faults,
    received_messages_were_kept,
    recorded_attempts_were_made,
)
from tests.faults.history import Received
from tests.faults.kept import kept_by, rows
from tests.faults.system import drain_retries
from tests.plans import MONDAY
from tests.soak import SOAK

pytestmark = pytest.mark.soak
KILLS = 30 if SOAK else 3
SETTINGS = DeliverySettings(guard=LOOPBACK_ALLOWED, deadline_seconds=20.0, in_flight=16, per_webhook=16)
FAILING = 7
"""Every so many'th request is answered 503."""


def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
    time.sleep(0.002)
    status(503 if number % FAILING == FAILING - 1 else 200)(handler, number)


def queue(engine: Engine, url: str, count: int, series: str) -> None:
    """Deliveries that are due, over three webhooks at one receiver."""
    while len(engine.webhooks.list(7)) < 3:
        engine.webhooks.add(7, url, secret="s3cret-of-ours")
    hooks = engine.webhooks.list(7)
    made = []
    for number in range(count):
        event = Event(f"{series}-{number}", "task.red", 7, 1, 1, MONDAY, {"number": number}, {})
        hook = hooks[number % len(hooks)]
        body = compose(event, hook.id)
        made.append(NewDelivery(message_id(event.id, MONDAY, hook.id), hook.id, event.id, event.name, body))
    with engine.database.write() as connection:
        outbox.enqueue(connection, made, datetime.now(UTC))


CHECKERS = (
    received_messages_were_kept,
    attempts_are_numbered_without_gaps,
    counters_equal_the_log,
    delivered_messages_were_received,
    recorded_attempts_were_made,
)


def check(engine: Engine, receiver: Receiver) -> None:
    """What was received and what is kept belong together."""
    there = kept_by(engine)
    got = [Received(request.headers["webhook-id"], request.body, 200) for request in list(receiver.requests)]
    assert faults(CHECKERS, replace(NOTHING, received=tuple(got)), there) == []


def dispatching(url: str, key: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.faults.workers", "dispatch", url, key]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def ended(process: "subprocess.Popen[str]", how: signal.Signals) -> int:
    process.send_signal(how)
    process.communicate(timeout=SECONDS)
    return process.returncode


def test_one_of_two_dispatchers_killed_again_and_again(database_url: str) -> None:
    key, source = generate_key(), random.Random(11)
    with Engine(database_url, keys=[key], delivery=SETTINGS) as engine, receiving(answer) as receiver:
        steady = dispatching(database_url, key)
        for kill in range(KILLS):
            queue(engine, receiver.url, 150, f"k{kill}")
            victim = dispatching(database_url, key)
            time.sleep(source.uniform(0.05, 0.6))
            assert ended(victim, signal.SIGKILL) == -signal.SIGKILL
            check(engine, receiver)
        assert ended(steady, signal.SIGTERM) == 0
        drain_retries(database_url, [key], SETTINGS)
        check(engine, receiver)
        assert Counter(delivery["state"] for delivery in rows(engine, "delivery")) == {"delivered": 150 * KILLS}


def test_two_dispatchers_claim_nothing_twice(database_url: str) -> None:
    """Undisturbed they make one request for each attempt that is kept, between them."""
    key = generate_key()
    with Engine(database_url, keys=[key], delivery=SETTINGS) as engine, receiving() as receiver:
        queue(engine, receiver.url, 600, "two")
        both = [dispatching(database_url, key) for _ in range(2)]
        until(lambda: len(receiver.requests) >= 600)
        assert [ended(process, signal.SIGTERM) for process in both] == [0, 0]
        check(engine, receiver)
        got = Counter(json.loads(request.body)["webhookId"] for request in receiver.requests)
        assert (len(got), set(got.values())) == (600, {1})
        assert len(rows(engine, "attempt")) == 600


class JumpingClock:
    """Goes back and forth by up to an hour, a jump every few readings."""

    def __init__(self, seed: int) -> None:
        self._source = random.Random(seed)
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        if self._source.random() < 0.02:
            self._ahead = timedelta(seconds=self._source.uniform(-3600, 3600))
        return datetime.now(UTC) + self._ahead


@pytest.mark.parametrize("dispatchers", [1, 2])
def test_clocks_set_back_and_forth(database_url: str, dispatchers: int) -> None:
    key, count = generate_key(), 300 if not SOAK else 3000
    clocks: list[Callable[[], datetime]] = [JumpingClock(seed) for seed in range(dispatchers)]
    engines = [Engine(database_url, keys=[key], delivery=SETTINGS, clock=clock) for clock in clocks]
    with receiving(answer) as receiver:
        queue(engines[0], receiver.url, count, "clock")

        async def work() -> None:
            running = [engine.dispatcher() for engine in engines]
            tasks = [asyncio.create_task(dispatcher.run(lambda due: None)) for dispatcher in running]
            for _ in range(100):
                for dispatcher in running:
                    dispatcher.wake()
                await asyncio.sleep(0.05)
            for dispatcher in running:
                dispatcher.stop()
            await asyncio.gather(*tasks)

        asyncio.run(work())
        check(engines[0], receiver)
        drain_retries(database_url, [key], SETTINGS)
        check(engines[0], receiver)
        assert Counter(delivery["state"] for delivery in rows(engines[0], "delivery")) == {"delivered": count}
        if dispatchers == 1:  # its own lease, ended by its own clock, is not taken for somebody else's
            assert len(rows(engines[0], "attempt")) == len(receiver.requests)
    for engine in engines:
        engine.close()


def test_what_waits_is_given_back_and_what_is_in_flight_ends(database_url: str) -> None:
    """Graceful: nothing is sent twice by those who come after, and no lease is left behind."""
    key = generate_key()

    def slow(handler: BaseHTTPRequestHandler, number: int) -> None:
        time.sleep(0.5)
        status(200)(handler, number)

    with Engine(database_url, keys=[key], delivery=SETTINGS) as engine, receiving(slow) as receiver:
        queue(engine, receiver.url, 200, "graceful")
        process = dispatching(database_url, key)
        until(lambda: len(receiver.requests) >= 10)
        assert ended(process, signal.SIGTERM) == 0
        assert all(delivery["lease_until"] is None for delivery in rows(engine, "delivery"))
        assert len(rows(engine, "attempt")) == len(receiver.requests) < 200
        drain_retries(database_url, [key], SETTINGS)
        assert len(rows(engine, "attempt")) == len(receiver.requests) == 200


def test_an_attempt_that_does_not_end_is_broken_off_and_made_again(sqlite_engine: Engine) -> None:
    engine = sqlite_engine
    settings = DeliverySettings(guard=LOOPBACK_ALLOWED, deadline_seconds=2 * SECONDS)
    released = threading.Event()

    def hang(handler: BaseHTTPRequestHandler, number: int) -> None:
        released.wait(2 * SECONDS)

    async def work() -> None:
        dispatcher = engine.dispatcher(settings)
        running = asyncio.create_task(dispatcher.run(lambda due: None))
        while not receiver.requests:
            await asyncio.sleep(0.01)
        dispatcher.stop(grace_seconds=0.1)
        await asyncio.wait_for(running, SECONDS)  # long before the attempt would end by itself

    with receiving(hang) as receiver:
        queue(engine, receiver.url, 1, "hang")
        asyncio.run(work())
        released.set()
    (attempt,), (delivery,) = rows(engine, "attempt"), rows(engine, "delivery")
    assert (attempt["outcome"], attempt["error"]) == ("interrupted", "the dispatcher was stopped")
    assert (delivery["state"], delivery["lease_until"], delivery["attempts"]) == ("pending", None, 1)


def test_postgresql_tells_the_dispatchers_of_other_processes(postgresql_url: str) -> None:
    """A dispatcher that looks for work by itself only every hour delivers what another process enqueues."""
    database_url, key = postgresql_url, generate_key()
    with Engine(database_url, keys=[key], delivery=SETTINGS) as engine, receiving() as receiver:
        command = [sys.executable, "-m", "tests.faults.workers", "dispatch_told", database_url, key]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(1.5)
        queue(engine, receiver.url, 5, "told")
        until(lambda: len(receiver.requests) == 5)
        assert ended(process, signal.SIGTERM) == 0
        assert len(receiver.requests) == 5
