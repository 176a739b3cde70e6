"""Microsoft Project files as they are: vacations, early tasks, interrupted work, splits, constraints."""

import pytest

from tests.imports import case, planned_from
from tests.plan_files import mspdi, mspdi_link, mspdi_task


@pytest.mark.parametrize("name", ["m1.xml", "m2.xml", "m3.xml", "m4.xml"])
def test_the_file_s_own_dates_come_out(name: str) -> None:
    assert case(name).comparison.text() == "dates equal for 1 of 1 tasks"


def test_the_vacation_of_a_resource_lengthens_its_task() -> None:
    read = case("m1.xml")
    assert read.task()["duration"] == 15
    assert read.imported.warnings[:2] == (
        "task ids are integers, the UID of each (not the row number, ID): 1",
        "1 task with a resource's calendar: counted on the project's calendar at the dates they have now, 5 working "
        "days differ, the first is 1 with 10 that become 15",
    )


def test_a_task_before_the_project_s_start_brings_it_forward() -> None:
    read = case("m2.xml")
    assert read.planned.project.start_date.isoformat() == "2025-12-01"
    text = "the project starts on 2025-12-01, since tasks start before its own start, 2026-01-05: T1"
    assert text in read.imported.warnings


def test_other_tasks_still_start_with_the_project() -> None:
    tasks = mspdi_task(1, 8, ConstraintType=4, ConstraintDate="2025-02-24T08:00:00", Start="2025-02-24T08:00:00")
    tasks += mspdi_task(2, 8, Start="2025-03-03T08:00:00", Finish="2025-03-03T17:00:00")
    tasks += mspdi_task(3, 8, mspdi_link(1), Start="2025-02-25T08:00:00", Finish="2025-02-25T17:00:00")
    read = planned_from(mspdi(tasks), "p.xml")
    assert read.comparison.text() == "dates equal for 3 of 3 tasks"
    assert [task.not_before for task in read.planned.project.tasks] == [0, 5, None]


def test_work_left_goes_on_at_its_resume_date() -> None:
    read = case("m3.xml")
    assert read.imported.document["project"]["statusDate"] == "2026-01-28T08:00:00Z"
    assert read.task()["remainingDuration"] == 8


def begun(**fields: object) -> str:
    """Two of ten days done from Monday 3 March 2025 on."""
    told = {"PercentComplete": 20, "ActualStart": "2025-03-03T08:00:00", "RemainingDuration": "PT64H0M0S"}
    return mspdi_task(1, 80, **{"Start": "2025-03-03T08:00:00", **told, **fields})


def test_without_a_status_date_the_latest_progress_is_taken() -> None:
    read = planned_from(mspdi(begun(Resume="2025-03-10T08:00:00", Finish="2025-03-19T17:00:00")), "p.xml")
    text = "the file gives no status date: 2025-03-10 08:00 is taken, up to which its progress reaches"
    assert text in read.imported.warnings
    assert read.comparison.equal == 1


def test_work_that_resumes_after_the_status_date_waits_until_then() -> None:
    head = "<StatusDate>2025-03-06T08:00:00</StatusDate>"
    task = begun(Resume="2025-03-10T08:00:00", Finish="2025-03-19T17:00:00")
    read = planned_from(mspdi(task, head=head), "p.xml")
    assert read.task()["remainingDuration"] == 10
    text = "work that resumes after the status date: its wait is counted with the remaining duration"
    assert f"{text}: Task 1 (2 working days)" in read.imported.warnings
    assert read.comparison.equal == 1


def test_work_that_the_file_left_before_its_status_date_is_told_as_the_reason() -> None:
    head = "<StatusDate>2025-03-12T08:00:00</StatusDate>"
    task = begun(Resume="2025-03-05T08:00:00", Finish="2025-03-14T17:00:00")
    read = planned_from(mspdi(task, head=head), "p.xml")
    assert read.comparison.text() == (
        "dates equal for 0 of 1 tasks; differs first at 1 (Task 1), by 5 working days (finish later than in the file), "
        "probably because the file plans work that is left before its own status date"
    )


def test_a_split_takes_the_time_between_start_and_finish() -> None:
    read = case("m4.xml")
    assert read.task()["duration"] == 20
    assert (
        "1 task with a split: counted on the project's calendar at the dates they have now, 10 working days differ, "
        "the first is 1 with 10 that become 20"
    ) in read.imported.warnings


def test_a_task_calendar_that_works_on_saturdays_shortens_its_task() -> None:
    task = mspdi_task(1, 80, CalendarUID=7, Start="2025-03-03T08:00:00", Finish="2025-03-13T17:00:00")
    read = planned_from(mspdi(task), "p.xml")
    assert read.task()["duration"] == 9
    assert any(text.startswith("1 task with a calendar of its own: counted") for text in read.imported.warnings)


def test_elapsed_durations_and_lags_are_counted_at_their_dates() -> None:
    """Three days on the wall from Friday noon on hold half a working day and half a Monday."""
    friday, monday = "2025-03-07T13:00:00", "2025-03-10T13:00:00"
    tasks = mspdi_task(1, 72, DurationFormat=8, Start=friday, Finish=monday, ConstraintType=4, ConstraintDate=friday)
    tasks += mspdi_task(2, 8, mspdi_link(1, 1, 43200, 8), Start="2025-03-13T13:00:00", Finish="2025-03-14T12:00:00")
    read = planned_from(mspdi(tasks), "p.xml")
    assert read.task()["duration"] == 1
    assert read.imported.document["links"][0]["lag"] == 3
    assert "elapsed duration counted as the working time between its dates: Task 1" in read.imported.warnings
    text = "elapsed lag counted as the working time that it covers at the dates it has now: 1 -> 2"
    assert text in read.imported.warnings
    assert read.comparison.equal == 2


@pytest.mark.parametrize(
    ("kind", "name", "date", "start", "warning"),
    [
        (1, "as late as possible", None, None, "dropped"),
        (2, "must start on", "2025-03-10T08:00:00", "2025-03-10", "half"),
        (3, "must finish on", "2025-03-11T17:00:00", "2025-03-10", "half"),
        (4, "start no earlier than", "2025-03-10T08:00:00", "2025-03-10", None),
        (5, "start no later than", "2025-03-10T08:00:00", None, "dropped"),
        (6, "finish no earlier than", "2025-03-11T17:00:00", "2025-03-10", None),
        (7, "finish no later than", "2025-03-11T17:00:00", None, "dropped"),
    ],
)
def test_of_a_constraint_the_half_that_holds_back_is_kept(
    kind: int, name: str, date: str | None, start: str | None, warning: str | None
) -> None:
    fields = {} if date is None else {"ConstraintDate": date}
    read = planned_from(mspdi(mspdi_task(1, 16, ConstraintType=kind, **fields)), "p.xml")
    assert read.task().get("startNoEarlierThan") == (None if start is None else f"{start}T08:00:00Z")
    texts = {
        "half": f"of the constraint '{name}' only 'no earlier' is kept, 'no later' is dropped: Task 1",
        "dropped": f"constraint '{name}' dropped: Task 1",
    }
    assert [text for text in read.imported.warnings if "constraint" in text] == ([texts[warning]] if warning else [])


def test_a_task_scheduled_by_hand_keeps_the_time_between_its_dates() -> None:
    task = mspdi_task(1, 16, Manual=1, Start="2025-03-04T08:00:00", Finish="2025-03-07T17:00:00")
    read = planned_from(mspdi(task), "p.xml")
    assert (read.task()["duration"], read.comparison.equal) == (4, 1)
    text = "scheduled by hand: taken as not to start earlier than its start: Task 1"
    assert text in read.imported.warnings


def test_a_plan_from_the_finish_backward_is_told() -> None:
    read = planned_from(mspdi(mspdi_task(1, 8), head="<ScheduleFromStart>0</ScheduleFromStart>"), "p.xml")
    text = "the file schedules backward from its finish: planned here from the start on"
    assert text in read.imported.warnings


def test_dates_without_a_time_of_day_end_with_their_day() -> None:
    tasks = mspdi_task(1, 16, Start="2025-03-03T00:00:00", Finish="2025-03-04T00:00:00")
    tasks += mspdi_task(2, 0, mspdi_link(1), Start="2025-03-04T00:00:00", Finish="2025-03-04T00:00:00")
    tasks += mspdi_task(3, 8, mspdi_link(1), Start="2025-03-05T00:00:00", Finish="2025-03-05T00:00:00")
    read = planned_from(mspdi(tasks), "p.xml")
    assert [task.duration for task in read.planned.project.tasks] == [2, 0, 1]
    assert not any("dates closer together" in text for text in read.imported.warnings)
    assert read.comparison.text() == "dates equal for 3 of 3 tasks"


SATURDAYS = (
    "<Calendar><UID>7</UID><Name>Six days</Name><BaseCalendarUID>1</BaseCalendarUID><WeekDays><WeekDay>"
    "<DayType>7</DayType><DayWorking>1</DayWorking></WeekDay></WeekDays></Calendar>"
)


def with_saturdays(tasks: str) -> bytes:
    return mspdi(tasks).replace(b"</Calendars>", SATURDAYS.encode() + b"</Calendars>")


def test_a_task_on_a_calendar_with_saturdays_is_counted_between_its_dates() -> None:
    task = mspdi_task(1, 80, CalendarUID=7, Start="2025-03-03T08:00:00", Finish="2025-03-13T17:00:00")
    read = planned_from(with_saturdays(task), "p.xml")
    assert (
        "1 task with a calendar of its own: counted on the project's calendar at the dates they have now, 1 working "
        "days differ, the first is 1 with 10 that become 9"
    ) in read.imported.warnings


def test_a_lag_counts_on_the_calendar_of_the_successor() -> None:
    """Two days behind Thursday are Friday and Saturday for whoever works on Saturdays."""
    tasks = mspdi_task(1, 32, Start="2025-03-03T08:00:00", Finish="2025-03-06T17:00:00")
    dates = {"Start": "2025-03-10T08:00:00", "Finish": "2025-03-10T17:00:00"}
    tasks += mspdi_task(2, 8, mspdi_link(1, 1, 9600), CalendarUID=7, **dates)
    read = planned_from(with_saturdays(tasks), "p.xml")
    assert read.imported.document["links"][0]["lag"] == 1
    text = "lags on another calendar counted on the project's, at the dates that they have now: 1 -> 2"
    assert text in read.imported.warnings
    assert read.comparison.equal == 2


def test_a_linked_task_that_the_project_s_start_holds_in_the_file_is_held_by_it() -> None:
    early = {"ConstraintType": 4, "ConstraintDate": "2025-02-24T08:00:00", "Start": "2025-02-24T08:00:00"}
    tasks = mspdi_task(1, 8, **early) + mspdi_task(2, 8, Start="2025-03-03T08:00:00", Finish="2025-03-03T17:00:00")
    tasks += mspdi_task(3, 40, mspdi_link(2, 0), Start="2025-03-03T08:00:00", Finish="2025-03-07T17:00:00")
    assert planned_from(mspdi(tasks), "p.xml").comparison.text() == "dates equal for 3 of 3 tasks"


def test_progress_without_actual_dates_takes_those_of_the_task() -> None:
    dates = {"Start": "2025-03-03T08:00:00", "Finish": "2025-03-06T17:00:00"}
    tasks = mspdi_task(1, 32, PercentComplete=50, RemainingDuration="PT16H0M0S", **dates)
    read = planned_from(mspdi(tasks + mspdi_task(2, 32, PercentComplete=100, **dates)), "p.xml")
    begun_task, done = read.planned.project.tasks
    assert (begun_task.status, begun_task.started, begun_task.remaining) == ("InProgress", 0, 2)
    assert (done.status, done.started, done.finished) == ("Completed", 0, 4)
    text = "the file gives no status date: 2025-03-05 08:00 is taken, up to which its progress reaches"
    assert text in read.imported.warnings
    assert read.comparison.equal == 2
