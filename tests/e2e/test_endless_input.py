"""Input without an end: the command says so and ends, in bounded memory."""

import json
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.e2e.commands import CHAINBELL, ENVIRONMENT, chainbell
from tests.plans import line_plan, task_update

GIBIBYTE = 2**30


def test_a_line_of_changes_that_does_not_end_is_refused_and_what_came_before_stays(tmp_path: Path) -> None:
    database, plan = tmp_path / "lines.db", tmp_path / "plan.json"
    plan.write_text(json.dumps(line_plan()))
    assert chainbell("load", plan, database=database).returncode == 0
    fine = json.dumps(task_update(1, "2025-03-04T09:00:00Z", status="InProgress")).encode() + b"\n"
    command = [CHAINBELL, "--database", f"sqlite:///{database}", "apply", "-"]
    pipe, out = subprocess.PIPE, subprocess.PIPE
    with subprocess.Popen(command, env=ENVIRONMENT, stdin=pipe, stdout=out, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(fine)
        sent = 0
        with suppress(BrokenPipeError):
            while sent < GIBIBYTE:
                sent += process.stdin.write(b" " * 2**20)
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.stdin = None
        answer, error = process.communicate(timeout=120)
    assert (process.returncode, sent < GIBIBYTE / 4) == (2, True)
    assert json.loads(answer.splitlines()[0])["events"][0]["event"] == "task.status_changed"
    assert b"line 2" in error
    assert b"is longer than 16777216 bytes" in error
    refused = chainbell("apply", "/dev/zero", database=database)
    assert (refused.returncode, "is larger than" in refused.stderr) == (2, True)
