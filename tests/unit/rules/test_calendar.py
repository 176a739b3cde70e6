from datetime import UTC, date, datetime, time

import pytest

from chainbell.rules.calendar import EVERY_DAY, Calendar

WEEK = Calendar(date(2025, 2, 3), holidays=frozenset({date(2025, 2, 17)}))


@pytest.mark.parametrize(
    ("instant", "coordinate"),
    [
        (datetime(2025, 2, 3, 9, tzinfo=UTC), 0.0),
        (datetime(2025, 2, 3, 13, tzinfo=UTC), 0.5),
        (datetime(2025, 2, 3, 17, tzinfo=UTC), 1.0),
        (datetime(2025, 2, 3, 23, tzinfo=UTC), 1.0),
        (datetime(2025, 2, 8, 12, tzinfo=UTC), 5.0),  # a Saturday is the next opening
        (datetime(2025, 2, 17, 12, tzinfo=UTC), 10.0),  # so is a holiday
        (datetime(2025, 2, 18, 13, tzinfo=UTC), 10.5),
        (datetime(2025, 1, 31, 13, tzinfo=UTC), -0.5),
    ],
)
def test_an_instant_is_whole_working_days_and_the_fraction_of_the_current_one(
    instant: datetime, coordinate: float
) -> None:
    assert WEEK.coordinate(instant) == coordinate


def test_a_finish_on_a_boundary_is_the_closing_of_the_day_before_it() -> None:
    assert WEEK.finish_date(5.0) == date(2025, 2, 7)
    assert WEEK.start_date(5.0) == date(2025, 2, 10)
    assert WEEK.finish_date(10.0) == date(2025, 2, 14)
    assert WEEK.start_date(10.0) == date(2025, 2, 18)


def test_a_date_is_an_opening_as_a_start_and_a_closing_as_a_finish() -> None:
    assert (WEEK.start_of(date(2025, 2, 4)), WEEK.finish_of(date(2025, 2, 4))) == (1.0, 2.0)
    assert (WEEK.start_of(date(2025, 2, 8)), WEEK.finish_of(date(2025, 2, 8))) == (5.0, 5.0)


def test_a_sum_of_floats_does_not_move_a_finish_to_the_next_day() -> None:
    assert WEEK.finish_date(0.1 + 0.2 + 0.7 + 1e-12) == date(2025, 2, 3)


def test_the_hour_that_a_clock_change_takes_is_not_counted() -> None:
    every = Calendar(date(2025, 3, 30), EVERY_DAY, frozenset(), ((time(0), None),), "Europe/Berlin")
    assert every.coordinate(datetime(2025, 3, 30, 10, 30, tzinfo=UTC)) == 0.5  # half of 23 hours
    assert every.instant(0.5) == datetime(2025, 3, 30, 10, 30, tzinfo=UTC)


def test_a_calendar_without_working_days_or_hours_is_refused() -> None:
    with pytest.raises(ValueError, match="workingDays"):
        Calendar(date(2025, 1, 1), frozenset())
    with pytest.raises(ValueError, match="hours"):
        Calendar(date(2025, 1, 1), hours=((time(17), time(9)),))


WITH_BREAK = Calendar(date(2025, 3, 3), hours=((time(9), time(13)), (time(15), time(19))))


@pytest.mark.parametrize(
    ("hour", "coordinate"), [(9, 0.0), (11, 0.25), (13, 0.5), (14, 0.5), (15, 0.5), (17, 0.75), (19, 1.0), (22, 1.0)]
)
def test_a_break_is_no_working_time(hour: int, coordinate: float) -> None:
    assert WITH_BREAK.coordinate(datetime(2025, 3, 3, hour, tzinfo=UTC)) == coordinate


def test_a_finish_at_a_break_is_before_it_and_a_start_after_it() -> None:
    assert WITH_BREAK.instant(0.5) == datetime(2025, 3, 3, 13, tzinfo=UTC)
    assert WITH_BREAK.start_instant(0.5) == datetime(2025, 3, 3, 15, tzinfo=UTC)
    assert WITH_BREAK.instant(1.0) == datetime(2025, 3, 3, 19, tzinfo=UTC)
    assert WITH_BREAK.start_instant(1.0) == datetime(2025, 3, 4, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2025, 3, 7, 8, tzinfo=UTC), date(2025, 3, 7)),
        (datetime(2025, 3, 7, 14, tzinfo=UTC), date(2025, 3, 7)),  # in the break
        (datetime(2025, 3, 7, 19, tzinfo=UTC), date(2025, 3, 7)),
        (datetime(2025, 3, 7, 19, 1, tzinfo=UTC), date(2025, 3, 10)),
        (datetime(2025, 3, 8, 12, tzinfo=UTC), date(2025, 3, 10)),
        (datetime(2025, 3, 10, 9, tzinfo=UTC), date(2025, 3, 10)),
    ],
)
def test_the_working_day_of_an_instant_is_the_next_one_outside_working_time(instant: datetime, day: date) -> None:
    assert WITH_BREAK.working_date(instant) == day


def test_shifts_that_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="shifts must come in order"):
        Calendar(date(2025, 1, 1), hours=((time(9), time(13)), (time(12), time(17))))
