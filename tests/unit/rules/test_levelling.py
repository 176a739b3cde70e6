import pytest

from chainbell.rules import LevellingError, Link, Task, compile_network
from chainbell.rules.planning.levelling import level


def tasks(*durations: float) -> list[Task]:
    return [Task(n, f"T{n}", duration, 0.0, 0.0) for n, duration in enumerate(durations, 1)]


def test_two_who_want_the_same_go_one_after_the_other_and_a_link_says_so() -> None:
    some = tasks(3, 4)
    levelled = level(some, compile_network(some, []), [{"dev": 1}, {"dev": 1}], {"dev": 1})
    assert levelled.start == (4, 0)  # both end the project: the longer one goes first
    assert levelled.links == (Link(2, 1, resource="dev"),)


def test_who_follows_anyway_needs_no_link() -> None:
    some = tasks(3, 4)
    levelled = level(some, compile_network(some, [Link(1, 2)]), [{"dev": 1}, {"dev": 1}], {"dev": 1})
    assert levelled.links == ()


def test_a_short_task_is_put_into_a_gap_and_units_are_shared() -> None:
    some = tasks(2, 6, 4)
    levelled = level(some, compile_network(some, [Link(1, 2)]), [{}, {"x": 2}, {"x": 1}], {"x": 3})
    assert levelled.start == (0, 2, 0)
    assert levelled.links == ()


@pytest.mark.parametrize(("priority", "first"), [("latest-finish", 1), ("latest-start", 1), ("least-slack", 1)])
def test_the_named_priority_rule_decides_who_waits(priority: str, first: int) -> None:
    """Task 1 is followed by ten days of others, task 2 by nobody."""
    some = tasks(2, 3, 10)
    levelled = level(some, compile_network(some, [Link(1, 3)]), [{"x": 1}, {"x": 1}, {}], {"x": 1}, priority=priority)
    assert levelled.start[first - 1] == 0
    assert levelled.links == (Link(1, 2, resource="x"),)


def test_a_demand_that_nothing_can_meet_is_refused() -> None:
    some = tasks(2)
    with pytest.raises(LevellingError, match=r"tasks\[0\].resources: 2 units of 'x' are wanted, its capacity is 1"):
        level(some, compile_network(some, []), [{"x": 2}], {"x": 1})
    with pytest.raises(LevellingError, match="there is no resource 'y'"):
        level(some, compile_network(some, []), [{"y": 1}], {"x": 1})
