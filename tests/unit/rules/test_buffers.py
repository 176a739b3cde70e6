import pytest

from chainbell.rules import TaskStatus, assess, report_task
from tests.plans import MONDAY, line_project


def test_consumption_is_signed_and_unclamped() -> None:
    late = report_task(line_project(), 1, MONDAY, status=TaskStatus.IN_PROGRESS, remaining=35)
    assert assess(late, 0.0).project.consumption == 300
    early = report_task(line_project(), 1, MONDAY, status=TaskStatus.IN_PROGRESS, remaining=3)
    assert assess(early, 0.0).project.consumption == -20


def test_completion_is_negative_when_more_is_left_than_planned() -> None:
    grown = report_task(line_project(), 2, MONDAY, remaining=16)
    seen = assess(grown, 0.0)
    assert seen.completion == -30
    assert seen.burn_rate is None


@pytest.mark.parametrize(
    ("remaining", "now", "basis", "finish"),
    [(5.0, 5.0, "forecast", 25.0), (1.0, 8.0, "trend", 20 + 10 * 40 / 20)],
)
def test_the_trend_counts_once_a_tenth_of_the_chain_is_done(
    remaining: float, now: float, basis: str, finish: float
) -> None:
    project = report_task(line_project(), 1, MONDAY, status=TaskStatus.ON_HOLD, remaining=remaining)
    seen = assess(project, now)
    assert (seen.projection_basis, seen.projected_finish) == (basis, finish)


def test_a_task_names_the_buffer_that_it_takes_most_of() -> None:
    late = report_task(line_project(), 1, MONDAY, status=TaskStatus.IN_PROGRESS, remaining=8)
    share = assess(late, 0.0).tasks[0]
    assert (share.percent, share.buffer, share.touches_project_buffer) == (30, "PB", True)
