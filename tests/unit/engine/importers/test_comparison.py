"""What an import says of itself: for how many tasks the planned dates are the file's own, and why not for the rest."""

from tests.imports import case, planned_from
from tests.plan_files import mspdi, mspdi_link, mspdi_task, xer_link, xer_project

FIRST = {"Start": "2025-03-03T08:00:00", "Finish": "2025-03-04T17:00:00"}


def text(second: str) -> str:
    return planned_from(mspdi(mspdi_task(1, 16, **FIRST) + second), "p.xml").comparison.text()


def later(start: str, finish: str, *links: str, **fields: object) -> str:
    return mspdi_task(2, 16, *(links or (mspdi_link(1),)), Start=start, Finish=finish, **fields)


DIFFERS = "dates equal for 1 of 2 tasks; differs first at 2 (Task 2), by "
LATER = ("2025-03-10T08:00:00", "2025-03-11T17:00:00")


def test_all_equal() -> None:
    assert text(later("2025-03-05T08:00:00", "2025-03-06T17:00:00")) == "dates equal for 2 of 2 tasks"


def test_levelled_in_the_file() -> None:
    because = "probably because it is levelled in the file"
    assert text(later(*LATER, LevelingDelay=14400)) == (
        f"{DIFFERS}3 working days (start earlier than in the file), {because}"
    )


def test_a_dropped_constraint() -> None:
    because = "probably because the constraint 'as late as possible' holds it in the file"
    assert text(later(*LATER, ConstraintType=1)) == (
        f"{DIFFERS}3 working days (start earlier than in the file), {because}"
    )


def test_a_dropped_link() -> None:
    dropped = mspdi_link(9)
    assert text(later(*LATER, mspdi_link(1), dropped)).endswith("probably because a link to it was dropped")


def test_what_the_file_says_nothing_of_is_called_by_its_kind() -> None:
    assert text(later(*LATER)).endswith(
        "probably because the file starts it later than its links and dates ask: levelled there, or moved by hand"
    )
    assert text(later("2025-03-04T08:00:00", "2025-03-05T17:00:00")).endswith(
        "probably because the file starts it before its links allow: moved by hand, or they were added later"
    )


def test_the_first_that_differs_is_the_earliest_in_the_file() -> None:
    data = xer_project(
        {"early_start_date": "2026-01-05 08:00", "early_end_date": "2026-01-16 16:00"},
        {"early_start_date": "2026-02-16 08:00", "early_end_date": "2026-02-27 16:00"},
        {"early_start_date": "2026-01-26 08:00", "early_end_date": "2026-02-06 16:00"},
        links=[xer_link(1, 3), xer_link(3, 2)],
    )
    first = planned_from(data, "p.xer").comparison.first
    assert first is not None
    assert (first.task_id, first.end, first.days) == ("A3", "start", -5)


def test_a_finish_that_its_duration_does_not_reach() -> None:
    data = xer_project({"early_start_date": "2026-01-05 08:00", "early_end_date": "2026-01-19 16:00"})
    assert (
        planned_from(data, "p.xer")
        .comparison.text()
        .endswith("probably because its duration does not fill the time between its own dates in the file")
    )


def test_a_file_without_dates_says_so() -> None:
    assert case("r3.xer").comparison.text() == "the file holds no dates to compare with"


def test_what_moves_a_finish_alone_is_no_reason_for_a_start() -> None:
    split = later("2025-03-10T08:00:00", "2025-03-13T17:00:00")
    assert text(split).endswith("levelled there, or moved by hand")


def test_a_link_to_a_level_of_effort_that_was_dropped() -> None:
    data = xer_project(
        {"early_start_date": "2026-02-02 08:00", "early_end_date": "2026-02-13 16:00"},
        {"task_type": "TT_LOE"},
        links=[xer_link(2, 1)],
    )
    assert planned_from(data, "p.xer").comparison.text().endswith("probably because a link to it was dropped")


def test_work_under_way_that_the_file_counts_from_another_date() -> None:
    data = xer_project(
        {
            "status_code": "TK_Active",
            "remain_drtn_hr_cnt": 64,
            "act_start_date": "2026-01-05 08:00",
            "early_end_date": "2026-01-23 16:00",
        },
        last_recalc_date="2026-02-02 08:00",
    )
    assert planned_from(data, "p.xer").comparison.text() == (
        "dates equal for 0 of 1 tasks; differs first at A1 (Task 1), by 13 working days (finish later than in the "
        "file), probably because of its progress: the file counts the work left from another date than the status date"
    )


def test_a_task_scheduled_by_hand() -> None:
    early = later("2025-03-04T08:00:00", "2025-03-05T17:00:00", mspdi_link(1), Manual=1)
    assert text(early).endswith("probably because it is scheduled by hand in the file")
