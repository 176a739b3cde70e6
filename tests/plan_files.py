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
    "plan.xer": xer(XER_TASKS, XER_LINKS),
}
