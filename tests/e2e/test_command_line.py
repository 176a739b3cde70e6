"""The command line on a database that stays: load, apply, look, register, deliver."""

import json
import signal
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.commands import CHAINBELL, ENVIRONMENT, chainbell, lines
from tests.e2e.receiver import receiving
from tests.plans import line_plan, task_update

AT = "2025-03-03T09:00:00Z"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with one Active project and a webhook."""
    (tmp_path / "plan.json").write_text(json.dumps(line_plan(status="Planning")))
    loaded = chainbell("load", tmp_path / "plan.json", database=tmp_path / "c.db")
    assert loaded.returncode == 0, loaded.stderr
    return tmp_path / "c.db"


def dump(database: Path) -> list[str]:
    with sqlite3.connect(database) as connection:
        rows = list(connection.iterdump())
    connection.close()
    return rows


def json_lines(*changes: dict[str, Any]) -> str:
    return "".join(json.dumps(change) + "\n" for change in changes)


START = {"kind": "project.update", "projectId": 1, "status": "Active", "at": AT}


def test_from_a_change_to_a_signed_webhook(database: Path, tmp_path: Path) -> None:
    listener = subprocess.Popen(
        [CHAINBELL, "listen", "--port", "0", "--secret", "s3cret-of-ours", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    assert listener.stderr is not None
    url = listener.stderr.readline().split()[-1]
    try:
        added = chainbell(
            "webhooks", "add", url, "--account", "7", "--secret", "s3cret-of-ours", "--event", "task.red", "--event",
            "project.early_warning", "--json", database=database,
        )  # fmt: skip
        webhook = lines(added.stdout)[0]
        (tmp_path / "changes.jsonl").write_text(json_lines(START, task_update(1, AT, remainingDuration=15)))
        applied = lines(chainbell("apply", tmp_path / "changes.jsonl", database=database).stdout)
        drained = chainbell("dispatch", "--drain", database=database)
    finally:
        listener.send_signal(signal.SIGTERM)
        received = lines(listener.communicate()[0])
    assert [event["event"] for event in applied][-2:] == ["task.red", "project.early_warning"]
    assert drained.stdout == "2 attempts; nothing is left to do\n"
    assert sorted(envelope["event"] for envelope in received) == ["project.early_warning", "task.red"]
    red = next(envelope for envelope in received if envelope["event"] == "task.red")
    assert list(red) == ["webhookId", "event", "timestamp", "accountId", "data", "metadata"]
    assert (red["timestamp"], red["accountId"], red["metadata"]) == (AT, 7, {"version": "1.0", "retryCount": 0})
    assert red["data"] == applied[-2]["data"]
    listed = lines(chainbell("webhooks", "list", "--json", database=database).stdout)
    assert listed[0]["statistics"] == {"totalCalls": 2, "successfulCalls": 2, "failedCalls": 0}
    log = lines(chainbell("webhooks", "logs", webhook["id"], "--json", database=database).stdout)
    assert {(entry["status"], entry["httpStatus"], entry["retries"]) for entry in log} == {("success", 200, 0)}
    shown = lines(chainbell("events", "list", "--name", "task.red", "--json", database=database).stdout)
    why = lines(chainbell("events", "show", shown[0]["id"], "--json", database=database).stdout)[0]["why"]
    assert (why["threshold"], why["before"], why["after"], why["buffer"]) == (90, 0, 100, "PB")
    assert (why["drivingPath"], why["baseline"]) == ([1, 2, 3], 1)
    report = lines(chainbell("project", "status", "1", "--json", database=database).stdout)[0]
    assert (report["zone"], report["bufferConsumption"], report["tasks"][0]["zone"]) == ("red", 100, "red")
    assert [point["zone"] for point in report["trail"]] == ["green", "red"]


def test_the_dispatcher_runs_until_it_is_told_to_stop_and_hears_of_others_commits(database: Path) -> None:
    with receiving() as receiver:
        chainbell("webhooks", "add", receiver.url, "--account", "7", "--secret", "hush-hush", database=database)
        command = [CHAINBELL, "--database", f"sqlite:///{database}", "--log", "json", "--log-level", "info", "dispatch"]
        dispatcher = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        fired = lines(chainbell("apply", "-", database=database, stdin=json_lines(START)).stdout)
        assert dispatcher.stderr is not None
        begun = json.loads(dispatcher.stderr.readline())
        logged = [json.loads(dispatcher.stderr.readline()) for _ in fired[0]["events"]]
        dispatcher.send_signal(signal.SIGTERM)
        assert dispatcher.wait(30) == 0
        dispatcher.stderr.close()
    assert begun["event"] == "chainbell.dispatching"
    assert {line["event"] for line in logged} == {"chainbell.delivery_attempted"}
    assert {line["state"] for line in logged} == {"delivered"}
    assert "hush-hush" not in json.dumps(logged)
    assert all(not isinstance(value, dict | list) for line in logged for value in line.values()), "flat fields"
    assert len(receiver.requests) == len(fired[0]["events"]) == 3


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({**START, "projectId": 2}, "projectId"),
        (task_update(99, AT, percentComplete=1), "taskId"),
        (task_update(1, AT, percentComplete=130), "percentComplete"),
        (task_update(1, AT, remainingDuration=-1), "remainingDuration"),
        (task_update(1, "yesterday", percentComplete=1), "at"),
        ({"kind": "task.update", "projectId": 1, "at": AT, "percentComplete": 1}, "taskId: is missing"),
    ],
)
def test_a_bad_change_exits_2_and_leaves_the_database_unchanged(
    database: Path, tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    before = dump(database)
    (tmp_path / "changes.jsonl").write_text(json_lines(START, change))
    run = chainbell("apply", tmp_path / "changes.jsonl", database=database)
    assert (run.returncode, run.stdout) == (2, "")
    assert named in run.stderr
    streamed = chainbell("apply", "-", database=database, stdin=json_lines(change))
    assert streamed.returncode == 2
    assert "line 1" in streamed.stderr
    assert dump(database) == before


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (json.dumps(line_plan())[:-20], "is not JSON"),
        (json.dumps(line_plan()).replace('"duration": 5', '"duration": NaN'), "NaN"),
        (json.dumps(line_plan()).replace('"duration": 5', '"duration": -5'), "tasks[0].duration"),
        (json.dumps(line_plan()).replace('"id": 2', '"id": 1'), "tasks[1].id: two tasks have the id 1"),
        (json.dumps(line_plan()).replace('"to": 2', '"to": 1'), "links: the tasks form a cycle"),
        ("[]", "document"),
    ],
)
def test_a_bad_plan_exits_2_and_leaves_the_database_unchanged(
    database: Path, tmp_path: Path, text: str, named: str
) -> None:
    before = dump(database)
    (tmp_path / "bad.json").write_text(text)
    run = chainbell("load", tmp_path / "bad.json", database=database)
    assert run.returncode == 2
    assert named in run.stderr
    assert "Traceback" not in run.stderr
    assert dump(database) == before


def test_the_database_may_be_named_after_the_command(database: Path) -> None:
    run = chainbell("events", "list", "--json", "--database", f"sqlite:///{database}")
    assert (run.returncode, run.stdout) == (0, "")


def test_names_are_not_markup(tmp_path: Path) -> None:
    plan = line_plan(5, buffer=1)
    plan["project"]["name"] = plan["tasks"][0]["name"] = "[/] [red]plain[/red] [link"
    update = task_update(1, AT, status="InProgress", remainingDuration=9)
    (tmp_path / "s.json").write_text(json.dumps({"plan": plan, "changes": [update]}))
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    run = chainbell("simulate", tmp_path / "s.json", "--listen")
    assert (run.returncode, run.stdout.count("[/] [red]plain[/red] [link") >= 3) == (0, True), run.stderr
    chainbell("load", tmp_path / "plan.json", database=tmp_path / "m.db")
    status = chainbell("project", "status", "1", database=tmp_path / "m.db")
    assert status.stdout.count("[/] [red]plain[/red] [link") == 2


def test_what_is_not_there_is_said_plainly(database: Path, tmp_path: Path) -> None:
    for arguments in (
        ["load", tmp_path / "none.json"], ["project", "status", "99"], ["events", "show", "x"],
        ["simulate", tmp_path / "none.yaml"], ["webhooks", "add", "ftp://x/", "--account", "7"],
        ["webhooks", "logs", "x"], ["apply", "none.jsonl"],
    ):  # fmt: skip
        run = chainbell(*arguments, database=database)
        assert run.returncode == 2, arguments
        assert "Traceback" not in run.stderr
    (tmp_path / "text.db").write_text("no database at all, just text that goes on for a while" * 30)
    for path in (Path("/nowhere/at/all.db"), tmp_path / "text.db"):
        run = chainbell("events", "list", database=path)
        assert (run.returncode, "database" in run.stderr, "Traceback" in run.stderr) == (2, True, False)
