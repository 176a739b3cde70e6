"""A project that cannot be evaluated is named and told by the exit status; the others are done."""

import json
from pathlib import Path

import pytest
from sqlalchemy import update

from chainbell.engine import Engine
from chainbell.storage.tables import ProjectRow, table
from tests.e2e.commands import chainbell, lines
from tests.plans import MONDAY, line_plan

POISONED, PROJECTS = 3, 5
LATE = "2025-03-21T17:00:00Z"
TICK = {"kind": "clock", "at": LATE}


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


def test_a_reevaluation_names_it_and_ends_with_status_1(portfolio: Path) -> None:
    run = chainbell("--log", "json", "reevaluate", "--as-of", LATE, database=portfolio)
    assert run.returncode == 1
    assert f"chainbell: project {POISONED}: " in run.stderr
    assert named(run.stderr) == [POISONED]
    assert evaluated(portfolio) == {1, 2, 4, 5}


def test_a_tick_for_all_names_it_and_ends_with_status_1(portfolio: Path) -> None:
    """At the end: the lines that follow are applied."""
    later = {"kind": "project.update", "projectId": 1, "status": "Frozen", "at": LATE}
    ticks = "\n".join(map(json.dumps, (TICK, later)))
    run = chainbell("--log", "json", "apply", "-", database=portfolio, stdin=ticks)
    assert len(lines(run.stdout)) == 2
    assert run.returncode == 1
    assert named(run.stderr) == [POISONED]
    assert evaluated(portfolio) == {1, 2, 4, 5}
