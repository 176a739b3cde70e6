from datetime import UTC, date, datetime, time

import pytest

from chainbell.rules import Calendar, Link, LinkType, Task, compile_network
from chainbell.rules.planning.schedule import instants, schedule

BREAK = Calendar(date(2026, 1, 1), hours=((time(9), time(13)), (time(15), time(19))))


def tasks(*durations: float) -> list[Task]:
    return [Task(n, f"T{n}", duration, 0.0, 0.0) for n, duration in enumerate(durations, 1)]


def test_slack_is_what_a_task_may_slip_without_moving_the_end() -> None:
    dates = schedule(some := tasks(5, 3, 4), compile_network(some, [Link(1, 3), Link(2, 3)]))
    assert [dates.slack(n) for n in range(3)] == [0, 2, 0]
    assert [dates.is_critical(n) for n in range(3)] == [True, False, True]
    assert (dates.late_start[1], dates.late_finish[1]) == (2, 5)


@pytest.mark.parametrize(("kind", "late_finish"), [("FS", 6), ("SS", 8), ("FF", 9), ("SF", 10)])
def test_the_latest_finish_respects_each_link_type(kind: str, late_finish: float) -> None:
    """Ten days in all; the second task lasts three and is bound with a lag of one."""
    some = tasks(2, 3, 10)
    dates = schedule(some, compile_network(some, [Link(1, 2, LinkType(kind), 1)]))
    assert dates.late_finish[0] == late_finish


def test_what_has_started_keeps_its_dates_and_a_release_holds() -> None:
    some = tasks(5, 3)
    some[0] = some[0]._replace(started=1.0, finished=8.0)
    some[1] = some[1]._replace(not_before=9.5)
    dates = schedule(some, compile_network(some, [Link(1, 2)]))
    assert (dates.start, dates.finish) == ((1.0, 9.5), (8.0, 12.5))


def test_a_milestone_stands_where_what_it_waits_for_ends() -> None:
    some = tasks(0, 1.5, 0, 0.5)
    network = compile_network(some, [Link(1, 2), Link(2, 3), Link(3, 4)])
    dates = schedule(some, network)
    shown = instants(some, network, dates.start, dates.finish, BREAK)
    assert shown[0] == (datetime(2026, 1, 1, 9, tzinfo=UTC),) * 2
    assert shown[1] == (datetime(2026, 1, 1, 9, tzinfo=UTC), datetime(2026, 1, 2, 13, tzinfo=UTC))
    assert shown[2] == (datetime(2026, 1, 2, 13, tzinfo=UTC),) * 2
    assert shown[3] == (datetime(2026, 1, 2, 15, tzinfo=UTC), datetime(2026, 1, 2, 19, tzinfo=UTC))
