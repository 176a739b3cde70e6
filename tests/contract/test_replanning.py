"""What a re-plan does to alarms that have rung, and what else a project's memory must survive."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from chainbell.engine import Engine, InvalidInputError
from chainbell.storage.tables import BaselineRow, ProjectRow, table
from tests.plans import MONDAY, line_plan, task_update

AT = "2025-03-03T09:00:00Z"


def two_chains(buffer: float, *, with_a: bool = True) -> dict[str, Any]:
    """A of ten days on the critical chain, Z of one day beside it; or Z alone."""
    plan = line_plan(10, 1, buffer=buffer)
    plan["tasks"] = [{"id": "A", "name": "A", "duration": 10}, {"id": "Z", "name": "Z", "duration": 1}][not with_a :]
    plan["links"] = []
    plan["chains"] = [{"id": "critical", "kind": "critical", "tasks": ["A" if with_a else "Z"]}]
    if with_a:
        plan["chains"].append({"id": "z", "kind": "feeding", "tasks": ["Z"]})
    return plan


def alone(buffer: float) -> dict[str, Any]:
    plan = two_chains(buffer)
    return {**plan, "tasks": plan["tasks"][:1], "chains": plan["chains"][:1]}


def names(events: Any) -> list[tuple[str, Any]]:
    return [(event.name, event.subject_id) for event in events]


@pytest.mark.parametrize("restarted", [False, True])
def test_a_replan_that_rings_something_itself_forgets_what_has_rung(
    engine: Engine, database_url: str, restarted: bool
) -> None:
    engine.load(alone(5), at=MONDAY)
    rung = engine.apply(task_update("A", AT, status="InProgress", remainingDuration=15))
    assert names(rung)[-2:] == [("task.red", "A"), ("project.early_warning", 1)]
    replanned = engine.apply({"kind": "plan", "at": AT, "plan": two_chains(50)})
    assert names(replanned) == [("task.ready", "Z")]
    if restarted:
        engine = Engine(database_url, keys=["a" * 43 + "="])
    late = engine.apply(task_update("A", "2025-03-03T10:00:00Z", remainingDuration=67))
    assert names(late) == [("task.duration_changed", "A"), ("task.red", "A"), ("project.early_warning", 1)]
    engine.close()


@pytest.mark.parametrize("how", ["apply", "reevaluate", "tick for all"])
def test_a_replan_may_drop_a_red_task(engine: Engine, how: str) -> None:
    engine.load(alone(5), at=MONDAY)
    engine.load({**alone(5), "accountId": 8}, at=MONDAY)
    engine.apply(task_update("A", AT, status="InProgress", remainingDuration=15, accountId=7))
    plan = two_chains(5, with_a=False)
    engine.apply({"kind": "plan", "at": AT, "plan": plan})
    later = MONDAY + timedelta(days=30)
    if how == "apply":
        fired = engine.apply(task_update("Z", later.isoformat(), status="InProgress", remainingDuration=9, accountId=7))
    elif how == "reevaluate":
        report = engine.reevaluate(later)
        assert (report.projects, report.refused) == (2, ())
        fired = engine.events(account=7)
    else:
        fired = engine.apply({"kind": "clock", "at": later.isoformat()})
    assert ("task.red", "Z") in names(fired)


def test_another_name_rings_nothing_again(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    engine.apply(task_update(1, AT, status="InProgress", remainingDuration=15))
    plan = line_plan()
    plan["project"]["name"] = "Another"
    plan["tasks"][1]["name"] = "Another, too"
    assert engine.apply({"kind": "plan", "at": AT, "plan": plan}) == []
    assert engine.status(1).baseline == 2
    assert engine.apply(task_update(1, AT, remainingDuration=16))[1:] == []
    plan["buffers"][0]["size"] = 9
    fired = engine.apply({"kind": "plan", "at": AT, "plan": plan})
    assert names(fired) == [("task.red", 1), ("project.early_warning", 1)]


def test_a_change_id_stands_for_one_content(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    change = task_update(1, AT, status="InProgress", changeId="c-1")
    fired = engine.apply(change)
    for other in ({**change, "status": "OnHold"}, {**change, "at": "2025-03-04T09:00:00Z"}, {**change, "reason": "?"}):
        with pytest.raises(InvalidInputError, match="changeId: 'c-1' was given to another change already"):
            engine.apply(other)
        outcomes = engine.apply_each([{**change, "changeId": "c-2"}, {**other, "changeId": "c-2"}])
        assert [outcome.error is None for outcome in outcomes] == [True, False]
        engine.apply({"kind": "clock", "at": AT, "projectId": 1})
    assert engine.apply(change) == fired


def test_a_change_id_stands_for_what_is_said_however_it_is_spelt(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    change = task_update(1, AT, status="InProgress", changeId="c-1")
    fired = engine.apply(change)
    account = line_plan()["accountId"]
    for same in ({**change, "at": "2025-03-03T10:00:00+01:00"}, {**change, "accountId": account, "reason": None}):
        assert engine.apply(same) == fired


def test_a_plan_follows_one_that_is_not_taken_any_more(engine: Engine) -> None:
    """What a plan may say becomes stricter from release to release; what was taken then stays no obstacle."""
    engine.load(line_plan(), at=MONDAY)
    old = {**line_plan(), "whatWasOnceCalled": 1}
    with engine.database.write() as connection:
        connection.execute(update(table(BaselineRow)).values(plan=old))
    engine.load(line_plan(), at=MONDAY)
    assert engine.status(1).baseline == 2


def test_a_margin_of_before_it_was_checked_is_read_and_evaluated(engine: Engine) -> None:
    engine.load(line_plan(status="Active"), at=MONDAY)
    with engine.database.write() as connection:
        row = table(ProjectRow)
        (zones,) = connection.execute(select(row.c.zones)).scalars()
        connection.execute(update(row).values(zones={**zones, "margin": 60.0}))
    assert ("task.red", 1) in names(engine.apply(task_update(1, AT, status="InProgress", remainingDuration=15)))
    with pytest.raises(InvalidInputError, match=r"zones\.margin: must be at most 50"):
        engine.load({**line_plan(), "project": {**line_plan()["project"], "zones": {"margin": 60.0}}}, at=MONDAY)


def test_a_change_without_an_instant_is_of_now_and_may_be_sent_again(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    change = task_update(1, "", status="InProgress", changeId="c-1")
    del change["at"]
    before = engine.now()
    fired = engine.apply(change)
    assert before <= fired[0].occurred_at <= engine.now()
    assert engine.apply(change) == fired


def test_a_trail_is_told_in_order_and_says_when_each_point_was_told(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    engine.apply(task_update(1, "2025-03-05T09:00:00Z", status="InProgress", remainingDuration=8))
    engine.apply(task_update(2, "2025-03-04T09:00:00Z", remainingDuration=12))
    trail = engine.status(1).trail
    assert [point.at for point in trail] == sorted(point.at for point in trail)
    assert None not in [point.recorded_at for point in trail]
    assert [point.at for point in trail][-1] == MONDAY.replace(day=5, hour=9), "what is told late is known from then on"


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (task_update(1, AT, "1", percentComplete=5), "projectId: there is no project '1'; there is one with the id 1"),
        (task_update("1", AT, percentComplete=5), "taskId: project 1 has no task '1'; it has one with the id 1"),
        (
            {"kind": "milestone.complete", "projectId": 1, "milestoneId": "345", "at": AT},
            "milestoneId: project 1 has no milestone '345'; it has one with the id 345",
        ),
    ],
)
def test_an_id_in_the_other_type_is_hinted_at(engine: Engine, change: dict[str, Any], hint: str) -> None:
    engine.load(line_plan(), at=MONDAY)
    with pytest.raises(InvalidInputError) as caught:
        engine.apply(change)
    assert str(caught.value) == hint


def test_baselines_are_read_as_they_were_planned_and_nothing_is_planned_anew(engine: Engine) -> None:
    plan = line_plan(5, 10)
    for field in ("chains", "buffers"):
        del plan[field]
    plan["tasks"][0]["resources"] = plan["tasks"][1]["resources"] = ["x"]
    plan["links"] = []
    engine.load(plan, at=MONDAY)
    plan["tasks"][1]["duration"] = 12
    engine.load(plan, at=MONDAY)
    with engine.database.write() as connection:  # documents that no planner could read
        connection.execute(update(table(BaselineRow)).values(plan={}))
    first, second = engine.baselines(1)
    assert first.planned is not None
    assert first.planned["chains"] == [{"id": "critical", "kind": "critical", "tasks": [2, 1], "joins": None}]
    assert first.planned["links"] == [{"from": 2, "to": 1, "type": "FS", "lag": 0.0, "resource": "x"}]
    assert [task["plannedStart"] for task in first.planned["tasks"]] == ["2025-03-17", "2025-03-03"]
    assert any("critical chain found: 2 -> 1" in note for note in first.notes)
    assert {change.field for change in second.changes} >= {"tasks[2].duration", "buffers[PB].size"}


def test_baselines_from_before_they_were_kept_as_planned_are_compared_by_their_documents(engine: Engine) -> None:
    engine.load(line_plan(5, 10), at=MONDAY)
    with engine.database.write() as connection:
        connection.execute(update(table(BaselineRow)).values(planned=None, notes=None))
    plan = line_plan(5, 12)
    plan["buffers"][0]["size"] = 8
    engine.load(plan, at=MONDAY)
    first, second = engine.baselines(1)
    assert (first.planned, first.notes) == (None, ())
    assert {change.field for change in second.changes} == {"tasks[2].duration", "buffers[PB].size"}


def under_way(status_date: str, **told: Any) -> dict[str, Any]:
    plan = line_plan(10, 10)
    plan["tasks"][0] |= {"actualStart": "2025-03-03", **told}
    plan["project"]["statusDate"] = status_date
    return plan


def test_a_file_read_again_brings_its_later_progress(engine: Engine) -> None:
    """Of a task that nobody has reported of, the newest plan that speaks of it decides; one that is silent does not."""
    engine.load(under_way("2025-03-10", remainingDuration=8), at=MONDAY + timedelta(days=7))
    engine.load(line_plan(10, 11), at=MONDAY + timedelta(days=14))
    assert engine.status(1).tasks[0].status == "InProgress"
    engine.load(under_way("2025-03-24", actualFinish="2025-03-18"), at=MONDAY + timedelta(days=21))
    assert engine.status(1).tasks[0].status == "Completed"


def test_reports_outlive_what_a_plan_says_and_the_plan_is_told_so(engine: Engine) -> None:
    engine.load(line_plan(10, 10), at=MONDAY)
    engine.apply(task_update(1, "2025-03-10T09:00:00Z", status="InProgress", remainingDuration=3))
    engine.load(under_way("2025-03-24", actualFinish="2025-03-18"), at=MONDAY + timedelta(days=21))
    assert engine.status(1).tasks[0].status == "InProgress"
    assert any("left aside where reports say otherwise: 1" in note for note in engine.baselines(1)[1].notes)


def test_a_trail_is_in_order_of_its_instants_where_a_re_plan_brought_time_back(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    engine.apply(task_update(1, "2026-01-01T09:00:00Z", status="InProgress"))
    engine.load(line_plan(5, 10, 6), at=MONDAY)
    engine.apply(task_update(1, "2025-03-04T09:00:00Z", remainingDuration=7, allowStale=True))
    instants = [point.at for point in engine.status(1).trail]
    assert instants[-1].year == 2026
    assert instants == sorted(instants)
