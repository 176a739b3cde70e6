"""The example hosts, run as their own processes."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from chainbell.storage import generate_key
from tests.e2e.commands import FIXTURES
from tests.e2e.waiting import SECONDS, listens, until
from tests.plans import line_plan

HOSTS = FIXTURES / "hosts"


def test_the_plain_script_commits_and_rolls_back_with_the_host() -> None:
    run = subprocess.run([sys.executable, HOSTS / "plain_script.py"], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[:4] == [
        "after rollback: NotStarted",
        "before commit: nobody has heard of it yet",
        "after commit: task.ready Cupboards",
        "kept: Completed",
    ]


@contextmanager
def serving(database: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "DATABASE": database, "CHAINBELL_KEYS": generate_key()}
    command = [sys.executable, "-m", "uvicorn", "fastapi_backend:app", "--port", str(port), "--log-level", "warning"]
    process = subprocess.Popen(command, cwd=HOSTS, env=environment)
    try:
        until(lambda: listens(port) or process.poll() is not None)
        assert process.poll() is None
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=SECONDS)


def call(url: str, method: str = "GET", body: object = None) -> tuple[int, object]:
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310  loopback
    try:
        with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310  loopback
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def exercise(base: str) -> None:
    at = "2025-03-03T09:00:00Z"
    assert call(f"{base}/projects", "PUT", line_plan())[0] == 200
    started = {"status": "InProgress", "at": at}
    assert call(f"{base}/projects/1/tasks/1", "POST", started) == (200, ["task.status_changed"])
    undone = {"status": "OnHold", "at": at, "reason": "second thoughts"}
    assert call(f"{base}/projects/1/tasks/1", "POST", undone)[0] == 409
    status, refused = call(f"{base}/projects/1/tasks/9", "POST", started)
    assert (status, refused) == (422, {"field": "taskId", "reason": "project 1 has no task 9"})
    _, state = call(f"{base}/projects/1")
    assert isinstance(state, dict)
    assert state["tasks"][0]["status"] == "InProgress"
    _, kept = call(f"{base}/heard")
    assert isinstance(kept, dict)
    assert kept["events"][-1] == "task.status_changed"
    assert kept["audit"] == 2  # the plan and the start; what was refused or undone left nothing


def test_a_fastapi_backend_keeps_one_transaction_a_request(database_url: str) -> None:
    with serving(database_url.replace("sqlite:", "sqlite+aiosqlite:")) as base:
        exercise(base)
