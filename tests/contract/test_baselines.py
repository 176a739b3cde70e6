"""Plans kept: derived ones whole, old baselines beside the new, a way back from a report of the far future."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chainbell.engine import Engine, InvalidInputError
from chainbell.engine.documents.plan import read_plan
from chainbell.engine.planner import project_of
from chainbell.storage import generate_key, projects
from tests.plans import MONDAY, line_plan, task_update


def stored(engine: Engine) -> Any:
    with engine.database.read() as connection:
        located = projects.locate(connection, 1, None)
        assert located is not None
        return projects.read(connection, located.key).project


DERIVED = {
    "accountId": 7,
    "project": {
        "id": 1,
        "name": "P",
        "startDate": "2025-03-03",
        "calendar": {"hours": [["08:00", "12:00"], ["13:00", "24:00"]]},
    },
    "resources": [{"id": "dev", "capacity": 1}],
    "tasks": [
        {"id": 1, "name": "A", "duration": 3, "resources": ["dev"], "startNoEarlierThan": 1.5},
        {"id": 2, "name": "B", "duration": 4, "resources": [{"id": "dev", "units": 1}]},
        {"id": 3, "name": "C", "duration": 2, "actualStart": "2025-03-03", "remainingDuration": 1.5},
    ],
    "links": [{"from": 1, "to": 3, "type": "SS", "lag": -0.5}],
    "planning": {"buffers": "rsem", "measure": "overage"},
}  # fmt: skip


def test_a_derived_plan_is_kept_whole(engine: Engine) -> None:
    engine.load(DERIVED, at=MONDAY)
    planned = project_of(read_plan(DERIVED), MONDAY)
    assert stored(engine) == replace(planned, latches={})
    assert [link.resource for link in stored(engine).network.links] == [None, "dev"]


def test_a_plan_that_only_spells_out_what_was_meant_is_no_new_baseline(engine: Engine) -> None:
    plan = line_plan()
    engine.load(plan, at=MONDAY)
    plan["links"] = [{**link, "type": "FS", "lag": 0} for link in plan["links"]]
    assert engine.load(plan, at=MONDAY) == []
    assert len(engine.baselines(1)) == 1


def test_every_baseline_is_kept_and_says_what_it_changed(engine: Engine) -> None:
    engine.load(line_plan(5, 10, 5), at=MONDAY)
    engine.load(line_plan(5, 12, 5, buffer=8), at=MONDAY)
    first, second = engine.baselines(1)
    assert (first.number, first.changes, first.plan["tasks"][1]["duration"]) == (1, (), 10)
    changes = {change.field: (change.before, change.after) for change in second.changes}
    assert changes["tasks[2].duration"] == (10, 12)
    assert changes["buffers[PB].size"] == (10, 8)
    moved = {"tasks[2].plannedFinish", "tasks[3].plannedStart", "tasks[3].plannedFinish"}
    assert set(changes) == {"tasks[2].duration", "buffers[PB].size", *moved}


def test_a_change_of_a_wrong_year_is_refused(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    with pytest.raises(InvalidInputError, match=r"at: .* lies more than a day ahead of the clock"):
        engine.apply(task_update(1, "2090-01-01T09:00:00Z", status="InProgress"))
    with pytest.raises(InvalidInputError, match="at: "):
        engine.load(line_plan(), at=MONDAY.replace(year=2090))
    engine.apply(task_update(1, (engine.now() + timedelta(hours=23)).isoformat(), status="InProgress"))


def test_a_new_baseline_brings_back_a_project_that_a_report_moved_on(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    engine.apply(task_update(1, "2026-01-01T09:00:00Z", status="InProgress"))
    assert engine.status(1).as_of.year == 2026
    engine.load(line_plan(5, 10, 6), at=MONDAY)
    engine.apply(task_update(1, "2025-03-04T09:00:00Z", status="InProgress", remainingDuration=5, allowStale=True))
    assert engine.status(1).as_of.year == 2025


def test_a_preview_knows_what_was_applied(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    change = task_update(1, "2025-03-03T09:00:00Z", status="InProgress", changeId="c-1")
    fired = engine.apply(change)
    assert engine.preview(change) == fired
    assert engine.preview({"kind": "plan", "at": "2025-03-03T09:00:00Z", "plan": line_plan()}) == []


def test_one_project_that_cannot_be_evaluated_does_not_hold_up_the_others(database_url: str) -> None:
    with Engine(database_url, keys=[generate_key()], clock=lambda: MONDAY.replace(year=2199, day=14)) as engine:
        _one_ends_beyond_all_dates(engine)


def _one_ends_beyond_all_dates(engine: Engine) -> None:
    engine.load(line_plan(project_id=1), at=MONDAY)
    engine.load(line_plan(project_id=2, buffer=10), at=MONDAY)
    engine.load(line_plan(*[99_000] * 21, project_id="far", status="Planning"), at=MONDAY)  # ends in the year 9994
    started = {"kind": "project.update", "projectId": "far", "status": "Active", "at": "2025-03-03T09:00:00Z"}
    engine.apply(started)
    with pytest.raises(InvalidInputError, match="beyond all dates"):
        engine.apply({"kind": "clock", "at": "2199-03-14T17:00:00Z", "projectId": "far"})
    fired = engine.apply({"kind": "clock", "at": "2199-03-14T17:00:00Z"})
    assert {event.project_id for event in fired if event.name == "task.red"} == {1, 2}


@pytest.mark.parametrize("at", [MONDAY.replace(tzinfo=None), MONDAY.replace(year=1800)])
def test_a_plan_is_made_at_an_instant_of_our_time(engine: Engine, at: Any) -> None:
    with pytest.raises(InvalidInputError, match="at: "):
        engine.load(line_plan(), at=at)


def test_a_status_beyond_all_dates_is_refused(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    with pytest.raises(InvalidInputError, match="asOf"):
        engine.status(1, as_of=MONDAY.replace(year=9999, month=12, day=31))
    with pytest.raises(InvalidInputError, match=r"buffers\[0\].size"):
        engine.load(line_plan(*[99_000] * 30, project_id=3), at=MONDAY)
