"""Kill -9 at random moments: nothing acknowledged is lost, nothing is half-written, nothing is invented.

`make test` kills a few times, `make soak` fifty.
"""

import json
import random
import signal
import subprocess
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings
from chainbell.engine import Engine, ProjectReport
from tests.e2e.commands import CHAINBELL, ENVIRONMENT, chainbell
from tests.e2e.receiver import receiving
from tests.faults.checkers import check_kept
from tests.faults.kept import rows
from tests.faults.system import drain_retries
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
                check_kept(engine)
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
        drain_retries(f"sqlite:///{database}", [])
        with open_engine(database) as engine:
            check_kept(engine)
            assert {delivery["state"] for delivery in rows(engine, "delivery")} <= {"delivered"}
            wanted = {d["id"] for d in rows(engine, "delivery")}
        assert {json.loads(request.body)["webhookId"] for request in receiver.requests} == wanted
