"""Kill -9 at random moments: nothing acknowledged is lost, nothing is half-written, nothing is invented.

`make test` kills a few times, `make soak` fifty.
"""

import asyncio
import json
import random
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings, is_signed
from chainbell.engine import Engine, ProjectReport
from tests.e2e.commands import CHAINBELL, ENVIRONMENT, chainbell
from tests.e2e.invariants import check_invariants, rows
from tests.e2e.receiver import receiving, until_asked
from tests.plans import MONDAY, line_plan, task_update
from tests.soak import SOAK

pytestmark = pytest.mark.soak
KILLS = 50 if SOAK else 5
CHANGES = 4000


def open_engine(database: Path) -> Engine:
    return Engine(f"sqlite:///{database}", delivery=DeliverySettings(guard=LOOPBACK_ALLOWED))


def state(engine: Engine) -> ProjectReport:
    """The project's state, but for when its points were recorded."""
    report = engine.status(1)
    return replace(report, trail=tuple(replace(point, recorded_at=None) for point in report.trail))


class ClockAhead:
    def __init__(self, ahead: timedelta) -> None:
        self.ahead = ahead

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def drain_retries(database: Path) -> None:
    """What timed out on a busy machine is due again later: by a clock that is hours ahead it is due now."""
    for hours in range(1, 7):
        ahead = timedelta(hours=3 * hours)
        settings = DeliverySettings(guard=LOOPBACK_ALLOWED, in_flight=16)
        with Engine(f"sqlite:///{database}", delivery=settings, clock=ClockAhead(ahead)) as engine:

            async def drain(engine: Engine = engine) -> None:
                await engine.dispatcher().drain()

            asyncio.run(drain())


def change_stream(count: int) -> list[bytes]:
    """Changes with ids that make many events: remaining durations that swing over and under the thresholds."""
    changes = [task_update(1, "2025-03-03T09:00:00Z", status="InProgress", changeId="c-0")]
    for n in range(1, count):
        remaining = (15, 5)[n % 2] + n % 7 / 10
        changes.append(task_update(1, "2025-03-03T09:00:00Z", remainingDuration=remaining, changeId=f"c-{n}"))
    return [json.dumps(change).encode() + b"\n" for change in changes]


def test_apply_killed_at_random_moments(tmp_path: Path) -> None:
    database, source = tmp_path / "k.db", random.Random(20250303)
    stream = change_stream(CHANGES)
    with receiving() as receiver:
        with open_engine(database) as engine:
            engine.webhooks.add(7, receiver.url, events=["task.red", "project.early_warning"], secret="s3cret-of-ours")
            engine.load(line_plan(), at=MONDAY)
        acknowledged: dict[str, str] = {}
        sent = 0
        for kill in range(KILLS):
            process = subprocess.Popen(
                [CHAINBELL, "--database", f"sqlite:///{database}", "apply", "-"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT,
            )  # fmt: skip
            timer = threading.Timer(source.uniform(0.0, 0.9), process.send_signal, [signal.SIGKILL])
            assert process.stdin is not None
            assert process.stdout is not None
            start = max(0, sent - 3)  # the last few again: what was applied without being acknowledged is a replay
            for change in stream[start:]:
                try:
                    process.stdin.write(change)
                    process.stdin.flush()
                except BrokenPipeError:
                    break
                answer = process.stdout.readline()
                if not answer.endswith(b"\n"):
                    break
                acknowledged |= {event["id"]: event["event"] for event in json.loads(answer)["events"]}
                start += 1
                if start > sent and timer.ident is None:
                    timer.start()  # what is killed has begun, and has acknowledged a change that was not sent before
                sent = max(sent, start)
            timer.cancel()
            process.kill()
            process.stdout.close()
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.wait()
            with open_engine(database) as engine:
                check_invariants(engine)
                kept = {event.id for event in engine.events()}
                assert set(acknowledged) <= kept, f"kill {kill}"
        assert sent >= KILLS, "the kills came before there was anything to lose"
        with open_engine(database) as engine, open_engine(tmp_path / "undisturbed.db") as undisturbed:
            engine.apply_all([json.loads(change) for change in stream[: sent + 1]])
            undisturbed.load(line_plan(), at=MONDAY)
            undisturbed.apply_all([json.loads(change) for change in stream[: sent + 1]])
            assert [event.id for event in engine.events()] == [event.id for event in undisturbed.events()]
            assert state(engine) == state(undisturbed)
        assert chainbell("dispatch", "--drain", database=database).returncode == 0
        drain_retries(database)
        with open_engine(database) as engine:
            check_invariants(engine)
            assert {delivery["state"] for delivery in rows(engine, "delivery")} <= {"delivered"}
            wanted = {d["id"] for d in rows(engine, "delivery")}
        assert {json.loads(request.body)["webhookId"] for request in receiver.requests} == wanted


def test_dispatch_killed_at_random_moments(tmp_path: Path) -> None:
    database, source = tmp_path / "k.db", random.Random(20250304)
    with receiving() as receiver:
        with open_engine(database) as engine:
            engine.webhooks.add(7, receiver.url, secret="s3cret-of-ours")
            engine.load(line_plan(), at=MONDAY)
        for kill in range(KILLS):
            with open_engine(database) as engine:
                fresh = change_stream(150 * (kill + 1))[150 * kill :]
                engine.apply_all([json.loads(change) for change in fresh])
            before = len(receiver.requests)
            process = subprocess.Popen(
                [CHAINBELL, "--database", f"sqlite:///{database}", "dispatch", "--deadline", "1"],
                stderr=subprocess.DEVNULL, env=ENVIRONMENT,
            )  # fmt: skip
            until_asked(receiver, before, process)  # what is killed has begun
            time.sleep(source.uniform(0.0, 0.8))
            process.kill()
            assert process.wait() == -signal.SIGKILL, "it ran until it was killed"
            with open_engine(database) as engine:
                check_invariants(engine)
        assert chainbell("dispatch", "--drain", "--deadline", "1", database=database).returncode == 0
        drain_retries(database)
        with open_engine(database) as engine:
            check_invariants(engine)
            deliveries = {delivery["id"]: delivery for delivery in rows(engine, "delivery")}
            assert {delivery["state"] for delivery in deliveries.values()} == {"delivered"}
        got = [json.loads(request.body) for request in receiver.requests]
        assert {body["webhookId"] for body in got} == set(deliveries), "nothing lost, nothing invented"
        for request, body in zip(receiver.requests, got, strict=True):
            assert is_signed(request.headers, request.body, "s3cret-of-ours")
            kept = json.loads(deliveries[body["webhookId"]]["body"])
            assert body | {"metadata": kept["metadata"]} == kept
