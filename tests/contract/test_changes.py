"""What every store must keep to: state, events and deliveries together, once, or not at all."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from chainbell.engine import Engine, InvalidInputError, StaleChange
from chainbell.rules import Event
from chainbell.storage import METADATA
from chainbell.storage.tables import ProjectRow, table
from tests.plans import MONDAY, line_plan, task_update

AT = "2025-03-03T09:00:00Z"


def rows(engine: Engine) -> dict[str, int]:
    """How many rows each table has."""
    with engine.database.read() as connection:
        counts = {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in METADATA.tables.items()
        }
    return {name.removeprefix("chainbell_"): count for name, count in counts.items()}


def test_state_events_and_deliveries_are_written_together(engine: Engine) -> None:
    engine.webhooks.add(7, "http://127.0.0.1:1/", events=["task.ready", "task.status_changed"])
    engine.webhooks.add(7, "http://127.0.0.1:1/", events=["task.ready"], is_active=False)
    engine.webhooks.add(8, "http://127.0.0.1:1/")
    assert [event.name for event in engine.load(line_plan(), at=MONDAY)] == ["task.ready"]
    fired = engine.apply(task_update(1, AT, status="InProgress"))
    assert [event.name for event in fired] == ["task.status_changed"]
    counts = rows(engine)
    assert (counts["event"], counts["delivery"], counts["change"]) == (2, 3, 2)
    assert engine.events() == engine.events(1, account=7)
    assert engine.event(fired[0].id) == fired[0]
    assert engine.status(1).tasks[0].status == "InProgress"


def test_a_project_comes_back_as_it_was(engine: Engine) -> None:
    person = {"id": "p-1", "name": "Zoë \u2028 🚀", "email": None}
    plan = line_plan(5.25, 10, project_id="PROJ-1", account="007")
    plan["tasks"][0]["assignedTo"] = person
    plan["project"] |= {"manager": person, "zones": {"policy": "fever"}, "calendar": {"holidays": ["2025-03-05"]}}
    engine.load(plan, at=MONDAY)
    engine.apply(task_update(1, AT, "PROJ-1", percentComplete=12.5, remainingDuration=9))
    report = engine.status("PROJ-1")
    assert (report.account_id, report.zones.policy, report.buffer_consumption) == ("007", "fever", 37.5)
    assert [event.data["assignedTo"] for event in engine.events(name="task.ready")] == [person]
    assert str(report.tasks[0].estimated_completion) == "2025-03-14"


def test_a_change_with_an_id_is_applied_once(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    change = task_update(1, AT, status="InProgress", changeId="c-1")
    first = engine.apply(change)
    before = rows(engine)
    assert engine.apply(change) == first
    assert rows(engine) == before


def test_loading_the_same_plan_again_changes_nothing(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    before = rows(engine)
    assert engine.load(line_plan(), at=MONDAY) == []
    assert rows(engine) == before


def test_a_plan_that_changed_nothing_is_remembered_by_its_id(engine: Engine) -> None:
    first = {"kind": "plan", "at": AT, "plan": line_plan(), "changeId": "c-1"}
    engine.apply(first)
    again = first | {"changeId": "c-2"}
    assert engine.apply(again) == []
    engine.apply({"kind": "plan", "at": AT, "plan": line_plan(6, 10, 5), "changeId": "c-3"})
    assert engine.apply(again) == []
    assert engine.status(1).baseline == 2


def test_a_new_calendar_does_not_move_work_over_the_weekend(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    engine.apply(task_update(1, "2025-03-10T09:00:00Z", status="InProgress"))
    plan = line_plan()
    plan["project"]["calendar"] = {"calendarDays": True}
    engine.apply({"kind": "plan", "at": "2025-03-10T09:00:00Z", "plan": plan})
    assert str(engine.status(1).tasks[0].estimated_completion) == "2025-03-15"


def test_a_completion_is_no_change_of_duration_to_what_it_contradicts(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    for _ in range(2):
        fired = engine.apply(task_update(1, AT, status="Completed", remainingDuration=3))
        assert "task.duration_changed" not in [event.name for event in fired]


def test_a_new_plan_is_a_new_baseline_that_keeps_what_was_reported(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    engine.apply(task_update(1, AT, status="InProgress", remainingDuration=15))
    fired = engine.apply({"kind": "plan", "at": AT, "plan": line_plan(15, 10, 5)})
    report = engine.status(1)
    assert (report.baseline, report.buffer_consumption, report.tasks[0].remaining_duration) == (2, 0, 15)
    assert fired == []
    assert rows(engine)["baseline"] == 2
    late = engine.apply(task_update(1, AT, remainingDuration=30))
    assert [event.name for event in late] == ["task.duration_changed", "task.red", "project.early_warning"]


@pytest.mark.parametrize(
    "change",
    [
        task_update(99, AT, status="InProgress"),
        task_update(1, AT, project_id=2, status="InProgress"),
        task_update(1, "2025-03-01T09:00:00Z", status="OnHold"),
        {"kind": "milestone.complete", "projectId": 1, "milestoneId": 1, "at": AT},
        {"kind": "plan", "at": AT, "plan": line_plan() | {"links": [{"from": 1, "to": 1}]}},
    ],
)
def test_a_refused_change_leaves_nothing_behind(engine: Engine, change: dict[str, Any]) -> None:
    engine.load(line_plan(), at=MONDAY)
    engine.apply(task_update(1, AT, status="InProgress"))
    before = rows(engine)
    with pytest.raises(InvalidInputError):
        engine.apply(change)
    with pytest.raises(InvalidInputError):
        engine.apply_all([task_update(2, AT, percentComplete=50), change])
    assert rows(engine) == before
    assert engine.status(1).tasks[1].percent_complete == 0


def test_a_forecast_beyond_all_dates_is_refused(engine: Engine) -> None:
    with pytest.raises(InvalidInputError, match="beyond all dates"):
        engine.load(line_plan(*(90_000 for _ in range(40))), at=MONDAY)
    engine.load(line_plan(*(1 for _ in range(40))), at=MONDAY)
    for task in range(1, 21):
        engine.apply(task_update(task, AT, remainingDuration=100_000))
    with pytest.raises(InvalidInputError, match="beyond all dates"):
        engine.apply(task_update(21, AT, remainingDuration=100_000))
    assert engine.status(1).tasks[20].remaining_duration == 1


def test_a_stale_change_says_so(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    engine.apply(task_update(1, AT, status="InProgress"))
    with pytest.raises(StaleChange, match="at: "):
        engine.apply(task_update(1, "2025-03-01T09:00:00Z", percentComplete=10))
    engine.apply(task_update(1, "2025-03-01T09:00:00Z", percentComplete=10, allowStale=True))


def test_a_preview_keeps_nothing(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    before = rows(engine)
    change = task_update(1, AT, status="InProgress", remainingDuration=15)
    previewed = engine.preview(change)
    assert rows(engine) == before
    assert previewed == engine.apply(change)


def test_projects_of_one_id_in_two_accounts_need_the_account(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    engine.load(line_plan(account="7"), at=MONDAY)
    with pytest.raises(InvalidInputError, match="accountId"):
        engine.apply(task_update(1, AT, percentComplete=10))
    engine.apply(task_update(1, AT, percentComplete=10, accountId="7"))
    assert engine.status(1, account=7).tasks[0].percent_complete == 0
    assert engine.status(1, account="7").tasks[0].percent_complete == 10


def test_a_clock_tick_without_a_project_looks_at_all_active_ones(engine: Engine) -> None:
    for number in (1, 2):
        engine.load(line_plan(project_id=number), at=MONDAY)
    engine.load(line_plan(project_id=3, status="Frozen"), at=MONDAY)
    warned = engine.apply({"kind": "clock", "at": "2025-04-10T00:00:00Z"})
    assert [(e.name, e.project_id) for e in warned] == [
        ("task.red", 1), ("project.early_warning", 1), ("task.red", 2), ("project.early_warning", 2),
    ]  # fmt: skip


def test_signals_come_after_commit_and_a_failing_subscriber_stops_nobody(engine: Engine) -> None:
    heard: list[tuple[str, bool]] = []

    def fail(_engine: Engine, event: Event) -> None:
        raise RuntimeError(event.name)

    def hear(_engine: Engine, event: Event) -> None:
        heard.append((event.name, engine.event(event.id) == event))

    engine.signal("task.ready").connect(fail)
    engine.signal("task.ready").connect(hear)
    engine.load(line_plan(), at=MONDAY)
    assert heard == [("task.ready", True)]
    with pytest.raises(InvalidInputError, match=r"task\.rady"):
        engine.signal("task.rady")


def test_concurrent_writers_lose_no_change_and_fire_each_crossing_once(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    engine.apply(task_update(1, AT, status="InProgress"))

    def write(number: int) -> list[Event]:
        return engine.apply(task_update(1, AT, remainingDuration=15 + number / 100, changeId=f"c-{number}"))

    with ThreadPoolExecutor(4) as pool:
        fired = [event for events in pool.map(write, range(12)) for event in events]
    assert sum(event.name == "task.red" for event in fired) == 1
    assert sum(event.name == "project.early_warning" for event in fired) == 1
    assert rows(engine)["change"] == 14
    assert {event.id for event in fired} <= {event.id for event in engine.events()}


def test_what_one_reads_together_is_of_one_instant(engine: Engine) -> None:
    engine.load(line_plan(status="Planning"), at=MONDAY)
    with engine.database.read() as connection:
        statuses = [connection.scalar(select(table(ProjectRow).c.status))]
        engine.apply({"kind": "project.update", "projectId": 1, "status": "Active", "at": MONDAY.isoformat()})
        statuses.append(connection.scalar(select(table(ProjectRow).c.status)))
    assert statuses == ["Planning", "Planning"]
    assert engine.status(1).status == "Active"
