"""What one tenant, or what is his, can do to the others: each attack prints the others' figures before and under it."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from sqlalchemy import update

from chainbell.engine import Engine
from chainbell.storage import METADATA, NewDelivery, outbox
from tests.e2e.receiver import receiving
from tests.e2e.waiting import SECONDS
from tests.faults.tenants import ATTACKER, Tenants, tenants
from tests.plans import MONDAY, line_plan
from tests.soak import SOAK

pytestmark = pytest.mark.soak
QUEUED = 5000 if SOAK else 500
LARGEST = 20_000 if SOAK else 1_000
"""Tasks of the largest plan."""


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Tenants]:
    with tenants(tmp_path) as two:
        yield two


def queue(engine: Engine, webhook: str) -> None:
    deliveries = [
        NewDelivery(f"wh_{number:06}", webhook, None, "task.red", b'{"metadata":{"retryCount":0}}')
        for number in range(QUEUED)
    ]
    with engine.database.write() as connection:
        outbox.enqueue(connection, deliveries, MONDAY)


def test_a_hanging_receiver(two: Tenants) -> None:
    released = threading.Event()

    def hang(handler: BaseHTTPRequestHandler, _: int) -> None:
        released.wait(SECONDS)
        handler.close_connection = True

    before = two.others("before")
    with receiving(hang) as receiver:
        webhook, _ = two.engine.webhooks.add(ATTACKER, receiver.url)
        queue(two.engine, webhook.id)
        try:
            two.compare(before, two.others("while a receiver hangs"))
            assert receiver.requests
            two.engine.webhooks.pause(ATTACKER, webhook.id)
        finally:
            released.set()


def test_the_largest_plan_over_and_over(two: Tenants) -> None:
    before, stop, statuses = two.others("before"), threading.Event(), []

    def put() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            plan = line_plan(*[1.0 + number % 2] * LARGEST, project_id=70, account=ATTACKER)
            statuses.append(two.call("PUT", "/api/v1/projects/70", plan))

    attacker = threading.Thread(target=put)
    attacker.start()
    try:
        two.compare(before, two.others("while another puts its largest plan"))
    finally:
        stop.set()
        attacker.join()
    assert 200 in statuses


def test_a_poison_project(two: Tenants) -> None:
    """A project that cannot be read any more: its changes are refused, and every tick for all meets it."""
    before = two.others("before")
    two.engine.load(line_plan(project_id=71, account=ATTACKER), at=MONDAY)
    project = METADATA.tables["chainbell_project"]
    with two.engine.database.write() as connection:
        connection.execute(update(project).where(project.c.id == 71).values(calendar={"hours": "none"}))
    change = {"kind": "project.update", "projectId": 71, "status": "Frozen", "at": MONDAY.isoformat()}
    assert two.call("POST", "/api/v1/changes", change) == 500
    two.compare(before, two.others("beside a poisoned project"))
    report = two.engine.reevaluate(MONDAY.replace(day=24))
    assert [refused for refused, _ in report.refused] == [71]
    assert report.projects == 2


def test_a_missing_key(two: Tenants) -> None:
    before = two.others("before")
    with receiving() as receiver:
        webhook, _ = two.engine.webhooks.add(ATTACKER, receiver.url)
        table = METADATA.tables["chainbell_webhook"]
        with two.engine.database.write() as connection:
            connection.execute(update(table).where(table.c.id == webhook.id).values(secret="sealed with a lost key"))
        queue(two.engine, webhook.id)
        two.compare(before, two.others("while the key of another is missing"))
        assert receiver.requests == []
    assert two.engine.webhooks.get(ATTACKER, webhook.id).is_active
