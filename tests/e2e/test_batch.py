"""`reevaluate` as people and schedulers run it, on one process, two, and a Dask cluster of two workers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import LocalCluster

from chainbell.engine import Engine
from chainbell.storage import generate_key
from tests.e2e.commands import chainbell
from tests.plans import MONDAY, line_plan


@pytest.fixture
def portfolio(tmp_path: Path) -> Path:
    with Engine(f"sqlite:///{tmp_path / 'c.db'}") as engine:
        for number in range(1, 8):
            engine.load(line_plan(project_id=number), at=MONDAY)
    return tmp_path / "c.db"


@pytest.mark.parametrize("how", [[], ["--workers", "2"]])
def test_it_evaluates_tells_and_adds_nothing_the_second_time(portfolio: Path, how: list[str]) -> None:
    command = ["reevaluate", "--as-of", "2025-03-21", *how]
    told = chainbell(*command, "--dry-run", database=portfolio)
    assert told.stdout == "7 projects evaluated as of 2025-03-21; 14 events would fire, nothing is kept\n"
    lines = chainbell(*command, "--json", database=portfolio).stdout.splitlines()
    assert {json.loads(line)["event"] for line in lines} == {"task.red", "project.early_warning"}
    assert len(lines) == 14
    assert chainbell(*command, database=portfolio).stdout.startswith("0 projects evaluated")


def test_projects_may_be_named(portfolio: Path) -> None:
    run = chainbell("reevaluate", "--as-of", "2025-03-21", "--project", "3", "--account", "7", database=portfolio)
    assert run.stdout.startswith("1 project evaluated")


@pytest.fixture
def cluster() -> Iterator[str]:
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as running:
        yield str(running.scheduler_address)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_dask_cluster_of_two_workers_runs_the_same_code(cluster: str, database_url: str) -> None:
    with Engine(database_url, keys=[generate_key()]) as engine:
        engine.apply_each(
            [{"kind": "plan", "at": MONDAY.isoformat(), "plan": line_plan(project_id=n)} for n in range(450)]
        )
        as_of = MONDAY.replace(day=21)
        report = engine.reevaluate(as_of, dask=cluster)
        assert (report.projects, report.events, report.refused) == (450, 900, ())
        assert engine.reevaluate(as_of, dask=cluster).projects == 0
        with Engine("sqlite://") as alone:
            alone.load(line_plan(project_id=449), at=MONDAY)
            alone.reevaluate(as_of)
            assert [event.id for event in alone.events(449)] == [event.id for event in engine.events(449)]
