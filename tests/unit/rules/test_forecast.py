from dataclasses import replace

import pytest

from chainbell.rules import Link, LinkType, NetworkError, Project, Task, TaskStatus, compile_network
from chainbell.rules.forecast import forecast
from tests.plans import MONDAY
from tests.projects import line_project


def two_tasks(kind: LinkType, lag: float, first: TaskStatus = TaskStatus.NOT_STARTED) -> Project:
    project = line_project(4, 6)
    tasks = (project.tasks[0]._replace(status=first), project.tasks[1])
    network = compile_network(tasks, [Link(1, 2, kind, lag)])
    return replace(project, tasks=tasks, network=network)


@pytest.mark.parametrize(
    ("kind", "lag", "start"),
    [("FS", 0, 4), ("FS", 2, 6), ("FS", -1, 3), ("SS", 2, 2), ("FF", 3, 1), ("FF", 0, 0), ("SF", 9, 3)],
)
def test_each_link_type_holds_the_successor_with_its_lag(kind: str, lag: float, start: float) -> None:
    assert forecast(two_tasks(LinkType(kind), lag), 0.0).start[1] == start


def test_a_cancelled_task_holds_up_nobody() -> None:
    assert forecast(two_tasks(LinkType.FS, 0, TaskStatus.CANCELLED), 1.5).start[1] == 1.5


def test_work_in_progress_is_never_finished_before_now_and_not_shortened_by_time() -> None:
    project = line_project(5)
    working = project.tasks[0]._replace(status=TaskStatus.IN_PROGRESS, started=0.0, counted_from=0.0, remaining=5.0)
    project = replace(project, tasks=(working,))
    assert [forecast(project, now).finish[0] for now in (0.0, 3.0, 5.0, 8.0)] == [5, 5, 5, 8]


def test_a_task_without_predecessors_waits_for_its_planned_start() -> None:
    project = line_project(5)
    assert forecast(project, -4.0).start[0] == 0.0
    assert project.calendar.coordinate(MONDAY) == 0.0


def test_a_cycle_is_reported_with_the_tasks_in_it() -> None:
    tasks = [Task(name, name, 1, 0, 1) for name in "abcd"]
    with pytest.raises(NetworkError, match=r"'b' -> 'c' -> 'd' -> 'b'|'c' -> 'd' -> 'b' -> 'c'"):
        compile_network(tasks, [Link("a", "b"), Link("b", "c"), Link("c", "d"), Link("d", "b")])
