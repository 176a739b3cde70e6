"""Files of other tools, as they are: what they say is read, and what is computed from it is what they computed."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from xml.etree.ElementTree import Element, parse

import pytest

from chainbell.engine import Engine
from chainbell.engine.documents.plan import read_plan
from chainbell.engine.importers import completed, import_plan
from chainbell.engine.planner import plan_project
from chainbell.rules.planning.planning import Planned
from chainbell.rules.planning.schedule import instants
from tests.e2e.commands import chainbell
from tests.plans import MONDAY

EXTERNAL = Path(__file__).parents[2] / "fixtures" / "external"
SPACE = "{http://schemas.microsoft.com/project}"


def planned(path: Path, **options: object) -> Planned:
    imported = completed(import_plan(path.read_bytes(), path.name), path.name, MONDAY.date(), planning=dict(options))
    return plan_project(read_plan(imported.document), MONDAY)


def project_tasks(path: Path) -> Iterator[tuple[Path, Element]]:
    for task in parse(path).getroot().iterfind(f"{SPACE}Tasks/{SPACE}Task"):  # noqa: S314  our own fixture
        yield path, task


MSPDI = sorted((EXTERNAL / "mspdi").glob("*.xml"))


@pytest.mark.parametrize("path", MSPDI, ids=lambda path: path.stem)
def test_start_finish_slack_and_critical_of_every_task_are_microsoft_project_s(path: Path) -> None:
    plan = planned(path)
    project, dates = plan.project, plan.dates
    computed = instants(project.tasks, project.network, dates.start, dates.finish, project.calendar)
    compared = 0
    for _, element in project_tasks(path):
        told = {field.tag.removeprefix(SPACE): field.text for field in element}
        slack_days = float(told.get("TotalSlack") or 0) / 4800  # tenths of a minute of an eight-hour day
        begins, ends = (datetime.fromisoformat(f"{told[field]}+00:00") for field in ("Start", "Finish"))
        if told["Summary"] == "1":  # the project itself: from the first start to the last finish
            assert (begins, ends) == (min(b for b, _ in computed), max(e for _, e in computed))
            continue
        position = project.position(int(told["UID"] or ""))
        assert computed[position] == (begins, ends), told["Name"]
        assert dates.slack(position) == pytest.approx(slack_days, abs=1e-6), told["Name"]
        assert dates.is_critical(position) == (told["Critical"] == "1"), told["Name"]
        compared += 1
    assert compared == len(project.tasks) == 64


@pytest.mark.parametrize("path", MSPDI, ids=lambda path: path.stem)
def test_load_says_that_all_dates_are_microsoft_project_s(path: Path, tmp_path: Path) -> None:
    """Its own dates are not levelled; those of the buffered schedules are, and are kept as the planned ones."""
    loaded = chainbell("load", path, "--strict", database=tmp_path / "c.db")
    assert loaded.returncode == 0, loaded.stderr
    assert "dates equal for 64 of 64 tasks" in loaded.stdout


def test_the_plan_command_shows_microsoft_project_s_dates() -> None:
    shown = json.loads(chainbell("plan", str(MSPDI[0]), "--json").stdout)
    rows = {row["id"]: row for row in shown["tasks"]}
    assert rows[7]["start"] == "2026-01-22T09:00:00Z"
    assert rows[7]["finish"] == "2026-02-02T19:00:00Z"
    assert (rows[7]["totalSlack"], rows[7]["critical"]) == (6.0, False)
    assert rows[64]["finish"] == "2026-03-19T19:00:00Z"


def test_levelling_microsoft_project_s_file_leaves_no_resource_overloaded() -> None:
    imported = import_plan(MSPDI[0].read_bytes(), MSPDI[0].name)
    project = planned(MSPDI[0]).project
    capacity = {resource["id"]: resource["capacity"] for resource in imported.document["resources"]}
    demand = {task["id"]: task.get("resources", []) for task in imported.document["tasks"]}
    for at in {task.planned_start for task in project.tasks}:
        running = [t for t in project.tasks if t.planned_start <= at + 1e-9 and t.planned_finish > at + 1e-9]
        used = dict.fromkeys(capacity, 0.0)
        for task in running:
            for one in demand[task.id]:
                used[one["id"]] += one["units"]
        assert all(used[resource] <= capacity[resource] + 1e-9 for resource in used)


@pytest.mark.parametrize(
    ("folder", "chains", "buffers"),
    [
        (
            "example",
            {"critical": (("A", "B", "D", "F"), None), "feeding-1": (("C", "E"), "F")},
            {"PB": ("critical", 30), "FB1": ("feeding-1", 5)},
        ),
        (
            "website-launch",
            {
                "critical": (("W5", "W4", "W6", "W8", "W9"), None),
                "feeding-1": (("W3",), "W4"),
                "feeding-2": (("W1", "W2", "W7"), "W8"),
            },
            {"PB": ("critical", 23), "FB1": ("feeding-1", 4), "FB2": ("feeding-2", 6)},
        ),
    ],
)
def test_a_buffered_schedule_loads_with_its_dates_chains_and_buffers(
    folder: str,
    chains: dict[str, tuple[tuple[str, ...], str | None]],
    buffers: dict[str, tuple[str, float]],
    tmp_path: Path,
) -> None:
    file = EXTERNAL / "ccpm-schedules" / folder / "schedule.csv"
    project = planned(file).project
    assert {chain.id: (chain.tasks, chain.joins) for chain in project.chains} == chains
    assert {buffer.id: (buffer.chain, buffer.size) for buffer in project.buffers} == buffers
    rows = [line.split(",") for line in file.read_text().splitlines()[1:]]
    told = {row[0]: (float(row[4]), float(row[5]), float(row[6])) for row in rows if row[2] == "task"}
    assert {t.id: (t.planned_start, t.planned_finish, t.duration) for t in project.tasks} == told

    database = f"sqlite:///{tmp_path / 'c.db'}"
    loaded = chainbell("load", str(file), "--start", "2025-03-03", "--database", database)
    assert f"{len(told)} tasks" in loaded.stdout
    assert "column url dropped" in loaded.stdout
    assert "the schedule's own dates are kept as the planned ones" in loaded.stdout
    with Engine(database) as engine:
        assert len(engine.status("schedule").buffers) == len(buffers)


def test_planning_the_same_tasks_finds_the_scheduler_s_critical_chains() -> None:
    """Its chains come from a different algorithm: contention for the developer joins W5 and W4 in both."""
    folder = EXTERNAL / "ccpm-schedules"
    assert planned(folder / "example" / "tasks.csv").project.critical_chain.tasks == ("A", "B", "D", "F")
    project = planned(folder / "website-launch" / "tasks.csv").project
    assert project.critical_chain.tasks == ("W5", "W4", "W6", "W8", "W9")
    assert [(link.predecessor, link.successor, link.resource) for link in project.network.links if link.resource] == [
        ("W5", "W4", "dev")
    ]
