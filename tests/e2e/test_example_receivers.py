"""The receivers in `fixtures/receivers/`, run as their own processes against real deliveries."""

import asyncio
import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from chainbell.engine import Engine
from chainbell.storage import DeliveryState
from tests.e2e.commands import FIXTURES
from tests.e2e.receiver import receiving
from tests.e2e.waiting import listens, until
from tests.plans import MONDAY, line_plan, task_update

SECRET = "s3cret-of-ours"
BY = {"id": 5, "name": "Jane <b>Doe</b>"}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def example(name: str, folder: Path, **settings: str) -> Iterator[str]:
    """A receiver's process, whose files lie in the folder; yields the URL to deliver to."""
    port = free_port()
    names = {"SEEN_FILE": "seen.db", "DATABASE": "sync.db", "INBOX": "inbox.db"}
    files = {variable: str(folder / name) for variable, name in names.items()}
    environment = {**os.environ, **files, "WEBHOOK_SECRET": SECRET, "PORT": str(port), **settings}
    command = [sys.executable, str(FIXTURES / "receivers" / f"{name}.py")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        until(lambda: listens(port))
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.kill()
        process.communicate()


def drain(engine: Engine) -> None:
    async def deliver() -> None:
        await engine.dispatcher().drain()

    asyncio.run(deliver())


def deliver_again(engine: Engine) -> None:
    """Every message a second time, as a sender does whose record of the first was lost."""
    for webhook in engine.portfolio.webhooks():
        for delivery in {attempt.delivery_id for attempt in engine.webhooks.log(7, webhook.id, 1000)}:
            engine.webhooks.resend(7, webhook.id, delivery)
    drain(engine)


def statuses(engine: Engine) -> list[int | None]:
    (webhook,) = engine.portfolio.webhooks()
    return [attempt.http_status for attempt in reversed(engine.webhooks.log(7, webhook.id))]


@pytest.fixture
def project(sqlite_engine: Engine) -> Engine:
    engine = sqlite_engine
    engine.load(line_plan(status="Planning"), at=MONDAY)
    return engine


def start(engine: Engine, name: str = "Active", at: str = "2025-03-03T09:00:00Z") -> None:
    engine.apply({"kind": "project.update", "projectId": 1, "status": name, "by": BY, "at": at})


def ring(engine: Engine) -> None:
    start(engine)
    engine.apply(task_update(1, "2025-03-03T10:00:00Z", status="InProgress", remainingDuration=16))


def test_slack_hears_of_red_tasks_and_early_warnings_once(project: Engine, tmp_path: Path) -> None:
    with receiving() as slack, example("slack", tmp_path, SLACK_WEBHOOK_URL=slack.url) as url:
        project.webhooks.add(7, url, events=["task.red", "project.early_warning"], secret=SECRET)
        ring(project)
        drain(project)
        deliver_again(project)
        messages = [json.loads(request.body) for request in slack.requests]
    assert statuses(project) == [200] * 4
    assert sorted(message["text"] for message in messages) == [
        ":rotating_light: Task 1 is red",
        ":warning: Line leaves green",
    ]
    (red,) = [message["attachments"][0] for message in messages if "red" in message["text"]]
    assert {field["title"]: field["value"] for field in red["fields"]} == {
        "Project": "Line",
        "Buffer consumption": "111.2 %",
        "Assigned to": "nobody",
        "Due": "2025-03-07",
    }
    assert red["actions"][0]["url"].endswith("/1")


def test_where_slack_is_away_the_delivery_is_tried_again(project: Engine, tmp_path: Path) -> None:
    with example("slack", tmp_path, SLACK_WEBHOOK_URL=f"http://127.0.0.1:{free_port()}/") as url:
        project.webhooks.add(7, url, events=["task.red"], secret=SECRET)
        ring(project)
        drain(project)
    assert statuses(project) == [500]
    assert project.portfolio.statistics().deliveries[DeliveryState.PENDING] == 1


def test_a_milestone_is_mailed_once_in_text_and_html(project: Engine, tmp_path: Path) -> None:
    mails: list[EmailMessage] = []

    class Mailbox:
        async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802
            mails.append(BytesParser(EmailMessage, policy=default).parsebytes(envelope.content))
            return "250 taken"

    server = Controller(Mailbox(), hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        settings = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(server.port), "MAIL_TO": "team@example.com"}
        with example("mail", tmp_path, **settings) as url:
            project.webhooks.add(7, url, events=["milestone.achieved"], secret=SECRET)
            plan = line_plan()
            plan["milestones"][0]["name"] = "Alpha & Ω\nBcc: eve@example.com"
            project.load(plan, at=MONDAY)
            done = {"kind": "milestone.complete", "projectId": 1, "milestoneId": 345, "at": "2025-03-10T09:00:00Z"}
            project.apply(done)
            drain(project)
            deliver_again(project)
    finally:
        server.stop()
    assert statuses(project) == [200, 200]
    (mail,) = mails
    assert (mail["To"], mail["Bcc"]) == ("team@example.com", None)
    assert mail["Subject"] == "Milestone achieved: Alpha & Ω Bcc: eve@example.com"
    text, html = (part.get_content() for part in mail.iter_parts())
    assert "Achieved: 2025-03-10" in text
    assert "Days early: 2" in text
    assert "<h1>Alpha &amp; Ω" in html


def test_the_database_follows_each_status_and_audits_it_once(project: Engine, tmp_path: Path) -> None:
    with example("database_sync", tmp_path) as url:
        project.webhooks.add(7, url, events=["project.status_changed"], secret=SECRET)
        start(project)
        start(project, "Frozen", "2025-03-04T09:00:00Z")
        drain(project)
        deliver_again(project)
    assert statuses(project) == [200] * 4
    with closing(sqlite3.connect(tmp_path / "sync.db")) as connection:
        synced = connection.execute("SELECT project_id, name, status FROM project_sync").fetchall()
        ordered = "SELECT old_value, new_value, changed_by FROM audit_log ORDER BY changed_at"
        audit = connection.execute(ordered).fetchall()
    assert synced == [("1", "Line", "Frozen")]
    assert audit == [("Planning", "Active", BY["name"]), ("Active", "Frozen", BY["name"])]


def test_what_is_answered_first_is_worked_on_once_even_by_the_next_process(project: Engine, tmp_path: Path) -> None:
    def done() -> list[tuple[str, int]]:
        with closing(sqlite3.connect(tmp_path / "inbox.db")) as connection:
            return connection.execute("SELECT id, tries FROM inbox WHERE done IS NOT NULL").fetchall()

    with example("answer_first", tmp_path, WORK_SECONDS="600") as url:
        project.webhooks.add(7, url, events=["task.red", "project.status_changed"], secret=SECRET)
        ring(project)
        drain(project)
        deliver_again(project)
        assert statuses(project) == [202] * 4  # answered long before the work is done
        assert done() == []
    with example("answer_first", tmp_path, WORK_SECONDS="0"):
        assert until(lambda: len(done()) == 2)
    assert [tries for _, tries in done()] == [1, 1]


@pytest.mark.parametrize("name", ["slack", "mail", "database_sync", "answer_first"])
def test_what_is_not_genuine_is_refused(name: str, project: Engine, tmp_path: Path) -> None:
    settings = {"SLACK_WEBHOOK_URL": "http://127.0.0.1:9/", "MAIL_TO": "team@example.com"}
    with example(name, tmp_path, **settings) as url:
        project.webhooks.add(7, url, events=["project.status_changed"], secret="another secret")
        start(project)
        drain(project)
    assert statuses(project) == [401]
