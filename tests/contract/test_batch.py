"""The batch job: one code path for one process, several and a cluster; nothing twice, nothing lost to other writers."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep

import pytest
from sqlalchemy import update

from chainbell.engine import Engine, EvaluationError, InvalidInputError
from chainbell.engine.portfolio.batch import ChunkReport
from chainbell.rules import CATALOGUE, Event, Firing, Rule, Transition
from chainbell.storage import generate_key, projects
from chainbell.storage.tables import ProjectRow, table
from tests.plans import MONDAY, line_plan, task_update

FAR = datetime(2199, 3, 14, tzinfo=UTC)
LATE = datetime(2025, 3, 21, 17, tzinfo=UTC)
"""Three weeks on: a line of tasks that nobody has begun is late by all of them."""


def portfolio(engine: Engine, count: int = 5) -> None:
    engine.apply_each(
        [{"kind": "plan", "at": MONDAY.isoformat(), "plan": line_plan(project_id=n)} for n in range(1, count + 1)]
        + [{"kind": "plan", "at": MONDAY.isoformat(), "plan": line_plan(project_id="idle", status="Planning")}]
    )


def kept(engine: Engine) -> list[tuple[str, str, datetime]]:
    return sorted((event.id, event.name, event.occurred_at) for event in engine.events())


@pytest.mark.parametrize("workers", [1, 2])
def test_time_passes_for_every_active_project_once(engine: Engine, workers: int) -> None:
    portfolio(engine)
    heard: list[Event] = []

    def hear(_: Engine, event: Event) -> None:
        heard.append(event)

    engine.signal("task.red").connect(hear)
    report = engine.reevaluate(LATE, workers=workers)
    assert (report.projects, report.events, report.refused) == (5, 10, ())
    assert [event.project_id for event in heard] == [1, 2, 3, 4, 5]
    assert engine.status(3).as_of == LATE
    before = kept(engine)
    assert engine.reevaluate(LATE, workers=workers).projects == 0
    assert kept(engine) == before


def test_it_ends_in_the_events_that_clock_ticks_bring(engine: Engine) -> None:
    portfolio(engine)
    engine.reevaluate(LATE)
    with Engine("sqlite://") as ticking:
        portfolio(ticking)
        ticking.apply({"kind": "clock", "at": LATE.isoformat()})
        assert kept(engine) == kept(ticking)


def test_a_dry_run_says_what_would_fire_and_writes_nothing(engine: Engine) -> None:
    portfolio(engine)
    before = kept(engine)
    seen: list[ChunkReport] = []
    report = engine.reevaluate(LATE, dry_run=True, on_chunk=seen.append)
    assert (report.projects, report.events, kept(engine)) == (5, 10, before)
    assert {event.name for chunk in seen for event in chunk.events} == {"task.red", "project.early_warning"}
    assert engine.reevaluate(LATE).events == 10


def test_accounts_and_projects_may_be_named(engine: Engine) -> None:
    portfolio(engine)
    engine.load(line_plan(project_id=1, account="other"), at=MONDAY)
    assert engine.reevaluate(LATE, projects=[2, "idle"]).projects == 1
    assert engine.reevaluate(LATE, accounts=["other"]).projects == 1
    assert engine.portfolio.count_to_reevaluate(LATE) == 4


def test_what_another_writer_changes_meanwhile_is_evaluated_as_it_then_is(engine: Engine) -> None:
    """A report is committed between a chunk's reading and its writing: the project is done again, under its lock."""
    portfolio(engine, 2)
    with ThreadPoolExecutor(1) as pool:
        with engine.database.write() as connection:
            engine.apply(task_update(2, "2025-03-20T09:00:00Z", 2, remainingDuration=30), session=connection)
            running = pool.submit(engine.reevaluate, LATE)
            sleep(0.5)  # it has read by now, and waits to write
            assert not running.done()
        assert running.result(timeout=120).projects == 2
    assert engine.status(2).tasks[1].remaining_duration == 30
    assert engine.status(2).as_of == LATE
    assert [event.name for event in engine.events(2)].count("task.red") == 1


def test_a_project_that_cannot_be_evaluated_is_reported_and_the_others_are_done(database_url: str) -> None:
    with Engine(database_url, keys=[generate_key()], clock=lambda: FAR) as engine:
        _one_ends_beyond_all_dates(engine)


def _one_ends_beyond_all_dates(engine: Engine) -> None:
    portfolio(engine, 2)
    engine.load(line_plan(*[99_000] * 21, project_id="far", status="Active"), at=MONDAY)
    report = engine.reevaluate(FAR)
    assert report.projects == 3
    assert [project for project, _ in report.refused] == ["far"]
    assert "beyond all dates" in report.refused[0][1]
    assert engine.portfolio.count_to_reevaluate(FAR) == 1


def test_a_rule_that_fails_on_one_project_holds_up_nobody(database_url: str) -> None:
    """Whatever goes wrong in the rules, in the batch or in a tick for all, is told of that project alone."""

    def decide(step: Transition) -> list[Firing]:
        if step.after.id == 2 and step.now >= LATE:
            raise KeyError("gone")
        return []

    rules = (*CATALOGUE, Rule("project.of_the_host", tuple, decide))
    with Engine(database_url, keys=[generate_key()], rules=rules) as engine:
        portfolio(engine, 3)
        report = engine.reevaluate(LATE)
        assert report.refused == ((2, "KeyError: 'gone'"),)
        assert {event.project_id for event in engine.events(name="task.red")} == {1, 3}
        later = (LATE + timedelta(days=30)).isoformat()
        engine.apply({"kind": "clock", "at": later})
        assert engine.status(3).as_of > LATE
        tick = {"kind": "clock", "at": later, "projectId": 2}
        with pytest.raises(EvaluationError, match="project 2 cannot be evaluated: KeyError"):
            engine.apply(tick)
        failed, fine = engine.apply_each([tick, task_update(1, later, 3, percentComplete=5)])
        assert isinstance(failed.error, EvaluationError)
        assert fine.error is None


def test_a_rule_that_fires_twice_for_a_subject_is_told_of_before_anything_is_written(database_url: str) -> None:
    """Two events of one id would break every later write of the transaction they are in."""
    twice = [Firing(1, (), occurrence=1)] * 2
    rule = Rule("project.of_the_host", tuple, lambda step: twice, latched=False)
    with Engine(database_url, keys=[generate_key()], rules=(*CATALOGUE, rule)) as engine:
        with pytest.raises(EvaluationError, match=r"project\.of_the_host fires twice for 1"):
            engine.load(line_plan(), at=MONDAY)
        assert engine.events() == []


def test_a_project_that_cannot_be_read_holds_up_nobody(engine: Engine) -> None:
    portfolio(engine, 3)
    with engine.database.write() as connection:
        connection.execute(update(table(ProjectRow)).where(table(ProjectRow).c.id == 2).values(zones={"policy": "?"}))
    engine.apply({"kind": "clock", "at": (MONDAY + timedelta(days=1)).isoformat()})
    assert [engine.status(project).as_of > MONDAY for project in (1, 3)] == [True, True]
    report = engine.reevaluate(LATE)
    assert [project for project, _ in report.refused] == [2]
    assert {event.project_id for event in engine.events(name="task.red")} == {1, 3}
    assert report.projects == 3


def test_a_run_of_a_future_instant_is_a_dry_run(engine: Engine) -> None:
    """A report of a wrong year would blind every project until then."""
    portfolio(engine, 2)
    before = kept(engine)
    report = engine.reevaluate(engine.now() + timedelta(days=400))
    assert (report.dry_run, report.events) == (True, 4)
    assert kept(engine) == before
    assert engine.portfolio.count_to_reevaluate(LATE) == 2


def test_what_cannot_be_asked_is_refused(engine: Engine) -> None:
    with pytest.raises(InvalidInputError, match="asOf"):
        engine.reevaluate(MONDAY.replace(tzinfo=None))
    with pytest.raises(InvalidInputError, match="workers"):
        engine.reevaluate(LATE, workers=0)


def test_a_cluster_that_cannot_be_reached_is_refused(sqlite_engine: Engine) -> None:
    with pytest.raises(InvalidInputError, match="dask"):
        sqlite_engine.reevaluate(LATE, dask="tcp://127.0.0.1:1")


def test_many_changes_in_one_transaction_tell_of_each(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    at = MONDAY.isoformat()
    changes = [
        task_update(1, at, status="InProgress", changeId="a"),
        task_update(99, at, status="InProgress"),
        {"kind": "nonsense"},
        task_update(1, at, status="InProgress", changeId="a"),
        {"kind": "plan", "at": at, "plan": line_plan(project_id="new")},
        task_update(1, at, "new", remainingDuration=4),
    ]
    with pytest.raises(InvalidInputError, match="taskId"):
        engine.apply_all(changes[:2])
    assert engine.status(1).tasks[0].status == "NotStarted"
    outcomes = engine.apply_each(changes)
    assert [outcome.error and outcome.error.field for outcome in outcomes] == [None, "taskId", "kind", None, None, None]
    assert [outcome.is_kept for outcome in outcomes] == [True, False, False, True, True, True]
    assert outcomes[0].events == outcomes[3].events != ()
    assert engine.status("new").tasks[0].remaining_duration == 4
    assert [event.name for event in engine.events(1)].count("task.status_changed") == 1
    assert [outcome.events for outcome in engine.apply_each(changes[:1])] == [outcomes[0].events]


def test_snapshots_in_memory_follow_other_writers(engine: Engine, database_url: str) -> None:
    engine.load(line_plan(), at=MONDAY)
    engine.apply(task_update(1, MONDAY.isoformat(), status="InProgress"))
    with Engine(database_url, keys=["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]) as other:
        other.apply(task_update(1, (MONDAY + timedelta(hours=1)).isoformat(), status="OnHold"))
    fired = engine.apply(task_update(1, (MONDAY + timedelta(hours=2)).isoformat(), status="InProgress"))
    assert fired[0].data["previousStatus"] == "OnHold"


def test_one_project_with_more_people_than_a_statement_takes_parameters_is_read(tmp_path: Path) -> None:
    """SQLite takes 32,766 unless it is built for more, PostgreSQL's protocol 65,535; here it takes 500."""
    plan = line_plan(*[1] * 600)
    for task in plan["tasks"]:
        task["assignedTo"] = {"id": task["id"], "name": f"P{task['id']}"}
    with Engine(f"sqlite:///{tmp_path / 'c.db'}", keys=[generate_key()]) as engine:
        engine.load(plan, at=MONDAY)
        with engine.database.read() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 500)
            (key,) = projects.active_keys(connection)
            assert len({task.assigned_to for task in projects.read(connection, key).project.tasks}) == 600


def test_what_cannot_be_read_takes_no_other_change_along(database_url: str) -> None:
    at = (MONDAY + timedelta(hours=1)).isoformat()
    with Engine(database_url, keys=[generate_key()]) as engine:
        portfolio(engine, 2)
        with engine.database.write() as connection:
            row = table(ProjectRow)
            connection.execute(update(row).where(row.c.id == 2).values(zones={"policy": "?"}))
    with Engine(database_url, keys=[generate_key()]) as engine:
        changes = [task_update(1, at, project, percentComplete=5) for project in (1, 2)]
        good, bad = engine.apply_each(changes)
        assert good.error is None
        assert isinstance(bad.error, EvaluationError)
        with pytest.raises(EvaluationError, match="project 2 cannot be evaluated"):
            engine.status(2)


@pytest.mark.parametrize("year", [1, 1899, 2201, 9999])
def test_an_impossible_instant_is_refused(engine: Engine, year: int) -> None:
    portfolio(engine, 1)
    for ask in (engine.reevaluate, lambda at: engine.status(1, as_of=at)):
        with pytest.raises(InvalidInputError, match="asOf: lies outside the years 1900 to 2200"):
            ask(datetime(year, 6, 1, tzinfo=UTC))
