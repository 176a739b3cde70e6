"""The words in which importers say what they dropped, assumed or refused, where no other test reads them."""

import pytest

from chainbell.engine import InvalidInputError
from chainbell.engine.importers import import_plan
from tests.imports import planned_from
from tests.plan_files import (
    EIGHT_TO_FOUR,
    mspdi,
    mspdi_link,
    mspdi_task,
    xer_link,
    xer_project,
    xer_tables,
    xer_task,
    xer_week,
)

PERIOD = "<TimePeriod><FromDate>{}</FromDate><ToDate>{}</ToDate></TimePeriod>"
YEARLY = f"<Exception>{PERIOD.format('2025-05-01T00:00:00', '2027-05-01T23:59:00')}<Name>May</Name><Type>2</Type>"
YEARLY += "<Occurrences>3</Occurrences><DayWorking>0</DayWorking></Exception>"
ENDLESS = f"<Exception>{PERIOD.format('2025-05-01T00:00:00', '2055-05-01T23:59:00')}<Name>Off</Name>"
ENDLESS += "<DayWorking>0</DayWorking></Exception>"
WORK_WEEKS = b"<WorkWeeks><WorkWeek><Name>Rush</Name></WorkWeek></WorkWeeks></Calendar>"
SHORT_FRIDAY = (
    "<Exception>" + PERIOD.format("2025-03-07T00:00:00", "2025-03-07T23:59:00") + "<DayWorking>1</DayWorking>"
)
SHORT_FRIDAY += "<WorkingTimes><WorkingTime><FromTime>08:00:00</FromTime><ToTime>12:00:00</ToTime></WorkingTime>"
SHORT_FRIDAY += "</WorkingTimes></Exception>"


@pytest.mark.parametrize(
    ("data", "warning"),
    [
        (mspdi(mspdi_task(1, 8) + mspdi_task(2, 8, IsNull=1)), "empty rows dropped: Task 2"),
        (mspdi(mspdi_task(1, 8) + mspdi_task(2, 8, ExternalTask=1)), "tasks of other projects dropped: Task 2"),
        (mspdi(mspdi_task(1, 8) + "<Task><Name>x</Name></Task>"), "Task without UID dropped"),
        (mspdi(mspdi_task(1, 8), exceptions=YEARLY), "recurring holiday kept for its first day only: May"),
        (mspdi(mspdi_task(1, 8), exceptions=ENDLESS), "holiday of impossible length dropped: Off"),
        (
            mspdi(mspdi_task(1, 8)).replace(b"</Calendar>", WORK_WEEKS),
            "work weeks for some time only dropped: Standard",
        ),
        (
            mspdi(mspdi_task(1, 8)).replace(b"<CalendarUID>1<", b"<CalendarUID>5<"),
            "the file names no project calendar: Monday to Friday, 08:00-12:00 and 13:00-17:00",
        ),
        (
            mspdi(mspdi_task(1, 40) + mspdi_task(2, 8, mspdi_link(1, 1, 14400, 8))),
            "elapsed lag taken in proportion as working time: 1 -> 2",
        ),
        (mspdi(mspdi_task(1, 72, DurationFormat=8)), "elapsed duration taken in proportion as working time: Task 1"),
        (
            mspdi(
                mspdi_task(1, 16, Start="2025-03-06T08:00:00", Finish="2025-03-10T12:00:00", ConstraintType=4),
                exceptions=SHORT_FRIDAY,
            ),
            "1 task with days of different length: counted on the project's calendar at the dates they have now, 0.5 "
            "working days differ, the first is 1 with 2 that become 2.5",
        ),
        (
            mspdi(mspdi_task(1, 40, Start="2025-03-03T08:00:00", Finish="2025-03-04T17:00:00")),
            "1 task with dates closer together than its duration: counted on the project's calendar at the dates they "
            "have now, 3 working days differ, the first is 1 with 5 that become 2",
        ),
    ],
)
def test_microsoft_project(data: bytes, warning: str) -> None:
    assert warning in planned_from(data, "p.xml").imported.warnings


def one_task(**tables: list[dict[str, object]]) -> bytes:
    return xer_tables(PROJECT=[{"proj_id": 1, "clndr_id": 3}], TASK=[xer_task(1, clndr_id=3)], **tables)


HALF_FRIDAY = xer_week("23456", EIGHT_TO_FOUR).replace(
    f"(0||6()({EIGHT_TO_FOUR}))", "(0||6()((0||0(s|08:00|f|12:00)())))"
)


@pytest.mark.parametrize(
    ("data", "warning"),
    [
        (one_task(), "the file has no project calendar: Monday to Friday, 08:00 to 16:00, is taken"),
        (
            one_task(CALENDAR=[{"clndr_id": 3, "clndr_data": xer_week("", EIGHT_TO_FOUR)}]),
            "the calendar has no working hours: Monday to Friday is taken",
        ),
        (
            one_task(CALENDAR=[{"clndr_id": 3, "clndr_data": HALF_FRIDAY}]),
            "days with other hours are counted as whole working days: weekday 5",
        ),
        (
            one_task(TASKRSRC=[{"x": 1}]),
            "resource assignments dropped: only PROJECT, TASK, TASKPRED and CALENDAR are read",
        ),
        (one_task(TASKACTV=[{"x": 1}]), "activity codes dropped"),
        (one_task(UDFVALUE=[{"x": 1}]), "user-defined fields dropped"),
        (
            xer_tables(
                PROJECT=[{"proj_id": 1}],
                TASK=[xer_task(1), xer_task(2, task_type="TT_WBS", task_name="Phase")],
            ),
            "summary tasks dropped: Phase",
        ),
        (
            xer_project({}, {"task_type": "TT_LOE"}, links=[xer_link(1, 2)]),
            "link to what was dropped, dropped with it: 1 -> 2",
        ),
    ],
)
def test_primavera(data: bytes, warning: str) -> None:
    assert warning in planned_from(data, "p.xer").imported.warnings


@pytest.mark.parametrize(
    ("data", "warning"),
    [
        (
            b"id,realistic_duration\nA,4\n",
            "no duration beside the realistic one: half of it is planned, the rest is safety: A",
        ),
        (b"id,duration,chain,url\nA,4,,x\n", "column url dropped: a plan has no place for it"),
        (
            b"id,type,chain,start,duration,resource_ids,predecessor_ids\nA,task,c,0,4,x,\nB,task,c,2,4,x,A:SS\n"
            b"PB,project_buffer,c,6,3,,B:PB\n",
            "resource used by several tasks at once: no resource link between them: x",
        ),
        (
            b"ID,Name,Duration,Predecessors,Outline number\n1,S,2,,1\n2,A,2,,1.1\n3,B,1,1SS,2\n",
            "link to a summary task's start or from its finish dropped: 1 -> 3",
        ),
    ],
)
def test_tables(data: bytes, warning: str) -> None:
    assert warning in planned_from(data, "t.csv").imported.warnings


@pytest.mark.parametrize(
    ("data", "name", "error"),
    [
        (b"[1]", "p.json", "p.json: a plan document is an object"),
        (b"<APIBusinessObjects/>", "p.xml", "p.xml: is Primavera's XML, not Microsoft Project's: name it .pmxml"),
        (b"\xff\xfe\x00", "t.csv", "t.csv: begins as UTF-16 and is not"),
        (b"\x81\x8d", "t.csv", "t.csv: is text neither in UTF-8 nor in Windows-1252"),
        (xer_tables(PROJECT=[{"proj_id": 1}]), "p.xer", "p.xer: has no rows in the table TASK"),
        (
            xer_tables(PROJECT=[{"proj_id": 1}], TASK=[xer_task(1, task_type="TT_LOE")]),
            "p.xer",
            "p.xer: none of its projects has tasks",
        ),
        (
            xer_project({"early_start_date": "1066-10-14 08:00"}),
            "p.xer",
            "p.xer:11: early_start_date: lies outside the years 1900 to 2200",
        ),
        (
            b"ID,Name,Duration,Summary\n1,A,1,Yes\n",
            "t.csv",
            "t.csv: has no tasks below its summary rows",
        ),
    ],
)
def test_refusals(data: bytes, name: str, error: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        import_plan(data, name)
    assert str(refused.value) == error


def test_a_map_without_an_id_names_the_columns() -> None:
    with pytest.raises(InvalidInputError, match="name the column of the ids: --map id=COLUMN; there are 'A', 'B'"):
        import_plan(b"A,B\n1,2\n", "t.csv", columns=["name=A"])


def test_utf_16_is_read_as_spreadsheets_save_it() -> None:
    data = "ID\tName\tDuration\n1\tÄrger\t2\n".encode("utf-16")
    assert planned_from(data, "t.csv").planned.project.tasks[0].name == "Ärger"
