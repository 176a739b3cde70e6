"""What each rule is silent about, and the order and identity of events; the scenarios show when they fire."""

from dataclasses import replace
from datetime import datetime, timedelta

from chainbell.rules import (
    CATALOGUE,
    Cause,
    Evaluation,
    Firing,
    Project,
    ProjectStatus,
    Rule,
    TaskStatus,
    assess,
    evaluate,
    report_milestone,
    report_project,
    report_task,
)
from tests.plans import MONDAY
from tests.projects import line_project

CAUSE = Cause("test")


def step(before: Project, after: Project, now: datetime = MONDAY) -> Evaluation:
    return evaluate(before, after, now, CAUSE)


def names(evaluation: Evaluation) -> list[str]:
    return [event.name for event in evaluation.events]


def test_the_catalogue_is_the_reference_s_ten_events() -> None:
    assert {rule.event for rule in CATALOGUE} == {
        "project.started", "task.red", "project.frozen", "task.ready", "task.completed", "milestone.achieved",
        "task.status_changed", "task.duration_changed", "project.early_warning", "project.status_changed",
    }  # fmt: skip


def test_evaluating_twice_fires_once() -> None:
    late = report_task(line_project(), 1, MONDAY, status=TaskStatus.IN_PROGRESS, remaining=15)
    once = step(line_project(), late)
    assert names(once)[-2:] == ["task.red", "project.early_warning"]
    assert step(once.project, once.project).events == ()


def test_the_order_of_events_is_fixed_whatever_order_the_tasks_stand_in() -> None:
    planning = line_project(status="Planning")
    active = report_project(planning, MONDAY, ProjectStatus.ACTIVE)
    late = report_task(active, 1, MONDAY, remaining=16)
    cause = Cause("test", reported_remaining=(1, 16.0))
    fired = [event.name for event in evaluate(planning, late, MONDAY, cause).events]
    assert fired == [
        "project.started", "project.status_changed", "task.ready", "task.duration_changed", "task.red",
        "project.early_warning",
    ]  # fmt: skip


def test_a_task_that_nobody_can_act_on_does_not_turn_red() -> None:
    late = report_task(line_project(), 2, MONDAY, remaining=30)
    assert assess(late, 0.0).tasks[1].percent == 200
    red = [event.task_id for event in step(line_project(), late).events if event.name == "task.red"]
    assert red == [1]


def test_the_threshold_itself_is_not_red() -> None:
    def at(remaining: float) -> list[str]:
        begun = report_task(line_project(), 1, MONDAY, status=TaskStatus.IN_PROGRESS, remaining=remaining)
        return names(step(line_project(), begun))

    assert "task.red" not in at(14.0)
    assert "task.red" in at(14.001)


def test_a_milestone_rings_once() -> None:
    once = report_milestone(line_project(), 345, MONDAY)
    first = step(line_project(), once)
    assert "milestone.achieved" in names(first)
    again = report_milestone(first.project, 345, MONDAY + timedelta(days=1))
    assert names(step(first.project, again)) == []


def test_a_cancelled_predecessor_makes_ready() -> None:
    seen = step(line_project(), line_project()).project
    cancelled = report_task(seen, 1, MONDAY, status=TaskStatus.CANCELLED)
    assert [(event.name, event.task_id) for event in step(seen, cancelled).events] == [
        ("task.status_changed", 1),
        ("task.ready", 2),
    ]


def test_event_ids_depend_on_what_happened_alone() -> None:
    before = line_project(status="Planning")
    after = report_project(before, MONDAY, ProjectStatus.ACTIVE)
    ids = [event.id for event in step(before, after).events]
    assert ids == [event.id for event in step(before, after, MONDAY + timedelta(hours=3)).events]
    assert len(set(ids)) == len(ids)
    other = replace(after, account_id="7")
    assert not set(ids) & {event.id for event in step(before, other).events}


def test_a_buffer_of_size_zero_is_untouched_without_delay_and_red_with_any() -> None:
    assert assess(line_project(5, buffer=0), 0.0).project.consumption == 0
    late = assess(line_project(5, buffer=0), 0.25)
    assert late.zone == "red"
    assert late.project.consumption == late.tasks[0].percent


def test_an_event_of_one_s_own_uses_the_same_latches_and_ids() -> None:
    """A rule without a latch that names no occurrence is counted, so that each firing has an id of its own."""
    once = Rule("project.late", tuple, lambda step: [Firing(step.after.id, ())], latched=True)
    always = Rule("project.looked_at", tuple, lambda step: [Firing(step.after.id, ())])
    first = evaluate(None, line_project(), MONDAY, CAUSE, [once, always])
    again = evaluate(first.project, first.project, MONDAY, CAUSE, [once, always])
    assert names(first) == ["project.late", "project.looked_at"]
    assert names(again) == ["project.looked_at"]
    assert first.events[1].id != again.events[0].id
