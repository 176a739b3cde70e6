"""When alarms ring and when they are armed again, beyond what the scenarios show."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chainbell.rules import (
    Cause,
    Evaluation,
    Link,
    LinkType,
    Options,
    Person,
    Project,
    ProjectStatus,
    Readiness,
    RemainingFrom,
    TaskStatus,
    assess,
    evaluate,
    report_project,
    report_task,
)
from chainbell.rules.zones import ZonePolicy
from tests.plans import MONDAY
from tests.projects import line_project, line_values, task_plan

IN_PROGRESS, ON_HOLD, COMPLETED = TaskStatus.IN_PROGRESS, TaskStatus.ON_HOLD, TaskStatus.COMPLETED


def step(before: Project, after: Project, now: datetime = MONDAY) -> Evaluation:
    return evaluate(before, after, now, Cause("test"))


def fired(evaluation: Evaluation, name: str) -> list[Any]:
    return [event.subject_id for event in evaluation.events if event.name == name]


def day(number: float) -> datetime:
    return line_project().calendar.start_instant(number)


def reported(project: Project, task: int, at: datetime, **fields: Any) -> Evaluation:
    return step(project, report_task(project, task, at, **fields), at)


@pytest.mark.parametrize(("days", "warnings"), [(2.0, 1), (200.0, 10)])
def test_around_a_threshold_a_small_buffer_asks_for_a_day_before_it_warns_again(days: float, warnings: int) -> None:
    """Twenty reports that swing by six points around half of the buffer."""
    project = line_project(5, 10, 5, buffer=days)
    rung = 0
    for number in range(20):
        remaining = 5 + days * (0.53 if number % 2 == 0 else 0.44)
        seen = reported(project, 1, MONDAY, status=IN_PROGRESS, remaining=remaining)
        project = seen.project
        rung += len(fired(seen, "project.early_warning"))
    assert rung == warnings


@pytest.mark.parametrize(
    ("margin", "consumption", "size", "recovered"),
    [
        (5.0, 44.9, 100.0, True), (5.0, 45.0, 100.0, False),
        (5.0, 0.1, 2.0, False), (5.0, 0.0, 2.0, True), (5.0, 0.0, 0.0, True), (5.0, 1.0, 0.0, False),
        (0.0, 49.9, 2.0, True), (0.0, 50.0, 2.0, False),
    ],
)  # fmt: skip
def test_an_alarm_is_armed_again_below_the_threshold_less_the_margin(
    margin: float, consumption: float, size: float, recovered: bool
) -> None:
    assert ZonePolicy(margin=margin).is_recovered(consumption, 50.0, size) is recovered


def test_a_fever_line_that_begins_at_zero_does_not_warn_at_nothing() -> None:
    zones = ZonePolicy(policy="fever", fever_yellow=(0.0, 60.0), fever_red=(20.0, 80.0))
    assert zones.project_zone(0.0, 0.0) == "green"
    assert zones.project_zone(0.1, 0.0) == "yellow"
    project = replace(line_project(), zones=zones)
    assert fired(step(project, project), "project.early_warning") == []


@pytest.mark.parametrize("options", [{"margin": 71.0, "policy": "fever"}, {"margin": 51.0}])
def test_a_margin_that_leaves_no_room_under_the_lines_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"zones\.margin"):
        ZonePolicy(**options).check_margin()
    ZonePolicy(policy="fever", margin=60.0).check_margin()


def test_nothing_warns_once_everything_protected_is_finished() -> None:
    project = line_project(5, buffer=2)
    late = report_task(project, 1, day(8), status=COMPLETED)
    seen = step(project, late, day(8))
    assert seen.assessment.zone == "red"
    assert [event.name for event in seen.events] == ["task.status_changed", "task.completed"]


def test_an_inherited_red_rings_where_the_project_asks_for_it() -> None:
    for options, rings in ((Options(), []), (Options(inherited_red=True), [2])):
        project = replace(line_project(5, 10, 5, buffer=10), options=options)
        late = reported(project, 1, MONDAY, status=IN_PROGRESS, remaining=15).project
        done = reported(late, 1, day(14.9), status=COMPLETED)
        assert fired(done, "task.ready") == [2]
        assert fired(done, "task.red") == rings


def test_a_red_task_says_what_it_runs_over_and_what_it_inherits_from_whom() -> None:
    project = line_project(5, 10, 5, buffer=10)
    late = reported(project, 1, MONDAY, status=IN_PROGRESS, remaining=11).project
    done = reported(late, 1, day(11), status=COMPLETED).project
    begun = reported(done, 2, day(11), status=IN_PROGRESS).project
    red = next(e for e in reported(begun, 2, day(11), remaining=14).events if e.name == "task.red")
    assert (red.why["overrun"], red.why["inheritedDelay"], red.why["inheritedFrom"]) == (4, 6, [1])
    assert red.why["drivingPath"] == [2, 3]


def test_a_task_that_was_red_when_the_project_froze_has_not_turned_red_on_resuming() -> None:
    project = line_project(5, 10, 5, buffer=10)
    late = reported(project, 1, MONDAY, status=IN_PROGRESS, remaining=15).project
    assert late.red_tasks == {1, 2, 3}
    frozen = step(late, report_project(late, day(1), ProjectStatus.FROZEN), day(1)).project
    done = reported(frozen, 1, day(2), status=COMPLETED).project
    assert done.red_tasks == {1, 2, 3}
    assert assess(done, 2.0).tasks[1].percent == 0
    resumed = step(done, report_project(done, day(14.5), ProjectStatus.ACTIVE), day(14.5))
    assert fired(resumed, "task.ready") == [2]
    assert fired(resumed, "task.red") == []


def test_readiness_by_predecessors_alone_leaves_lags_and_dates_aside() -> None:
    first, second, _ = line_values().tasks
    june = line_values().calendar.start_of(date(2025, 6, 2))
    project = line_project(
        tasks=(first, second, task_plan(3, "Task 3", 5, not_before=june)),
        links=(Link(1, 2, lag=3), Link(2, 3)),
        options=Options(Readiness.PREDECESSORS),
    )
    assert fired(reported(project, 1, MONDAY, status=COMPLETED), "task.ready") == [2]
    dated = replace(project, options=Options())
    assert fired(reported(dated, 1, MONDAY, status=COMPLETED), "task.ready") == []


def test_percentages_alone_are_remaining_durations_where_a_project_says_so() -> None:
    project = replace(line_project(), options=Options(remaining_from=RemainingFrom.PERCENT))
    half = report_task(project, 1, day(4), percent=50)
    assert (half.tasks[0].remaining, half.tasks[0].counted_from) == (2.5, 4.0)
    assert report_task(half, 1, day(4), percent=50, remaining=3).tasks[0].remaining == 3
    assert "task.duration_changed" not in [event.name for event in step(project, half, day(4)).events]


@pytest.mark.parametrize("hour", [0, 8, 9, 12, 17, 22])
def test_what_is_not_finished_is_never_dated_in_the_past(hour: int) -> None:
    """On each hour of a Monday and of the days before it; the task was due on Friday."""
    begun = report_task(line_project(5), 1, MONDAY, status=IN_PROGRESS)
    for days in range(3, 8):
        now = datetime(2025, 3, 3, hour, tzinfo=UTC) + timedelta(days=days)
        late = reported(begun, 1, now, percent=90)
        seen = step(late.project, report_task(late.project, 1, now, status=ON_HOLD), now)
        changed = next(event for event in seen.events if event.name == "task.status_changed")
        assert changed.data["estimatedCompletion"] >= now.date().isoformat()


def test_work_that_stops_keeps_what_it_has_done() -> None:
    begun = report_task(line_project(10), 1, MONDAY, status=IN_PROGRESS)
    held = report_task(begun, 1, day(9), status=ON_HOLD)
    assert held.tasks[0].remaining == 1
    assert [assess(held, now).forecast.finish[0] for now in (9.0, 12.0)] == [10, 13]
    resumed = report_task(held, 1, day(12), status=IN_PROGRESS)
    assert assess(resumed, 12.0).forecast.finish[0] == 13
    assert report_task(begun, 1, day(9), status=ON_HOLD, remaining=4).tasks[0].remaining == 4
    overdue = report_task(begun, 1, day(11), status=ON_HOLD)
    assert (overdue.tasks[0].remaining, overdue.tasks[0].status) == (0, ON_HOLD)
    assert assess(overdue, 12.0).forecast.finish[0] == 12
    assert report_task(overdue, 1, day(12), percent=95).tasks[0].status == ON_HOLD


def test_frozen_time_is_not_work() -> None:
    begun = report_task(line_project(10), 1, MONDAY, status=IN_PROGRESS)
    frozen = report_project(begun, day(1), ProjectStatus.FROZEN)
    assert frozen.tasks[0].remaining == 9
    assert assess(frozen, 15.0).forecast.finish[0] == 24
    again = report_project(frozen, day(2), ProjectStatus.FROZEN)
    assert again.tasks[0].remaining == 9
    resumed = report_project(again, day(16), ProjectStatus.ACTIVE)
    assert assess(resumed, 17.0).forecast.finish[0] == 25


def test_no_recommendation_asks_for_capacity_where_nothing_is_left() -> None:
    project = line_project(5, buffer=4)
    begun = reported(project, 1, MONDAY, status=IN_PROGRESS).project
    warning = next(e for e in step(begun, begun, day(8)).events if e.name == "project.early_warning")
    assert warning.data["recommendations"] == [
        "Ask what is left of Task 1: it is past its own estimate, it takes 75.0 % of a buffer",
    ]


def test_a_cancelled_task_keeps_what_it_has_done() -> None:
    project = report_task(line_project(10, 10), 1, day(0), status=IN_PROGRESS)
    cancelled = report_task(project, 1, day(4), status=TaskStatus.CANCELLED)
    assert cancelled.tasks[0].remaining == pytest.approx(6)


@pytest.mark.parametrize("status", [IN_PROGRESS, ON_HOLD])
def test_no_recommendation_speaks_of_no_working_days(status: TaskStatus) -> None:
    """What rounds to nothing is nothing."""
    tasks = (task_plan(1, "Task 1", 5, assigned_to=Person(1, "Ann")),)
    begun = report_task(line_project(5, buffer=4, tasks=tasks), 1, day(0), status=IN_PROGRESS)
    warned = reported(begun, 1, day(9), status=status, remaining=0.004)
    (warning,) = [event for event in warned.events if event.name == "project.early_warning"]
    assert warning.data["recommendations"]
    assert not any(" 0 working days" in advice for advice in warning.data["recommendations"])


def test_a_task_waits_for_the_lag_of_a_start_to_start_link() -> None:
    project = line_project(5, 10, links=(Link(1, 2, LinkType.SS, 3),))
    begun = reported(project, 1, day(0), status=IN_PROGRESS)
    assert fired(begun, "task.ready") == []
    assert fired(step(begun.project, begun.project, day(2.5)), "task.ready") == []
    assert fired(step(begun.project, begun.project, day(3)), "task.ready") == [2]


def test_a_project_is_never_projected_to_end_in_the_past() -> None:
    project = report_task(line_project(5, buffer=2), 1, day(0), status=IN_PROGRESS)
    (warning,) = [event for event in step(project, project, day(8)).events if event.name == "project.early_warning"]
    assert warning.data["projectedCompletion"] >= day(8).date().isoformat()
