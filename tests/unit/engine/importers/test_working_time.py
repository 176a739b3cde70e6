"""Working time with days of any hours, against counting minute by minute."""

from datetime import date, datetime, time, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainbell.engine.importers.forward_pass import Activity, Precedence, earliest_dates
from chainbell.engine.importers.working_time import AROUND_THE_CLOCK, WorkingTime

MONDAY = datetime(2026, 1, 5)  # noqa: DTZ001
spans = st.sampled_from(
    [(), ((480, 720), (780, 1020)), ((480, 960),), ((0, 1440),), ((1320, 1440),), ((0, 360), (1320, 1440))]
)
weeks = st.lists(spans, min_size=7, max_size=7).filter(any)
exceptions = st.dictionaries(st.integers(0, 20).map(lambda n: date(2026, 1, 5) + timedelta(days=n)), spans, max_size=5)


def works(calendar: WorkingTime, at: datetime) -> bool:
    found = calendar.exceptions.get(at.date(), calendar.week[at.weekday()])
    return any(opens <= at.hour * 60 + at.minute < closes for opens, closes in found)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(weeks, exceptions, st.integers(0, 14 * 1440), st.integers(1, 4 * 1440))
def test_work_ends_when_so_many_minutes_are_worked(
    week: list[tuple[tuple[int, int], ...]], days: dict[date, tuple[tuple[int, int], ...]], begin: int, minutes: int
) -> None:
    calendar = WorkingTime(week, days)
    start = MONDAY + timedelta(minutes=begin)
    finish = calendar.after(start, minutes)
    counted = start
    left = minutes
    while left:
        left -= works(calendar, counted)
        counted += timedelta(minutes=1)
    assert finish == counted
    assert calendar.between(start, finish) == minutes
    assert calendar.back(finish, minutes) == calendar.opening(start)


def test_a_calendar_of_odd_days() -> None:
    calendar = WorkingTime([((480, 960),)] * 5 + [(), ()], {date(2026, 1, 7): (), date(2026, 1, 10): ((480, 720),)})
    assert calendar.after(datetime(2026, 1, 5, 8), 5 * 480) == datetime(2026, 1, 12, 12)  # noqa: DTZ001
    assert calendar.opening(datetime(2026, 1, 7, 9)) == datetime(2026, 1, 8, 8)  # noqa: DTZ001
    assert AROUND_THE_CLOCK.shifted(MONDAY, -90) == MONDAY - timedelta(minutes=90)
    assert AROUND_THE_CLOCK.shifted(MONDAY, 0) == datetime.combine(MONDAY.date(), time())


def test_tasks_of_several_calendars_follow_each_other_and_a_cycle_is_left_out() -> None:
    weekdays, every_day = WorkingTime([((480, 960),)] * 5 + [(), ()]), WorkingTime([((480, 960),)] * 7)
    activities = {
        "a": Activity(5 * 480, weekdays),
        "b": Activity(2 * 480, every_day),
        "c": Activity(480, weekdays),
        "d": Activity(480, weekdays, finished=MONDAY),
        "e": Activity(480, weekdays, not_before=datetime(2026, 1, 14, 8)),  # noqa: DTZ001
        "x": Activity(480, weekdays),
        "y": Activity(480, weekdays),
    }
    links = [
        Precedence("a", "b", "FS", 0, weekdays),
        Precedence("b", "c", "FF", 480, weekdays),
        Precedence("x", "y", "FS", 0, weekdays),
        Precedence("y", "x", "FS", 0, weekdays),
    ]
    found = earliest_dates(activities, links, MONDAY)
    assert {key: (f"{one.start:%d %H}", f"{one.finish:%d %H}") for key, one in found.items()} == {
        "a": ("05 08", "09 16"),
        "b": ("10 08", "11 16"),
        "c": ("12 08", "12 16"),
        "d": ("05 00", "05 00"),
        "e": ("14 08", "14 16"),
    }
