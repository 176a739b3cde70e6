from datetime import date

import pytest

from chainbell.engine import InvalidInputError
from chainbell.engine.documents.plan import read_plan
from chainbell.engine.importers import completed, read_xer
from chainbell.engine.planner import project_of
from tests.plan_files import XER_CALENDAR, XER_LINKS, XER_TASKS, xer
from tests.plans import MONDAY


def test_tasks_links_calendar_and_progress_are_read() -> None:
    imported = read_xer(xer(XER_TASKS, XER_LINKS), "p.xer")
    project = project_of(read_plan(completed(imported, "p.xer", date(2000, 1, 1)).document), MONDAY)
    assert (project.id, project.start_date) == ("BRIDGE", date(2025, 3, 3))
    assert project.calendar.holidays == {date(2025, 3, 5)}
    assert len(project.calendar.hours) == 2
    start, dig, pour = project.tasks
    assert (start.duration, dig.duration, pour.duration) == (0, 5, 2)
    assert (dig.status, dig.remaining, dig.started) == ("InProgress", 3, 0)
    assert pour.planned_start == pour.not_before == 9
    assert [(link.predecessor, link.successor, link.type, link.lag) for link in project.network.links][:2] == [
        ("A1000", "A1010", "FS", 0),
        ("A1010", "A1020", "SS", 1.5),
    ]
    assert [milestone.id for milestone in project.milestones] == ["A1000"]
    assert "levels of effort dropped, they follow other tasks: Supervise" in imported.warnings


def test_a_calendar_may_name_the_finish_of_a_shift_first() -> None:
    flipped = XER_CALENDAR.replace("s|08:00|f|12:00", "f|12:00|s|08:00")
    assert read_xer(xer(XER_TASKS, calendar=flipped), "p").document == read_xer(xer(XER_TASKS), "p").document


@pytest.mark.parametrize(
    ("data", "place", "reason"),
    [
        (b"PK\x03\x04", "p.xer:1", "first line is not ERMHDR"),
        (xer(XER_TASKS, end=""), "p.xer:16", "without %E"),
        (xer([XER_TASKS[0] + "\tmore\tmore"]), "p.xer:10", "has 14 cells, %F names 12"),
        (xer(XER_TASKS).replace(b"target_drtn_hr_cnt", b"x"), "p.xer:9", "no column target_drtn_hr_cnt"),
        (xer([XER_TASKS[1].replace("\t40\t", "\tforty\t")]), "p.xer:10: target_drtn_hr_cnt", "'forty' is not a number"),
        (xer(XER_TASKS, [XER_LINKS[0].replace("PR_FS", "FS")]), "p.xer:16: pred_type", "'FS' is none of"),
        (xer(XER_TASKS, calendar="(0||CalendarData()("), "p.xer:4: clndr_data", "is not a Primavera calendar"),
        (xer(XER_TASKS).replace(b"%T\tTASK\r", b"%X\tTASK\r"), "p.xer:8", "'%X' is not expected"),
    ],
)
def test_a_malformed_file_is_rejected_with_the_line(data: bytes, place: str, reason: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_xer(data, "p.xer")
    assert refused.value.field == place
    assert reason in refused.value.reason
