"""What one tenant, or what is his, can do to the others: each attack prints the others' figures before and under it.

Those with connections are in `tests/e2e/test_connections.py`: half-open requests, clients that do not read, too many.
"""

import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from sqlalchemy import func, insert, select, update

from chainbell.engine import Engine
from chainbell.storage import METADATA, NewDelivery, outbox
from chainbell.storage.subscriptions import SUBSCRIPTIONS
from chainbell.storage.webhooks import WEBHOOKS
from tests.e2e.receiver import receiving
from tests.e2e.waiting import SECONDS, until
from tests.faults import slow_names
from tests.faults.clients import post
from tests.faults.system import free_port
from tests.faults.tenants import ATTACKER, OTHER, Tenants, tenants
from tests.plans import MONDAY, line_plan, task_update
from tests.soak import SOAK

pytestmark = pytest.mark.soak
QUEUED = 5000 if SOAK else 500
LARGEST = 20_000 if SOAK else 1_000
"""Tasks of the largest plan."""
HOOKS = 10_000 if SOAK else 1_000
NAMES = 40


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Tenants]:
    with tenants(tmp_path) as two:
        yield two


def queue(engine: Engine, webhook: str, count: int = QUEUED, name: str = "") -> None:
    waiting = [
        NewDelivery(f"wh_{name}_{number:06}", webhook, None, "task.red", b'{"metadata":{"retryCount":0}}')
        for number in range(count)
    ]
    with engine.database.write() as connection:
        outbox.enqueue(connection, waiting, MONDAY)


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
    with urlopen(f"{two.base}/metrics", timeout=SECONDS) as metrics:  # noqa: S310  loopback
        assert "chainbell_evaluations_refused_total 1.0" in metrics.read().decode().splitlines()
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


def test_names_that_take_twenty_seconds(tmp_path: Path) -> None:
    """Deliveries to names of their own, and test events that the server makes in the midst of requests."""
    with ExitStack() as stack, tenants(tmp_path, module=slow_names.__name__) as two:
        before = two.others("before")
        hooks = [
            two.engine.webhooks.add(ATTACKER, f"http://w{number}.{slow_names.DOMAIN}/")[0].id for number in range(NAMES)
        ]
        for number, hook in enumerate(hooks):
            queue(two.engine, hook, 5, f"{number}")
        where, body = urlsplit(two.base), json.dumps({"event": "task.red"})
        for hook in hooks:
            asking = stack.enter_context(socket.create_connection((where.hostname, where.port), timeout=SECONDS))
            head = f"POST /api/v1/webhooks/{hook}/test HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {two.token}\r\n"
            asking.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        two.compare(before, two.others("while names take twenty seconds"))
        assert two.call("GET", "/api/v1/webhooks") == 200, "the attacker's own requests"


def test_a_long_lock(tmp_path: Path) -> None:
    """Somebody's tool holds the lock of the file: readers go on, changes are told when to come again."""
    with tenants(tmp_path, lock_seconds=0.5) as two:
        before, reading = two.others("before"), two.readers("before")
        change = {"kind": "project.update", "projectId": OTHER, "status": "Frozen", "at": MONDAY.isoformat()}
        with closing(sqlite3.connect(tmp_path / "tenants.db", isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            for _ in range(3):
                status, retry_after, _ = post(f"{two.base}/api/v1/changes", two.others_token, change)
                assert (status, bool(retry_after)) == (503, True)
            two.compare(reading, two.readers("while a lock is held"))
            holder.execute("ROLLBACK")
        two.compare(before, two.others("after a long lock"))


def test_ten_thousand_webhooks_that_all_ask(two: Tenants) -> None:
    """One change brings as many deliveries (a share of them in `make test`), all of which come to nothing."""
    before = two.others("before")
    two.engine.load(line_plan(project_id=72, account=ATTACKER), at=MONDAY)
    nobody = f"http://127.0.0.1:{free_port()}/"
    webhook, _ = two.engine.webhooks.add(ATTACKER, nobody, events=["task.status_changed"])
    copy(two.engine, webhook.id, HOOKS - 1)
    change = task_update(1, MONDAY.isoformat(), 72, status="InProgress")
    assert two.call("POST", "/api/v1/changes", change) == 200
    two.compare(before, two.others("while ten thousand webhooks ask"))
    until(lambda: deliveries(two.engine) == HOOKS)


def copy(engine: Engine, webhook: str, count: int) -> None:
    """So many more registrations like this one."""
    with engine.database.write() as connection:
        for table, column in ((WEBHOOKS, WEBHOOKS.c.id), (SUBSCRIPTIONS, SUBSCRIPTIONS.c.webhook_id)):
            row = connection.execute(select(table).where(column == webhook)).mappings().one()
            connection.execute(insert(table), [{**row, column.name: f"wh_{number:06}"} for number in range(count)])


def deliveries(engine: Engine) -> int:
    """How many the attacker has."""
    table = METADATA.tables["chainbell_delivery"]
    of_attacker = select(func.count()).select_from(table.join(WEBHOOKS, WEBHOOKS.c.id == table.c.webhook_id))
    with engine.database.read() as connection:
        return int(connection.scalar(of_attacker.where(WEBHOOKS.c.account_id == ATTACKER)) or 0)
