"""`plan`, `load`, `project baselines` and the event of one's own, as people run them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.commands import FIXTURES, chainbell
from tests.plan_files import COLUMNS, SMALL, xer_tables, xer_task


@pytest.mark.parametrize("name", SMALL)
def test_load_takes_every_format_and_says_what_it_read(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(SMALL[name])
    choices = ["--start", "2025-03-03", "--account", "acme", *(f"--map={choice}" for choice in COLUMNS.get(name, ()))]
    run = chainbell("load", tmp_path / name, *choices, database=tmp_path / "c.db")
    assert run.returncode == 0, run.stderr
    assert f"{name}: " in run.stdout
    assert " tasks, " in run.stdout
    assert ("buffers sized by half-chain: PB" in run.stdout) == (name != "schedule.csv")


def test_load_says_what_was_dropped_and_why(tmp_path: Path) -> None:
    (tmp_path / "plan.xer").write_bytes(SMALL["plan.xer"])
    out = chainbell("load", tmp_path / "plan.xer", database=tmp_path / "c.db").stdout
    assert "levels of effort dropped, they follow other tasks: Supervise" in out
    assert "the file gives no accountId: 1 is taken (--account)" in out


def test_a_file_that_cannot_be_read_exits_2_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "plan.xer").write_bytes(SMALL["plan.xer"].replace(b"\t40\t", b"\tforty\t"))
    (tmp_path / "plan.doc").write_bytes(b"\xd0\xcf\x11\xe0")
    refused = chainbell("load", tmp_path / "plan.xer", database=tmp_path / "c.db")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "plan.xer:11: target_drtn_hr_cnt: 'forty' is not a number" in refused.stderr
    assert "its ending is none of .json, .yaml" in chainbell("plan", tmp_path / "plan.doc").stderr


def test_load_and_plan_say_how_many_dates_are_the_file_s_own(tmp_path: Path) -> None:
    database = tmp_path / "c.db"
    file = FIXTURES / "imports" / "m1.xml"
    assert "dates equal for 1 of 1 tasks" in chainbell("plan", file, "--strict").stdout
    assert "dates equal for 1 of 1 tasks" in chainbell("load", file, database=database).stdout
    told = json.loads(chainbell("load", file, "--json", database=database).stdout)
    assert told["dates"] == {"equal": 1, "compared": 1, "first": None}
    assert (told["projectId"], told["baseline"]) == ("m1", 1)  # the same plan again is no new baseline
    assert any("a resource's calendar" in warning for warning in told["dropped"])


DIFFERING = """ID,Name,Duration,Start,Finish,Predecessors
1,A,2,2026-01-05,2026-01-06,
2,B,2,2026-01-12,2026-01-13,1
"""


def test_strict_refuses_a_file_whose_dates_differ_and_keeps_nothing(tmp_path: Path) -> None:
    file, database = tmp_path / "t.csv", tmp_path / "c.db"
    file.write_text(DIFFERING)
    for command in ("load", "plan"):
        refused = chainbell(command, file, "--strict", database=database)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "t.csv: dates equal for 1 of 2 tasks; differs first at 2 (B), by 3 working days" in refused.stderr
    assert json.loads(chainbell("plan", file, "--json").stdout)["dates"] == {
        "equal": 1,
        "compared": 2,
        "first": {
            "taskId": 2,
            "name": "B",
            "end": "start",
            "daysLater": -3.0,
            "reason": "the file starts it later than its links and dates ask: levelled there, or moved by hand",
        },
    }
    assert "baseline" not in chainbell("project", "baselines", "t", "--json", database=database).stdout
    assert chainbell("load", file, database=database).returncode == 0


def test_a_project_of_several_is_chosen_by_name(tmp_path: Path) -> None:
    projects: list[dict[str, object]] = [{"proj_id": 7, "proj_short_name": "N"}, {"proj_id": 8, "proj_short_name": "S"}]
    file = tmp_path / "p.xer"
    file.write_bytes(xer_tables(PROJECT=projects, TASK=[xer_task(1, proj_id=7), xer_task(2, proj_id=8)]))
    assert "project S: 1 task," in chainbell("plan", file, "--project", "S").stdout
    refused = chainbell("plan", file, "--project", "W")
    assert refused.returncode == 2
    assert "has no project 'W' with tasks, but N, S" in refused.stderr


def test_columns_are_mapped_on_the_command_line() -> None:
    file = FIXTURES / "imports" / "jira.csv"
    refused = chainbell("plan", file)
    assert refused.returncode == 2
    assert "is an export of Jira: read it with --map 'id=Issue key' --map name=Summary" in refused.stderr
    choices = [
        "id=Issue key",
        "name=Summary",
        "duration=Original estimate:seconds",
        "blocks=Outward issue link (Blocks)",
    ]
    shown = chainbell("plan", file, *(word for choice in choices for word in ("--map", choice)))
    assert "critical chain found: PROJ-1 -> PROJ-2" in shown.stdout


def test_a_re_plan_says_what_changed(tmp_path: Path) -> None:
    plan = json.loads(SMALL["plan.json"])
    for duration in (3, 4):
        plan["tasks"][0]["duration"] = duration
        (tmp_path / "plan.json").write_text(json.dumps(plan))
        run = chainbell("load", tmp_path / "plan.json", database=tmp_path / "c.db")
    assert "tasks[1].duration: 3.0 -> 4.0" in run.stdout
    shown = chainbell("project", "baselines", "1", "--json", database=tmp_path / "c.db").stdout.splitlines()
    second = json.loads(shown[1])
    assert second["number"] == 2
    assert {"field": "tasks[1].duration", "before": 3.0, "after": 4.0} in second["changes"]


@pytest.mark.parametrize("solver", ["serial", "cp-sat"])
def test_plan_shows_dates_slack_and_chains_and_keeps_nothing(solver: str, tmp_path: Path) -> None:
    file = FIXTURES / "external" / "ccpm-schedules" / "website-launch" / "tasks.csv"
    run = chainbell("plan", file, "--start", "2025-03-03", "--solver", solver, "--buffers", "rsem")
    assert run.returncode == 0, run.stderr
    assert "W5 -> W4 -> W6 -> W8 -> W9" in run.stdout
    assert "buffers sized by rsem" in run.stdout
    assert "2025-03-03" in run.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_trail_of_the_fever_chart_is_shown(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(SMALL["plan.json"])
    changes = tmp_path / "changes.jsonl"
    change = {"projectId": 1, "at": "2025-03-03T09:00:00Z"}
    lines = [
        {**change, "kind": "project.update", "status": "Active"},
        {**change, "kind": "task.update", "taskId": 1, "remainingDuration": 4, "status": "InProgress"},
    ]
    changes.write_text("\n".join(map(json.dumps, lines)))
    chainbell("load", tmp_path / "plan.json", database=tmp_path / "c.db")
    chainbell("apply", changes, database=tmp_path / "c.db")
    out = chainbell("project", "status", "1", database=tmp_path / "c.db").stdout
    assert "2025-03-03T09:00:00Z  baseline 1  chain    0.0 %  buffer    0.0 %  green" in out
    assert out.count("baseline 1  chain") == 2


def test_the_example_of_an_event_of_one_s_own_runs() -> None:
    run = subprocess.run([sys.executable, FIXTURES / "custom_event.py"], capture_output=True, text=True, check=True)
    assert "signal: 100.0 %" in run.stdout
    assert run.stdout.count("buffer.feeding_exhausted") == 1
