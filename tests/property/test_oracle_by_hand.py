"""The oracle on cases small enough to be counted by hand, so that it is more than a second opinion."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.property.oracle.calendar import Calendar
from tests.property.oracle.oracle import Oracle, RefusedError

MONDAY = "2025-03-03T09:00:00Z"


def plan(
    tasks: dict[int, float], links: list[tuple[Any, ...]] | None = None, size: float = 4.0, **more: Any
) -> dict[str, Any]:
    """Tasks by id with their durations; links (from, to, type, lag); tasks that no feeding chain names are critical."""
    feeding: dict[str, Any] = more.pop("feeding", {})
    critical = [task for task in tasks if task not in feeding.get("tasks", ())]
    chains: list[dict[str, Any]] = [{"id": "c", "kind": "critical", "tasks": critical}]
    buffers: list[dict[str, Any]] = [{"id": "PB", "chain": "c", "size": size}]
    if feeding:
        chains.append({"id": "f", "kind": "feeding", "tasks": feeding["tasks"], "joins": feeding.get("joins")})
        buffers.append({"id": "FB", "chain": "f", "size": feeding["size"]})
    fields: dict[int, dict[str, Any]] = more.pop("fields", {})
    document = {
        "accountId": 1,
        "project": {"id": 1, "name": "P", "status": "Active", "startDate": "2025-03-03", **more},
        "tasks": [{"id": n, "name": f"T{n}", "duration": d, **fields.get(n, {})} for n, d in tasks.items()],
        "links": [dict(zip(("from", "to", "type", "lag"), link, strict=False)) for link in links or []],
        "chains": chains,
        "buffers": buffers,
    }
    return {"kind": "plan", "at": MONDAY, "plan": document}


def at(day: int, hour: int = 9) -> str:
    return f"2025-03-{day:02}T{hour:02}:00:00Z"


def report(task: int, when: str, **said: Any) -> dict[str, Any]:
    return {"kind": "task.update", "projectId": 1, "taskId": task, "at": when, **said}


def project(status: str, when: str) -> dict[str, Any]:
    return {"kind": "project.update", "projectId": 1, "status": status, "at": when}


def tick(when: str) -> dict[str, Any]:
    return {"kind": "clock", "at": when}


def names(events: list[Any]) -> list[tuple[str, Any]]:
    return [(event.name, event.subject) for event in events]


def seen(oracle: Oracle, when: str | None = None) -> Any:
    instant = oracle.evaluated if when is None else datetime.fromisoformat(when)
    assert instant is not None
    return oracle.assess(instant)


# the calendar


def test_instants_outside_working_time_lie_on_the_boundary() -> None:
    calendar = Calendar(date(2025, 3, 3), {"hours": [["08:00", "12:00"], ["13:00", "17:00"]]})
    coordinates = [
        calendar.coordinate(datetime(2025, 3, 3, 7, tzinfo=UTC)),
        calendar.coordinate(datetime(2025, 3, 3, 12, 30, tzinfo=UTC)),
        calendar.coordinate(datetime(2025, 3, 3, 15, tzinfo=UTC)),
        calendar.coordinate(datetime(2025, 3, 3, 17, tzinfo=UTC)),
        calendar.coordinate(datetime(2025, 3, 8, 12, tzinfo=UTC)),
        calendar.coordinate(datetime(2025, 2, 28, 15, tzinfo=UTC)),
    ]
    assert coordinates == [0, 0.5, 0.75, 1, 5, -0.25]


def test_dates_of_starts_and_finishes() -> None:
    calendar = Calendar(date(2025, 3, 1), {"holidays": ["2025-03-10"]})  # a Saturday
    assert [calendar.finish_date(days) for days in (0.5, 5, 5.25)] == [
        date(2025, 3, 3),
        date(2025, 3, 7),
        date(2025, 3, 11),
    ]
    assert [calendar.start_date(days) for days in (0, 4.75, 5)] == [
        date(2025, 3, 3),
        date(2025, 3, 7),
        date(2025, 3, 11),
    ]
    assert calendar.day_of_work(datetime(2025, 3, 7, 17, tzinfo=UTC)) == date(2025, 3, 7)
    assert calendar.day_of_work(datetime(2025, 3, 7, 18, tzinfo=UTC)) == date(2025, 3, 11)


def test_hours_are_wall_clock_on_both_sides_of_a_clock_change() -> None:
    calendar = Calendar(date(2025, 3, 3), {"timeZone": "America/New_York"})
    assert calendar.coordinate(datetime(2025, 3, 7, 18, tzinfo=UTC)) == 4.5  # 13:00 of winter time
    assert calendar.coordinate(datetime(2025, 3, 10, 17, tzinfo=UTC)) == 5.5  # 13:00 of summer time


# the forecast


@pytest.mark.parametrize(
    ("link", "start", "finish"),
    [((1, 2, "FS", 1), 5, 7), ((1, 2, "SS", 1), 1, 3), ((1, 2, "FF", 1), 3, 5), ((1, 2, "SF", 5), 3, 5)],
)
def test_links_of_all_four_types(link: tuple[Any, ...], start: float, finish: float) -> None:
    oracle = Oracle(plan({1: 4, 2: 2}, [link]))
    found = seen(oracle, MONDAY)
    assert (found.forecast.start[2], found.forecast.finish[2]) == (start, finish)
    assert (found.plan.tasks[2].planned_start, found.plan.tasks[2].planned_finish) == (start, finish)


def test_work_on_hold_keeps_what_it_has_done() -> None:
    oracle = Oracle(plan({1: 4}))
    oracle.apply(report(1, at(3), status="InProgress"))
    oracle.apply(report(1, at(4, 13), status="OnHold"))  # a day and a half is done
    assert seen(oracle, at(7)).forecast.finish == {1: 4 + 2.5}
    oracle.apply(report(1, at(7), status="InProgress"))
    assert seen(oracle, at(10)).forecast.finish == {1: 6.5}
    assert seen(oracle, at(17)).forecast.finish == {1: 10}  # past its own estimate, it is as late as now


def test_a_frozen_project_stands_still() -> None:
    oracle = Oracle(plan({1: 4}))
    oracle.apply(report(1, at(3), status="InProgress"))
    frozen = oracle.apply(project("OnHold", at(4)))
    assert names(frozen) == [("project.frozen", 1), ("project.status_changed", 1)]
    assert oracle.apply(tick("2025-03-31T09:00:00Z")) == []
    assert seen(oracle, at(7)).forecast.finish == {1: 7}
    assert names(oracle.apply(project("Active", at(10)))) == [
        ("project.status_changed", 1),
        ("task.red", 1),  # 5 days late, of 4
        ("project.early_warning", 1),
    ]
    assert seen(oracle).forecast.finish == {1: 8}


# buffers and shares


def test_the_project_buffer_protects_every_end_but_those_planned_behind_it() -> None:
    oracle = Oracle(plan({1: 4, 2: 3, 3: 6}, feeding={"tasks": [2, 3], "size": 1}))
    oracle.apply(report(3, MONDAY, remainingDuration=8))
    assert (seen(oracle).buffers[0].protected, seen(oracle).consumption) == ([1, 2], 0)
    oracle.apply(report(2, MONDAY, remainingDuration=8))
    assert seen(oracle).consumption == 100
    oracle.apply(report(1, MONDAY, status="Cancelled"))  # the chain's last task is gone, the other end counts
    assert (seen(oracle).buffers[0].protected, seen(oracle).consumption) == ([2], 100)


def test_the_gap_forgives_what_the_joined_task_slips_by_itself() -> None:
    oracle = Oracle(plan({1: 4, 2: 4, 3: 3}, [(1, 2), (3, 2)], feeding={"tasks": [3], "joins": 2, "size": 2}))
    oracle.apply(report(3, MONDAY, status="InProgress", remainingDuration=4))
    assert seen(oracle).buffers[1].consumption == 50
    assert seen(oracle).shares[3][1].id == "FB"
    oracle.apply(report(1, MONDAY, status="InProgress", remainingDuration=5))  # a day later than planned
    assert seen(oracle).buffers[1].consumption == 0
    assert seen(oracle).consumption == 25
    assert {task: share for task, (share, _) in seen(oracle).shares.items()} == {1: 25, 2: 25}


def test_a_buffer_of_no_length() -> None:
    oracle = Oracle(plan({1: 4}, size=0))
    assert (seen(oracle, MONDAY).consumption, seen(oracle, MONDAY).zone) == (0, "green")
    oracle.apply(report(1, MONDAY, status="InProgress", remainingDuration=4.5))
    assert (seen(oracle).consumption, seen(oracle).zone) == (150, "red")


def test_the_trend_counts_from_a_tenth_of_the_chain() -> None:
    oracle = Oracle(plan({1: 5, 2: 5}, [(1, 2)]))
    oracle.apply(report(1, MONDAY, status="InProgress"))
    oracle.apply(report(1, at(5), remainingDuration=4))  # at 2, so 1 late; 10 % done
    found = seen(oracle)
    assert (found.consumption, found.completion, found.burn_rate, found.basis) == (25, 10, 2.5, "trend")
    assert found.projected == 10 + 4 * 2.5


# reports


def test_reopening_derives_what_is_not_said() -> None:
    oracle = Oracle(plan({1: 8}))
    assert names(oracle.apply(report(1, at(3), percentComplete=100))) == [
        ("task.status_changed", 1),
        ("task.completed", 1),
    ]
    oracle.apply(report(1, at(4), remainingDuration=2))
    assert (oracle.state.work[1].status, oracle.state.work[1].percent) == ("InProgress", 75)
    oracle.apply(report(1, at(5), status="Completed"))
    oracle.apply(report(1, at(6), percentComplete=25))
    assert (oracle.state.work[1].status, oracle.state.work[1].remaining) == ("InProgress", 6)


def test_the_same_number_days_later_is_a_slip() -> None:
    oracle = Oracle(plan({1: 8}, size=40))
    oracle.apply(report(1, at(3), status="InProgress", remainingDuration=8))
    (slip,) = oracle.apply(report(1, at(5), remainingDuration=8))
    assert (slip.name, slip.data["previousRemainingDuration"], slip.data["newRemainingDuration"]) == (
        "task.duration_changed",
        6,
        8,
    )
    assert oracle.apply(report(1, at(5), remainingDuration=8)) == []


def test_a_percentage_moves_what_remains_only_where_it_is_asked_to() -> None:
    for option, finish in (("report", 8), ("percent", 2 + 4)):
        oracle = Oracle(plan({1: 8}, remainingFrom=option))
        oracle.apply(report(1, at(3), status="InProgress"))
        assert oracle.apply(report(1, at(5), percentComplete=50)) == []
        assert seen(oracle).forecast.finish == {1: finish}


def test_an_older_report_is_refused_or_counts_from_its_own_instant() -> None:
    oracle = Oracle(plan({1: 8}))
    oracle.apply(report(1, at(6), status="InProgress"))
    with pytest.raises(RefusedError):
        oracle.apply(report(1, at(5), remainingDuration=3))
    (changed,) = oracle.apply(report(1, at(4), remainingDuration=3, allowStale=True))
    assert changed.at == datetime(2025, 3, 4, 9, tzinfo=UTC)
    assert oracle.evaluated == datetime(2025, 3, 6, 9, tzinfo=UTC)
    assert seen(oracle).forecast.finish == {1: 4}


# the alarms


def test_who_was_red_while_waiting_rings_only_for_what_it_adds_itself() -> None:
    for inherited, rung in ((False, []), (True, [("task.red", 2)])):
        oracle = Oracle(plan({1: 4, 2: 4}, [(1, 2)], inheritedRed=inherited))
        late = oracle.apply(report(1, MONDAY, status="InProgress", remainingDuration=8))
        assert ("task.red", 1) in names(late)
        done = oracle.apply(report(1, at(12, 17), status="Completed"))
        assert names(done)[2:] == [("task.ready", 2), *rung]
        if not inherited:
            over = oracle.apply(report(2, at(13), status="InProgress", remainingDuration=4.25))
            assert ("task.red", 2) in names(over)


def test_alarms_are_armed_again_below_the_margin() -> None:
    oracle = Oracle(plan({1: 10}, size=10))
    rung = []
    for remaining in (20, 9, 8, 20):  # 100 %, down by at least a working day of the buffer below 90, and up again
        events = oracle.apply(report(1, MONDAY, status="InProgress", remainingDuration=remaining))
        rung.append([event.name for event in events if event.name in ("task.red", "project.early_warning")])
    assert rung == [["task.red", "project.early_warning"], [], [], ["task.red", "project.early_warning"]]


def test_a_new_baseline_rings_again_and_a_new_name_does_not() -> None:
    first = plan({1: 10}, size=4)
    oracle = Oracle(first)
    oracle.apply(report(1, MONDAY, status="InProgress", remainingDuration=20))
    renamed = plan({1: 10}, size=4, fields={1: {"name": "Other"}})
    assert oracle.apply(renamed) == []
    assert names(oracle.apply(plan({1: 10}, size=3))) == [("task.red", 1), ("project.early_warning", 1)]


def test_readiness_waits_for_dates_or_for_predecessors_alone() -> None:
    for option, ready in (("dates", []), ("predecessors", [("task.ready", 2)])):
        oracle = Oracle(plan({1: 1, 2: 1}, [(1, 2, "FS", 2)], readiness=option))
        done = oracle.apply(report(1, at(3, 17), status="Completed"))
        assert names(done)[2:] == ready
    oracle = Oracle(plan({1: 1, 2: 1}, [(1, 2, "FS", 2)]))
    oracle.apply(report(1, at(3, 17), status="Completed"))
    assert oracle.apply(tick(at(5, 16))) == []
    assert names(oracle.apply(tick(at(5, 18)))) == [("task.ready", 2)]


# dates in payloads


def test_a_task_of_no_length_is_dated_by_its_start() -> None:
    oracle = Oracle(plan({1: 5, 2: 0}, [(1, 2)]))
    found = seen(oracle, MONDAY)
    assert (found.due_date(1), found.due_date(2)) == (date(2025, 3, 7), date(2025, 3, 10))
    assert (found.estimated_completion(1), found.estimated_completion(2)) == (date(2025, 3, 7), date(2025, 3, 10))


def test_unfinished_work_is_never_dated_in_the_past() -> None:
    oracle = Oracle(plan({1: 1}, fields={1: {"assignedTo": {"id": 5, "name": "Ann"}}}))
    oracle.apply(report(1, at(3), status="InProgress"))
    oracle.apply(tick(at(8, 12)))
    assert seen(oracle).forecast.finish == {1: 5}
    assert seen(oracle).estimated_completion(1) == date(2025, 3, 10)  # not Friday, the 7th
