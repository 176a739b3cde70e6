from dataclasses import replace

import pytest

from chainbell.rules import Buffer, Measure, Project, Task, TaskStatus, assess, report_task
from tests.plans import MONDAY
from tests.projects import fed_project, line_project


def fed(measure: Measure = Measure.GAP) -> Project:
    """Tasks 1(5) and 2(10) in line; a feeder 7(1) joins 2."""
    return fed_project([(feeder(7, 1), Buffer("FB", "f", 4, measure))])


def feeder(task_id: int, duration: float) -> Task:
    return Task(task_id, f"Feeder {task_id}", duration, 0.0, 0.0)


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


def test_overage_counts_what_the_chain_s_own_tasks_take_beyond_their_plan() -> None:
    """Task 1 took eight of five days, task 2 is reported one shorter: two more than planned, whatever the forecast."""
    project = line_project(5, 10, 5)
    project = replace(project, buffers=(Buffer("PB", "critical", 10, Measure.OVERAGE),))
    project = report_task(project, 1, MONDAY, status=TaskStatus.IN_PROGRESS)
    project = report_task(project, 1, project.calendar.instant(8.0), status=TaskStatus.COMPLETED)
    project = report_task(project, 2, project.calendar.instant(8.0), remaining=9)
    assert assess(project, 8.0).project.consumption == 20
    assert assess(project, 20.0).project.consumption == 20


@pytest.mark.parametrize(("measure", "consumed"), [("forecast", 75.0), ("gap", 25.0)])
def test_the_gap_forgives_a_feeding_chain_what_the_joined_task_slips_by_itself(measure: str, consumed: float) -> None:
    """The critical task is two days late, the feeding one three: measured on the gap, only one of them counts."""
    project = report_task(fed(Measure(measure)), 1, MONDAY, status=TaskStatus.IN_PROGRESS, remaining=7)
    project = report_task(project, 7, MONDAY, status=TaskStatus.IN_PROGRESS, remaining=4)
    assert assess(project, 0.0).buffers[1].consumption == consumed


def test_what_the_joined_task_gains_takes_no_room_from_the_feeding_chain() -> None:
    project = report_task(fed(), 1, MONDAY, status=TaskStatus.IN_PROGRESS, remaining=2)
    assert assess(project, 0.0).buffers[1].consumption <= 0


def test_many_chains_that_join_one_task_forgive_one_another_s_slips() -> None:
    """Each chain's room grows by the latest of the others, not by its own lateness."""
    project = fed_project([(feeder(n, 5), Buffer(f"FB{n}", f"f{n}", 4, Measure.GAP)) for n in (7, 8, 9)])
    for task, left in ((7, 9), (8, 7), (9, 6)):
        project = report_task(project, task, MONDAY, status=TaskStatus.IN_PROGRESS, remaining=left)
    taken = {state.buffer.id: state.consumption for state in assess(project, 0.0).buffers[1:]}
    assert taken == {"FB7": 50.0, "FB8": -50.0, "FB9": -75.0}


def test_a_buffer_of_no_size_is_untouched_without_delay_and_red_with_any() -> None:
    assert assess(line_project(buffer=0), 0.0).project.consumption == 0
    late = report_task(line_project(buffer=0), 1, MONDAY, status=TaskStatus.IN_PROGRESS, remaining=5.5)
    assert assess(late, 0.0).project.consumption == 150
    assert assess(late, 0.0).zone == "red"
