"""A project that cannot be evaluated is named, counted and told by the exit status; the others are done."""

import json
from pathlib import Path
from urllib.request import urlopen

import pytest
from sqlalchemy import update

from chainbell.engine import Engine
from chainbell.storage.tables import ProjectRow, table
from tests.e2e.commands import chainbell, lines
from tests.e2e.servers import serving
from tests.e2e.test_serving import call
from tests.e2e.waiting import SECONDS
from tests.plans import MONDAY, line_plan

POISONED, PROJECTS = 3, 5
LATE = "2025-03-21T17:00:00Z"
TICK = {"kind": "clock", "at": LATE}
COUNTED = "chainbell_evaluations_refused_total"


@pytest.fixture
def portfolio(tmp_path: Path) -> Path:
    """Projects 1 to 5; the calendar of the third is none."""
    with Engine(f"sqlite:///{tmp_path / 'c.db'}") as engine:
        for number in range(1, PROJECTS + 1):
            engine.load(line_plan(project_id=number), at=MONDAY)
        rows = table(ProjectRow)
        with engine.database.write() as connection:
            connection.execute(update(rows).where(rows.c.id == POISONED).values(calendar={"hours": "none"}))
    return tmp_path / "c.db"


def evaluated(database: Path) -> set[object]:
    """The projects whose task has turned red."""
    with Engine(f"sqlite:///{database}") as engine:
        return {event.project_id for event in engine.events(name="task.red")}


def named(told: str) -> list[object]:
    """The projects that the log says cannot be evaluated."""
    log = lines("\n".join(line for line in told.splitlines() if line.startswith("{")))
    return [line["project_id"] for line in log if line["event"] == "chainbell.evaluation_refused"]


@pytest.mark.parametrize("how", [[], ["--workers", "2"]])
def test_a_reevaluation_names_it_and_ends_with_status_1(portfolio: Path, how: list[str]) -> None:
    run = chainbell("--log", "json", "reevaluate", "--as-of", LATE, *how, database=portfolio)
    assert run.returncode == 1
    assert f"chainbell: project {POISONED}: " in run.stderr
    assert named(run.stderr) == [POISONED]
    assert evaluated(portfolio) == {1, 2, 4, 5}


@pytest.mark.parametrize("way", ["file", "stream"])
def test_a_tick_for_all_names_it_and_ends_with_status_1(portfolio: Path, tmp_path: Path, way: str) -> None:
    ticks = tmp_path / "ticks.jsonl"
    ticks.write_text(json.dumps(TICK))
    where = str(ticks) if way == "file" else "-"
    run = chainbell("--log", "json", "apply", where, database=portfolio, stdin=ticks.read_text())
    assert run.returncode == 1
    assert named(run.stderr) == [POISONED]
    assert evaluated(portfolio) == {1, 2, 4, 5}


def test_a_server_counts_it(portfolio: Path) -> None:
    token = chainbell("token", "create", "--account", "7", database=portfolio).stdout.strip()
    with serving(portfolio, "--no-dispatch") as base:
        assert call(f"{base}/api/v1/changes", token, "POST", TICK)[0] == 200
        with urlopen(f"{base}/metrics", timeout=SECONDS) as answer:
            assert f"{COUNTED} 1.0" in answer.read().decode().splitlines()
    assert evaluated(portfolio) == {1, 2, 4, 5}
