"""Small files of each format that importers read; `SMALL` by ending."""

import json

WEEKDAYS = "".join(
    f"<WeekDay><DayType>{day}</DayType><DayWorking>{int(1 < day < 7)}</DayWorking>"
    + (
        "<WorkingTimes><WorkingTime><FromTime>08:00:00</FromTime><ToTime>12:00:00</ToTime></WorkingTime>"
        "<WorkingTime><FromTime>13:00:00</FromTime><ToTime>17:00:00</ToTime></WorkingTime></WorkingTimes>"
        if 1 < day < 7
        else ""
    )
    + "</WeekDay>"
    for day in range(1, 8)
)


def mspdi(tasks: str, *, exceptions: str = "", resources: str = "", assignments: str = "", head: str = "") -> bytes:
    """A Microsoft Project file from Monday 3 March 2025 on, eight hours a day with a break at noon."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Project xmlns="http://schemas.microsoft.com/project">'
        f"<Title>Bridge</Title><StartDate>2025-03-03T08:00:00</StartDate><CalendarUID>1</CalendarUID>{head}"
        f"<Calendars><Calendar><UID>1</UID><Name>Standard</Name><WeekDays>{WEEKDAYS}</WeekDays>"
        f"<Exceptions>{exceptions}</Exceptions></Calendar></Calendars>"
        f"<Tasks>{tasks}</Tasks><Resources>{resources}</Resources><Assignments>{assignments}</Assignments></Project>"
    ).encode()


def mspdi_task(uid: int, hours: float, *links: str, **fields: object) -> str:
    """A task element; `links` are PredecessorLink elements, `fields` further elements by name."""
    more = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return (
        f"<Task><UID>{uid}</UID><Name>Task {uid}</Name><Duration>PT{int(hours)}H{round(hours % 1 * 60)}M0S</Duration>"
        f"{more}{''.join(links)}</Task>"
    )


def mspdi_link(predecessor: int, kind: int = 1, lag: int = 0, lag_format: int = 7) -> str:
    return (
        f"<PredecessorLink><PredecessorUID>{predecessor}</PredecessorUID><Type>{kind}</Type>"
        f"<LinkLag>{lag}</LinkLag><LagFormat>{lag_format}</LagFormat></PredecessorLink>"
    )


_SHIFTS = "(0||0(s|08:00|f|12:00)())(0||1(s|13:00|f|17:00)())"
XER_CALENDAR = (
    "(0||CalendarData()((0||DaysOfWeek()("
    + "".join(f"(0||{day}()({_SHIFTS if 1 < day < 7 else ''}))" for day in range(1, 8))
    + "))(0||VIEW(ShowTotal|Y)())(0||Exceptions()((0||0(d|45721)())))))"  # 45721 is Wednesday 5 March 2025
)


def xer(tasks: list[str], links: list[str] = [], *, calendar: str = XER_CALENDAR, end: str = "%E") -> bytes:  # noqa: B006
    """A Primavera export; rows are cells joined by tabs: id, code, name, type, status, hours, remaining, starts."""
    columns = "task_id proj_id clndr_id task_code task_name task_type status_code target_drtn_hr_cnt"
    columns += " remain_drtn_hr_cnt act_start_date cstr_type cstr_date"
    return "\r\n".join(
        [
            "ERMHDR\t19.12\t2025-03-01\tProject\tadmin\tAdmin\tdb\tPM\tUSD",
            "%T\tCALENDAR",
            "%F\tclndr_id\tdefault_flag\tclndr_name\tclndr_data",
            f"%R\t9\tY\tStandard\t{calendar}",
            "%T\tPROJECT",
            "%F\tproj_id\tproj_short_name\tplan_start_date\tclndr_id",
            "%R\t100\tBRIDGE\t2025-03-03 08:00\t9",
            "%T\tTASK",
            "%F\t" + columns.replace(" ", "\t"),
            *(f"%R\t{task}" for task in tasks),
            "%T\tTASKPRED",
            "%F\ttask_pred_id\ttask_id\tpred_task_id\tproj_id\tpred_proj_id\tpred_type\tlag_hr_cnt",
            *(f"%R\t{link}" for link in links),
            end,
        ]
    ).encode("cp1252")


def xer_week(days: str, shifts: str = _SHIFTS, *, exceptions: str = "") -> str:
    """Calendar text of a week; `days` are Primavera's numbers, Sunday is 1."""
    parts = "".join(f"(0||{day}()({shifts if str(day) in days else ''}))" for day in range(1, 8))
    return f"(0||CalendarData()((0||DaysOfWeek()({parts}))(0||Exceptions()({exceptions}))))"


EIGHT_TO_FOUR = "(0||0(s|08:00|f|16:00)())"
WEEKDAYS_ONLY = xer_week("23456", EIGHT_TO_FOUR)
EVERY_DAY = xer_week("1234567", EIGHT_TO_FOUR)


def xer_tables(**tables: list[dict[str, object]]) -> bytes:
    """A Primavera export of these tables; rows are cells by column."""
    lines = ["ERMHDR\t19.12\t2026-01-01\tProject\ta\ta\tdb\tPM\tUSD"]
    for table, rows in tables.items():
        columns = list(dict.fromkeys(column for row in rows for column in row))
        lines += [f"%T\t{table}", "\t".join(["%F", *columns])]
        lines += ["\t".join(["%R", *(str(row.get(column, "")) for column in columns)]) for row in rows]
    return "\r\n".join([*lines, "%E", ""]).encode("cp1252")


def xer_project(*tasks: dict[str, object], links: list[dict[str, object]] = [], **project: object) -> bytes:  # noqa: B006
    """An export from Monday 5 January 2026 on; calendar 1 has weekdays from 8 to 16, calendar 2 every day."""
    return xer_tables(
        PROJECT=[
            {"proj_id": 1, "clndr_id": 1, "proj_short_name": "P", "plan_start_date": "2026-01-05 00:00", **project}
        ],
        CALENDAR=[
            {"clndr_id": 1, "default_flag": "Y", "clndr_name": "Weekdays", "clndr_data": WEEKDAYS_ONLY},
            {"clndr_id": 2, "default_flag": "N", "clndr_name": "Every day", "clndr_data": EVERY_DAY},
        ],
        TASK=[xer_task(number, **task) for number, task in enumerate(tasks, 1)],
        TASKPRED=links or [{"task_id": 0, "pred_task_id": 0, "pred_type": "PR_FS", "lag_hr_cnt": 0}],
    )


def xer_task(number: int, **cells: object) -> dict[str, object]:
    """A task of ten days that is not begun, unless its cells say otherwise."""
    plain = {"task_type": "TT_Task", "status_code": "TK_NotStart", "target_drtn_hr_cnt": 80, "clndr_id": 1}
    names = {"task_id": number, "proj_id": 1, "task_code": f"A{number}", "task_name": f"Task {number}"}
    return {**names, **plain, **cells}


def xer_link(before: int, after: int, kind: str = "PR_FS", lag: float = 0) -> dict[str, object]:
    return {"task_id": after, "pred_task_id": before, "pred_type": kind, "lag_hr_cnt": lag}


XER_TASKS = [
    "1\t100\t9\tA1000\tStart\tTT_Mile\tTK_NotStart\t0\t0\t\t\t",
    "2\t100\t9\tA1010\tDig\tTT_Task\tTK_Active\t40\t24\t2025-03-03 08:00\t\t",
    "3\t100\t9\tA1020\tPour\tTT_Task\tTK_NotStart\t16\t16\t\tCS_MSOA\t2025-03-17 08:00",
    "4\t100\t9\tA1030\tSupervise\tTT_LOE\tTK_NotStart\t80\t80\t\t\t",
]
XER_LINKS = ["1\t2\t1\t100\t100\tPR_FS\t0", "2\t3\t2\t100\t100\tPR_SS\t12", "3\t4\t2\t100\t100\tPR_FF\t0"]

TASKS_CSV = b"""id,name,realistic_duration,predecessor_ids,resource_ids,url
A,Spec,10,,blue,https://example.com/A
B,Build,20,A,green,
C,Test,8.5,A;B:FF+1,blue,
"""

SCHEDULE_CSV = b"""id,type,chain,start,finish,duration,resource_ids,predecessor_ids
A,task,critical,0,5,5,x,
B,task,critical,5,10,5,y,A;FB1:FB
C,task,f,0,3,3,y,
FB1,feeding_buffer,f,3,5,2,,C:FB
PB,project_buffer,critical,10,15,5,,B:PB
"""
GANTT_CSV = b"""ID;Name;Begin date;End date;Duration;Completion;Predecessors;Outline number;Resources
0;House;2026-01-05;2026-01-23;15;0;;1;
1;Design;2026-01-05;2026-01-09;5;50;;1.1;Ann
2;Build;2026-01-12;2026-01-23;10;0;1-FS=P1D;1.2;Bob
"""
MSP_CSV = b"""ID,Task Name,Duration,Start,Finish,Predecessors,Resource Names,% Complete
1,Design,5 days,Mon 1/5/26,Fri 1/9/26,,"Ann,Bob[50%]",0%
2,Build,2w,Mon 1/12/26,Fri 1/23/26,1SS+3 days,,0%
3,Test,3 hrs,Mon 1/26/26,Mon 1/26/26,"1,2FF+50%",,0%
"""
JIRA_CSV = b"""Summary,Issue key,Original estimate,Outward issue link (Blocks),Outward issue link (Blocks)
Login,PROJ-1,28800,PROJ-2,PROJ-3
Cart,PROJ-2,57600,,
Pay,PROJ-3,,PROJ-9,
"""

PLAN = {
    "accountId": 1,
    "project": {"id": 1, "name": "P", "startDate": "2025-03-03", "calendar": {"holidays": ["2025-03-05"]}},
    "tasks": [{"id": 1, "name": "A", "duration": 3, "resources": ["x"]}, {"id": "b", "name": "B", "duration": 2.5}],
    "links": [{"from": 1, "to": "b", "type": "SS", "lag": -0.5}],
}

SMALL: dict[str, bytes] = {
    "plan.json": json.dumps(PLAN).encode(),
    "plan.yaml": json.dumps(PLAN, indent=1).encode(),
    "plan.xml": mspdi(
        mspdi_task(1, 0, Milestone=1)
        + mspdi_task(2, 40, mspdi_link(1), PercentComplete=50, RemainingDuration="PT20H0M0S")
        + mspdi_task(3, 12.5, mspdi_link(2, 3, 4800), ConstraintType=4, ConstraintDate="2025-03-11T08:00:00"),
        resources="<Resource><UID>1</UID><Name>Ann</Name><Type>1</Type><MaxUnits>1</MaxUnits></Resource>",
        assignments="<Assignment><TaskUID>2</TaskUID><ResourceUID>1</ResourceUID><Units>1</Units></Assignment>",
    ),
    "tasks.csv": TASKS_CSV,
    "schedule.csv": SCHEDULE_CSV,
    "gantt.csv": GANTT_CSV,
    "msp.csv": MSP_CSV,
    "jira.csv": JIRA_CSV,
    "plan.xer": xer(XER_TASKS, XER_LINKS),
    "progress.xer": xer_project(
        {"status_code": "TK_Active", "remain_drtn_hr_cnt": 64, "act_start_date": "2026-01-05 08:00"},
        {"clndr_id": 2, "early_start_date": "2026-01-19 08:00", "early_end_date": "2026-01-28 16:00"},
        {"cstr_type": "CS_MEOA", "cstr_date": "2026-02-27 16:00", "task_type": "TT_FinMile"},
        links=[xer_link(1, 2, "PR_SS", 16), xer_link(2, 3)],
        last_recalc_date="2026-01-12 08:00",
        plan_end_date="2026-03-31 16:00",
    ),
    "progress.xml": mspdi(
        mspdi_task(
            1,
            80,
            PercentComplete=20,
            ActualStart="2025-03-03T08:00:00",
            RemainingDuration="PT64H0M0S",
            Stop="2025-03-04T17:00:00",
            Resume="2025-03-10T08:00:00",
            Start="2025-03-03T08:00:00",
            Finish="2025-03-19T17:00:00",
        )
        + mspdi_task(2, 16, mspdi_link(1), Start="2025-03-20T08:00:00", Finish="2025-03-26T17:00:00", ConstraintType=7)
        + mspdi_task(3, 72, mspdi_link(2, 1, 43200, 8), DurationFormat=8, Start="2025-03-31T08:00:00"),
        head="<StatusDate>2025-03-05T08:00:00</StatusDate>",
        resources="<Resource><UID>1</UID><Name>Ann</Name><Type>1</Type><CalendarUID>3</CalendarUID></Resource>",
        assignments="<Assignment><TaskUID>2</TaskUID><ResourceUID>1</ResourceUID><Units>1</Units></Assignment>",
    ),
}
COLUMNS: dict[str, tuple[str, ...]] = {
    "jira.csv": (
        "id=Issue key",
        "name=Summary",
        "duration=Original estimate:seconds",
        "blocks=Outward issue link (Blocks)",
    )
}
"""What the columns of a small file mean, where it has to be said."""
