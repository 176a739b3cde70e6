"""Primavera P6's XER: the tables PROJECT, TASK, TASKPRED and CALENDAR of a tab-separated export.

Facts of the format: `%T` names a table, `%F` its columns, `%R` is a row, `%E` the end; durations and lags are hours of
work, link types PR_FS, PR_SS, PR_FF, PR_SF; a calendar's weekdays count from Sunday = 1, its exceptions are days since
1899-12-30. Milestones, levels of effort and work-breakdown summaries are task types of their own.
"""

from dataclasses import dataclass, field
from datetime import date, time, timedelta
from typing import Any

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.imported import Imported, Warnings, day, decoded, in_utc, instant, number
from chainbell.engine.importers.working_week import WorkingWeek, calendar_document, shift_list
from chainbell.engine.importers.xer_calendar import read_calendar_data

NEEDED = {
    "PROJECT": ("proj_id",),
    "TASK": ("task_id", "proj_id", "task_name", "target_drtn_hr_cnt"),
    "TASKPRED": ("task_id", "pred_task_id", "pred_type"),
    "CALENDAR": ("clndr_id", "clndr_data"),
}
LINK_TYPES = {"PR_FS": "FS", "PR_SS": "SS", "PR_FF": "FF", "PR_SF": "SF"}
MILESTONES = {"TT_Mile", "TT_FinMile"}
DROPPED_TYPES = {"TT_LOE": "levels of effort dropped, they follow other tasks", "TT_WBS": "summary tasks dropped"}
DROPPED_TABLES = {
    "TASKRSRC": "resource assignments dropped: only PROJECT, TASK, TASKPRED and CALENDAR are read",
    "TASKACTV": "activity codes dropped",
    "UDFVALUE": "user-defined fields dropped",
}
START_CONSTRAINT = "CS_MSOA"
"""Primavera's name of 'start on or after'."""


@dataclass(slots=True)
class Row:
    """One row with its line in the file."""

    line: int
    cells: dict[str, str]
    name: str = field(repr=False, default="")

    def get(self, column: str) -> str:
        return self.cells.get(column, "").strip()

    def place(self, column: str) -> str:
        return f"{self.name}:{self.line}: {column}"

    def number(self, column: str, default: float = 0.0) -> float:
        text = self.get(column)
        return number(text, self.place(column)) if text else default

    def instant(self, column: str) -> str | None:
        text = self.get(column)
        return in_utc(instant(text, self.place(column))) if text else None


def read_xer(data: bytes, name: str) -> Imported:
    """The plan of the first project of a Primavera export; raises InvalidInputError naming file, line and reason."""
    tables = _tables(data, name)
    for table in ("PROJECT", "TASK"):
        if not tables.get(table):
            raise InvalidInputError(name, f"has no rows in the table {table}")
    warnings = Warnings()
    for table, text in DROPPED_TABLES.items():
        if tables.get(table):
            warnings.add(text)
    project = tables["PROJECT"][0]
    for other in tables["PROJECT"][1:]:
        warnings.add("further projects of the file dropped", other.get("proj_short_name") or other.get("proj_id"))
    calendars = {row.get("clndr_id"): row for row in tables.get("CALENDAR", [])}
    week = _calendar(project, calendars, warnings)
    rows = {row.get("task_id"): row for row in tables["TASK"] if _is_kept(row, project, warnings)}
    if not rows:
        raise InvalidInputError(name, "the first project has no tasks")
    heading: dict[str, Any] = {"calendar": week.document}
    title = project.get("proj_short_name")
    if title:
        heading |= {"id": title[:64], "name": title[:1000]}
    begins = project.get("plan_start_date") or project.get("last_recalc_date")
    if begins:
        heading["startDate"] = day(instant(begins, project.place("plan_start_date")))
    ids = _ids(rows)
    document = {
        "project": heading,
        "tasks": [_task(row, ids[key], project, week, warnings) for key, row in rows.items()],
        "links": _links(tables.get("TASKPRED", []), rows, ids, week, warnings),
        "milestones": [_milestone(row, ids[key]) for key, row in rows.items() if row.get("task_type") in MILESTONES],
    }
    return Imported("Primavera XER", document, warnings.texts())


def _tables(data: bytes, name: str) -> dict[str, list[Row]]:
    lines = [line.rstrip("\r") for line in decoded(data, name).split("\n")]
    if not lines[0].startswith("ERMHDR"):
        raise InvalidInputError(f"{name}:1", "is no XER file: its first line is not ERMHDR")
    tables: dict[str, list[Row]] = {}
    table, columns = "", None
    for at, line in enumerate(lines[1:], 2):
        mark, *cells = line.split("\t")
        place = f"{name}:{at}"
        if mark == "%T" and cells and cells[0].strip():
            table, columns = cells[0].strip(), None
            tables.setdefault(table, [])
        elif mark == "%F" and table:
            columns = _columns(table, cells, place)
        elif mark == "%R" and columns is not None:
            if len(cells) > len(columns):
                raise InvalidInputError(place, f"has {len(cells)} cells, %F names {len(columns)}")
            tables[table].append(Row(at, dict(zip(columns, cells, strict=False)), name))
        elif mark == "%E":
            return tables
        elif line.strip():
            raise InvalidInputError(place, f"{mark[:20]!r} is not expected here: %T, %F, %R and %E follow each other")
    raise InvalidInputError(f"{name}:{len(lines)}", "the file ends without %E: it is cut short")


def _columns(table: str, cells: list[str], place: str) -> list[str]:
    columns = [cell.strip() for cell in cells]
    for needed in NEEDED.get(table, ()):
        if needed not in columns:
            raise InvalidInputError(place, f"the table {table} has no column {needed}")
    return columns


def _is_kept(row: Row, project: Row, warnings: Warnings) -> bool:
    if row.get("proj_id") != project.get("proj_id"):
        return False
    text = DROPPED_TYPES.get(row.get("task_type"))
    if text is not None:
        warnings.add(text, row.get("task_name"))
    return text is None


def _ids(rows: dict[str, Row]) -> dict[str, str]:
    """By task_id the activity id that people know (`task_code`), where those tell the tasks apart."""
    codes = [row.get("task_code") for row in rows.values()]
    if all(codes) and len(set(codes)) == len(codes):
        return {key: row.get("task_code") for key, row in rows.items()}
    return {key: key for key in rows}


def _calendar(project: Row, calendars: dict[str, Row], warnings: Warnings) -> WorkingWeek:
    row = calendars.get(project.get("clndr_id"))
    if row is None:
        row = next((r for r in calendars.values() if r.get("default_flag") == "Y"), None)
    if row is None:
        warnings.add("the file has no project calendar: Monday to Friday, 08:00 to 16:00, is taken")
        eight = shift_list([(time(8), time(16))])
        return calendar_document(
            0, {weekday: eight if weekday <= 5 else () for weekday in range(1, 8)}, set(), warnings
        )
    data = read_calendar_data(row.get("clndr_data"), row.place("clndr_data"))
    week = {iso: shift_list(data.week.get(iso % 7 + 1, [])) for iso in range(1, 8)}
    holidays = set()
    for serial, shifts in data.exceptions.items():
        at = date(1899, 12, 30) + timedelta(days=serial)
        if shifts:
            warnings.add("exceptional working time dropped", at)
        else:
            holidays.add(at)
    return calendar_document(0, week, holidays, warnings)


def _task(row: Row, task_id: str, project: Row, week: WorkingWeek, warnings: Warnings) -> dict[str, Any]:
    hours = week.minutes / 60
    name = row.get("task_name")[:1000] or task_id
    task: dict[str, Any] = {"id": task_id, "name": name, "duration": row.number("target_drtn_hr_cnt") / hours}
    if row.get("task_type") in MILESTONES:
        task["duration"] = 0.0
    status = row.get("status_code")
    started, finished = row.instant("act_start_date"), row.instant("act_end_date")
    if status == "TK_Complete":
        task["status"] = "Completed"
    elif status == "TK_Active":
        task["status"] = "InProgress"
        task["remainingDuration"] = row.number("remain_drtn_hr_cnt") / hours
        if row.get("complete_pct_type") == "CP_Phys" and 0 < row.number("phys_complete_pct") < 100:
            task["percentComplete"] = row.number("phys_complete_pct")
        if task["remainingDuration"] == 0:  # nothing left, but not called done
            task.pop("remainingDuration")
    if started and status != "TK_NotStart":
        task["actualStart"] = started
    if finished and status == "TK_Complete":
        task["actualFinish"] = finished
    constraint = row.get("cstr_type")
    if constraint == START_CONSTRAINT and row.instant("cstr_date"):
        task["startNoEarlierThan"] = row.instant("cstr_date")
    elif constraint:
        warnings.add(f"constraint {constraint} dropped", name)
    if row.get("cstr_type2"):
        warnings.add("secondary constraint dropped", name)
    own, common = row.get("clndr_id"), project.get("clndr_id")
    if own and common and own != common:
        warnings.add("task calendar dropped, the project's is used", name)
    return task


def _links(
    rows: list[Row], tasks: dict[str, Row], ids: dict[str, str], week: WorkingWeek, warnings: Warnings
) -> list[dict[str, Any]]:
    links = []
    for row in rows:
        before, after, kind = row.get("pred_task_id"), row.get("task_id"), row.get("pred_type")
        if kind not in LINK_TYPES:
            raise InvalidInputError(row.place("pred_type"), f"{kind[:40]!r} is none of {', '.join(LINK_TYPES)}")
        if before not in tasks or after not in tasks:
            if after in tasks or before in tasks:
                warnings.add("link to what was dropped, dropped with it", f"{before} -> {after}")
            continue
        lag = row.number("lag_hr_cnt") / (week.minutes / 60)
        links.append({"from": ids[before], "to": ids[after], "type": LINK_TYPES[kind], "lag": lag})
    return links


def _milestone(row: Row, task_id: str) -> dict[str, Any]:
    milestone: dict[str, Any] = {"id": task_id, "name": row.get("task_name")[:1000] or task_id}
    at = row.get("target_end_date") or row.get("early_end_date")
    if at:
        milestone["plannedDate"] = day(instant(at, row.place("target_end_date")))
    return milestone
