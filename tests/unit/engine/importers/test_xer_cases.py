"""Primavera exports as they are: several projects, task calendars, work under way, constraints."""

from datetime import UTC, datetime

import pytest

from chainbell.engine import InvalidInputError
from tests.imports import case, planned_from
from tests.plan_files import xer_link, xer_project, xer_tables, xer_task


def test_surplus_cells_in_a_table_that_nobody_reads_do_not_matter() -> None:
    read = case("r1.xer")
    assert [task.id for task in read.planned.project.tasks] == ["A1", "A2"]
    assert read.imported.warnings[0] == ('task ids are strings, the activity id (task_code) of each: "A1", "A2"')


def test_the_project_that_has_tasks_is_read() -> None:
    read = case("r2.xer")
    assert read.planned.project.id == "P"
    assert not any("several" in warning or "projects" in warning for warning in read.imported.warnings)


def several() -> bytes:
    projects = [{"proj_id": 7, "proj_short_name": "NORTH"}, {"proj_id": 8, "proj_short_name": "SOUTH"}]
    tasks = [xer_task(1, proj_id=7, task_name="North"), xer_task(2, proj_id=8, task_name="South")]
    return xer_tables(PROJECT=projects, TASK=tasks)


@pytest.mark.parametrize(("wanted", "name"), [("SOUTH", "South"), ("8", "South"), ("NORTH", "North")])
def test_one_of_several_projects_is_named_by_its_id_or_short_name(wanted: str, name: str) -> None:
    read = planned_from(several(), "p.xer", project=wanted)
    assert [task.name for task in read.planned.project.tasks] == [name]
    assert read.imported.is_chosen


def test_of_several_projects_the_first_is_read_with_a_warning_and_an_unknown_name_is_an_error() -> None:
    read = planned_from(several(), "p.xer")
    assert read.planned.project.id == "NORTH"
    text = "the file holds 2 projects with tasks, the first is read (--project): NORTH, SOUTH"
    assert text in read.imported.warnings
    with pytest.raises(InvalidInputError, match=r"p\.xer: has no project 'EAST' with tasks, but NORTH, SOUTH"):
        planned_from(several(), "p.xer", project="EAST")


def test_in_a_file_of_one_project_the_option_is_an_id_of_one_s_own() -> None:
    assert not case("r2.xer", project="mine").imported.is_chosen


def test_the_calendar_that_most_tasks_use_becomes_the_project_s() -> None:
    read = case("r3.xer")
    assert read.planned.project.calendar.working_days == {1, 2, 3, 4, 5}
    assert [task.duration for task in read.planned.project.tasks] == [10, 10]
    text = "the project's calendar is the one that most tasks use, not the one that the project names: c1"
    assert text in read.imported.warnings


DATES = ("early_start_date", "early_end_date")


def test_a_task_on_another_calendar_is_counted_on_the_project_s() -> None:
    """Ten days of every day from Monday 19 January on end on Wednesday 28: eight working days."""
    data = xer_project(
        {"early_start_date": "2026-01-05 08:00", "early_end_date": "2026-01-16 16:00"},
        {"clndr_id": 2, "early_start_date": "2026-01-19 08:00", "early_end_date": "2026-01-28 16:00"},
        {"early_start_date": "2026-01-29 08:00", "early_end_date": "2026-02-11 16:00"},
        links=[xer_link(1, 2), xer_link(2, 3)],
    )
    read = planned_from(data, "p.xer")
    assert [task.duration for task in read.planned.project.tasks] == [10, 8, 10]
    assert (
        "1 task with a calendar of its own: counted on the project's calendar at the dates they have now, 2 working "
        "days differ, the first is A2 with 10 that become 8"
    ) in read.imported.warnings
    assert read.comparison.text() == "dates equal for 3 of 3 tasks"


def test_without_dates_a_forward_pass_over_the_task_calendars_gives_them() -> None:
    data = xer_project({}, {"clndr_id": 2}, {}, links=[xer_link(1, 2), xer_link(2, 3)])
    """The second task goes on from Friday evening to Saturday: ten days of every day hold six working days."""
    durations = [task.duration for task in planned_from(data, "p.xer").planned.project.tasks]
    assert durations == [10, 6, 10]


def test_a_finish_that_the_project_s_calendar_cannot_say_is_warned_of() -> None:
    data = xer_project(
        {"clndr_id": 2, "target_drtn_hr_cnt": 48, "early_start_date": "2026-01-05 08:00"}, {}, {}
    )  # Monday to Saturday
    read = planned_from(data, "p.xer")
    assert read.planned.project.tasks[0].duration == 5
    assert (
        "1 task with an end outside the project's working time, shown up to 1 days early: A1" in read.imported.warnings
    )


def test_lags_count_on_the_calendar_of_the_predecessor() -> None:
    data = xer_project(
        {"clndr_id": 2, "early_start_date": "2026-01-05 08:00", "early_end_date": "2026-01-14 16:00"},
        {"early_start_date": "2026-01-21 08:00", "early_end_date": "2026-02-03 16:00"},
        {},
        links=[xer_link(1, 2, lag=48)],
    )  # six days of every day behind Wednesday: Tuesday evening, four working days
    read = planned_from(data, "p.xer")
    assert read.imported.document["links"][0]["lag"] == 4
    text = "lags on another calendar counted on the project's, at the dates that they have now: A1 -> A2"
    assert text in read.imported.warnings
    assert read.comparison.equal == 2


def test_the_data_date_becomes_the_status_date_from_which_work_under_way_counts() -> None:
    read = case("r4.xer")
    assert read.imported.document["project"]["statusDate"] == "2026-02-02T08:00:00Z"
    task = read.planned.project.tasks[0]
    assert task.remaining == 8
    assert task.counted_from == read.planned.project.calendar.coordinate(datetime(2026, 2, 2, 8, tzinfo=UTC))


def test_work_that_is_not_begun_does_not_lie_before_the_data_date() -> None:
    data = xer_project(
        {
            "status_code": "TK_Active",
            "remain_drtn_hr_cnt": 64,
            "act_start_date": "2026-01-05 08:00",
            "early_end_date": "2026-02-11 16:00",
        },
        {"early_start_date": "2026-02-12 08:00", "early_end_date": "2026-02-25 16:00"},
        {"early_start_date": "2026-02-02 08:00", "early_end_date": "2026-02-13 16:00"},
        links=[xer_link(1, 2)],
        last_recalc_date="2026-02-02 08:00",
    )
    read = planned_from(data, "p.xer")
    assert read.comparison.text() == "dates equal for 3 of 3 tasks"
    assert "startNoEarlierThan" not in read.task(1)
    assert read.task(2)["startNoEarlierThan"] == "2026-02-02T08:00:00Z"


def test_the_remaining_duration_of_a_task_not_begun_is_kept_beside_the_original_one() -> None:
    read = case("r5.xer")
    assert (read.task()["duration"], read.task()["remainingDuration"]) == (10, 3)
    assert read.planned.project.tasks[0].status == "NotStarted"
    text = "the remaining duration of tasks not begun differs from the original one: Task 1"
    assert text in read.imported.warnings


def test_the_date_to_finish_by_becomes_the_target() -> None:
    assert case("r6.xer").imported.document["project"]["targetEndDate"] == "2026-03-31"


def test_an_original_duration_of_centuries_is_capped() -> None:
    read = case("r8.xer")
    assert read.task()["duration"] == read.task()["remainingDuration"] == 54
    assert (
        "an original duration that cannot be meant is capped at the time worked so far and the remaining one: "
        "Task 1 (5,469,776 hours, 432 kept)"
    ) in read.imported.warnings


@pytest.mark.parametrize(
    ("kind", "name", "date", "start", "warning"),
    [
        ("CS_MSO", "start on", "2026-01-12 08:00", "2026-01-12", "half"),
        ("CS_MANDSTART", "mandatory start", "2026-01-12 08:00", "2026-01-12", "half"),
        ("CS_MSOA", "start on or after", "2026-01-12 08:00", "2026-01-12", None),
        ("CS_MEO", "finish on", "2026-01-23 16:00", "2026-01-12", "half"),
        ("CS_MANDFIN", "mandatory finish", "2026-01-23 16:00", "2026-01-12", "half"),
        ("CS_MEOA", "finish on or after", "2026-01-23 16:00", "2026-01-12", None),
        ("CS_MSOB", "start on or before", "2026-01-12 08:00", None, "dropped"),
        ("CS_MEOB", "finish on or before", "2026-01-12 08:00", None, "dropped"),
        ("CS_ALAP", "as late as possible", "", None, "dropped"),
    ],
)
@pytest.mark.parametrize("number", ["", "2"])
def test_of_a_constraint_the_half_that_holds_back_is_kept(
    kind: str, name: str, date: str, start: str | None, warning: str | None, number: str
) -> None:
    read = planned_from(xer_project({f"cstr_type{number}": kind, f"cstr_date{number}": date}), "p.xer")
    release = read.task().get("startNoEarlierThan")
    assert release == (None if start is None else f"{start}T08:00:00Z")
    texts = {
        "half": f"of the constraint '{name}' only 'no earlier' is kept, 'no later' is dropped: Task 1",
        "dropped": f"constraint '{name}' dropped: Task 1",
    }
    assert [text for text in read.imported.warnings if "constraint" in text] == ([texts[warning]] if warning else [])


def test_work_that_resumes_later_waits_until_then() -> None:
    data = xer_project(
        {
            "status_code": "TK_Active",
            "remain_drtn_hr_cnt": 40,
            "act_start_date": "2026-01-05 08:00",
            "resume_date": "2026-01-21 08:00",
            "early_end_date": "2026-01-27 16:00",
        },
        last_recalc_date="2026-01-19 08:00",
    )
    read = planned_from(data, "p.xer")
    assert read.task()["remainingDuration"] == 7
    text = "work that resumes after the status date: its wait is counted with the remaining duration"
    assert f"{text}: Task 1 (2 working days)" in read.imported.warnings
    assert read.comparison.equal == 1


def test_work_that_began_before_the_planned_start_brings_it_forward() -> None:
    data = xer_project({"status_code": "TK_Active", "act_start_date": "2025-12-29 08:00", "remain_drtn_hr_cnt": 8})
    read = planned_from(data, "p.xer")
    assert read.planned.project.start_date.isoformat() == "2025-12-29"
    text = "work began before the planned start, 2026-01-05: the project starts on 2025-12-29"
    assert text in read.imported.warnings


def test_ids_fall_back_to_the_task_id_where_codes_are_not_unique() -> None:
    read = planned_from(xer_project({}, {"task_code": "A1"}), "p.xer")
    text = 'task ids are strings, the task_id of each, since task_code does not tell the tasks apart: "1", "2"'
    assert text in read.imported.warnings


def test_baselines_that_stand_as_projects_are_no_choice() -> None:
    projects: list[dict[str, object]] = [
        {"proj_id": 7, "proj_short_name": "NOW - B1", "orig_proj_id": 8},
        {"proj_id": 8, "proj_short_name": "NOW", "orig_proj_id": ""},
    ]
    read = planned_from(xer_tables(PROJECT=projects, TASK=[xer_task(1, proj_id=7), xer_task(2, proj_id=8)]), "p.xer")
    assert read.planned.project.id == "NOW"
    assert "baselines of the project dropped, which the file holds as further projects" in read.imported.warnings


def test_a_task_on_its_resources_calendars_takes_the_time_between_its_dates() -> None:
    data = xer_project(
        {"task_type": "TT_Rsrc", "early_start_date": "2026-01-05 08:00", "early_end_date": "2026-01-23 16:00"}
    )
    read = planned_from(data, "p.xer")
    assert (read.task()["duration"], read.comparison.equal) == (15, 1)
    assert any(
        text.startswith("1 task with the calendars of its resources: counted") for text in read.imported.warnings
    )


def test_the_plan_under_way_is_the_same_as_a_document_of_one_s_own() -> None:
    """But for the data date, which the document does not name."""
    ours, theirs = case("p.json"), case("r4.xer")
    for one, other in zip(ours.planned.project.tasks, theirs.planned.project.tasks, strict=True):
        assert (one.duration, one.remaining, one.status, one.started) == (
            other.duration,
            other.remaining,
            other.status,
            other.started,
        )
    assert ours.comparison.text() == "the file holds no dates to compare with"
