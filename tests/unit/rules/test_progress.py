from datetime import timedelta
from typing import Any

import pytest

from chainbell.rules import ReportError, StaleReportError, TaskStatus, report_milestone, report_project, report_task
from chainbell.rules.model import ProjectStatus
from tests.plans import MONDAY
from tests.projects import line_project


@pytest.mark.parametrize(
    "fields",
    [{"status": TaskStatus.COMPLETED}, {"percent": 100.0}, {"remaining": 0.0}]
    + [{"status": TaskStatus.IN_PROGRESS, "remaining": 0.0}],
)
def test_a_task_is_complete_by_whichever_is_reported(fields: dict[str, Any]) -> None:
    task = report_task(line_project(), 1, MONDAY, **fields).tasks[0]
    assert (task.status, task.percent, task.remaining, task.finished) == (TaskStatus.COMPLETED, 100, 0, 0)


@pytest.mark.parametrize(
    ("fields", "remaining", "percent"),
    [({"remaining": 2.0}, 2, 60), ({"percent": 40.0}, 3, 40), ({"status": TaskStatus.IN_PROGRESS}, 5, 0)],
)
def test_a_report_of_work_left_reopens_a_task(fields: dict[str, Any], remaining: float, percent: float) -> None:
    done = report_task(line_project(), 1, MONDAY, percent=100)
    task = report_task(done, 1, MONDAY + timedelta(days=1), **fields).tasks[0]
    assert (task.status, task.remaining, task.percent) == (TaskStatus.IN_PROGRESS, remaining, percent)
    assert task.finished is None


def test_a_completed_task_that_was_cancelled_comes_back_with_work_left() -> None:
    done = report_task(line_project(), 1, MONDAY, percent=100)
    cancelled = report_task(done, 1, MONDAY, status=TaskStatus.CANCELLED)
    task = report_task(cancelled, 1, MONDAY, status=TaskStatus.IN_PROGRESS).tasks[0]
    assert (task.remaining, task.percent) == (5, 0)


def test_a_percentage_alone_starts_a_task_and_does_not_move_its_forecast() -> None:
    begun = report_task(line_project(), 1, MONDAY, percent=10)
    later = report_task(begun, 1, MONDAY + timedelta(days=2), percent=30)
    assert later.tasks[0].status == TaskStatus.IN_PROGRESS
    assert (later.tasks[0].counted_from, later.tasks[0].remaining_duration) == (0.0, 5.0)


def test_a_report_older_than_the_last_is_refused_unless_allowed() -> None:
    project = report_task(line_project(), 1, MONDAY, remaining=4)
    earlier = MONDAY - timedelta(hours=1)
    with pytest.raises(StaleReportError, match="at: "):
        report_task(project, 1, earlier, remaining=3)
    assert report_task(project, 1, earlier, remaining=3, allow_stale=True).tasks[0].remaining == 3
    frozen = report_project(project, MONDAY, ProjectStatus.FROZEN)
    with pytest.raises(StaleReportError):
        report_project(frozen, earlier, ProjectStatus.ACTIVE)


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"remaining": -1.0}, "remainingDuration"), ({"remaining": float("nan")}, "remainingDuration")]
    + [({"percent": 130.0}, "percentComplete")],
)
def test_a_report_that_cannot_be_is_refused_by_name(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(ReportError, match=field):
        report_task(line_project(), 1, MONDAY, **fields)


def test_what_a_project_does_not_have_cannot_be_reported() -> None:
    with pytest.raises(ReportError, match=r"taskId: .* no task '1'"):
        report_task(line_project(), "1", MONDAY, percent=10)
    with pytest.raises(ReportError, match="milestoneId"):
        report_milestone(line_project(), 1, MONDAY)
