"""Primavera P6's XER: the tables PROJECT, TASK, TASKPRED and CALENDAR of a tab-separated export.

Facts of the format: `%T` names a table, `%F` its columns, `%R` is a row, `%E` the end; durations and lags are hours of
work, link types PR_FS, PR_SS, PR_FF, PR_SF; a calendar's weekdays count from Sunday = 1, its exceptions are days since
1899-12-30. Milestones, levels of effort and work-breakdown summaries are task types of their own. Primavera schedules
work that has not begun by its remaining duration, from the data date (`last_recalc_date`) on.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.imported import FileDates, Imported, Reasons, Warnings, day, ids_told, in_utc
from chainbell.engine.importers.project_time import ProjectTime
from chainbell.engine.importers.xer_links import Network
from chainbell.engine.importers.xer_tables import Row, read_tables
from chainbell.engine.importers.xer_tasks import MILESTONES, Tasks
from chainbell.engine.importers.xer_weeks import Weeks
from chainbell.rules import HostId

DROPPED_TYPES = {"TT_LOE": "levels of effort dropped, they follow other tasks", "TT_WBS": "summary tasks dropped"}
"""Task types that are dropped, with the warning that says so."""
DROPPED_TABLES = {
    "TASKRSRC": "resource assignments dropped: only PROJECT, TASK, TASKPRED and CALENDAR are read",
    "TASKACTV": "activity codes dropped",
    "UDFVALUE": "user-defined fields dropped",
}
"""Tables that are dropped, with the warning that says so."""


def read_xer(data: bytes, name: str, project: str | None = None) -> Imported:
    """The plan of one project of a Primavera export; raises InvalidInputError naming file, line and reason.

    Of several projects that have tasks, `project` names one by its short name or id; without it, the first is taken and
    a warning says so.
    """
    tables = read_tables(data, name)
    for table in ("PROJECT", "TASK"):
        if not tables.get(table):
            raise InvalidInputError(name, f"has no rows in the table {table}")
    warnings, reasons = Warnings(), Reasons()
    for table, text in DROPPED_TABLES.items():
        if table in tables:
            warnings.add(text)
    chosen, is_chosen = _chosen(tables, name, project, warnings)
    rows = {row.get("task_id"): row for row in tables["TASK"] if _is_kept(row, chosen, warnings)}
    ids = _ids(rows, warnings)
    weeks = Weeks(tables.get("CALENDAR", []), chosen, _at_work(rows), warnings)
    begins = chosen.instant("plan_start_date", "last_recalc_date")
    data_date = chosen.instant("last_recalc_date")
    origin = _origin(begins, rows, warnings)
    time = ProjectTime.starting(weeks.week, (origin or datetime(2000, 1, 3)).date())  # noqa: DTZ001
    network = Network(tables.get("TASKPRED", []), rows, weeks, tables.get("SCHEDOPTIONS", []), warnings)
    tasks = Tasks(rows, ids, weeks, time, network, origin=begins or origin, data_date=data_date)
    documents = tasks.documents(warnings, reasons)
    for key in network.cut:
        reasons.add(ids[key], "a link to it was dropped")
    document = {
        "project": _heading(chosen, weeks, origin, data_date),
        "tasks": documents,
        "links": network.documents(ids, time, tasks.anchors, warnings, reasons),
        "milestones": [_milestone(row, ids[key]) for key, row in rows.items() if row.get("task_type") in MILESTONES],
    }
    own = ((ids[key], _dates(row)) for key, row in rows.items())
    dates: dict[HostId, FileDates] = {task_id: found for task_id, found in own if found is not None}
    return Imported("Primavera XER", document, warnings.texts(), dates, reasons.by_task(), is_chosen)


def _chosen(tables: Mapping[str, list[Row]], name: str, wanted: str | None, warnings: Warnings) -> tuple[Row, bool]:
    """The project to read, and whether `wanted` named it among several; raises InvalidInputError if there is none."""
    busy = {row.get("proj_id") for row in tables["TASK"] if row.get("task_type") not in DROPPED_TYPES}
    projects = [row for row in tables["PROJECT"] if row.get("proj_id") in busy]
    if not projects:
        raise InvalidInputError(name, "none of its projects has tasks")
    originals = [row for row in projects if not row.get("orig_proj_id")]
    if originals and len(originals) < len(projects):
        warnings.add("baselines of the project dropped, which the file holds as further projects")
        projects = originals
    if len(projects) == 1:
        return projects[0], False
    shown = ", ".join(_title(row) for row in projects[:20])
    if wanted is None:
        text = f"the file holds {len(projects)} projects with tasks, the first is read (--project): {shown}"
        warnings.add(text)
        return projects[0], False
    for column in ("proj_short_name", "proj_id"):
        for row in projects:
            if row.get(column) == wanted:
                return row, True
    raise InvalidInputError(name, f"has no project {wanted[:64]!r} with tasks, but {shown}")


def _title(row: Row) -> str:
    return (row.get("proj_short_name") or row.get("proj_id"))[:64]


def _is_kept(row: Row, project: Row, warnings: Warnings) -> bool:
    if row.get("proj_id") != project.get("proj_id"):
        return False
    text = DROPPED_TYPES.get(row.get("task_type"))
    if text is not None:
        warnings.add(text, row.get("task_name"))
    return text is None


def _at_work(rows: Mapping[str, Row]) -> list[Row]:
    """The tasks whose calendars are counted: all but milestones, which take no time, or all if there are no others."""
    return [row for row in rows.values() if row.get("task_type") not in MILESTONES] or list(rows.values())


def _ids(rows: Mapping[str, Row], warnings: Warnings) -> dict[str, str]:
    """By task_id, the activity id that people know (`task_code`), or the task_id where those are not unique."""
    codes = [row.get("task_code") for row in rows.values()]
    if all(codes) and len(set(codes)) == len(codes):
        warnings.add(ids_told(list(codes), "the activity id (task_code) of each"))
        return {key: row.get("task_code") for key, row in rows.items()}
    warnings.add(ids_told(list(rows), "the task_id of each, since task_code does not tell the tasks apart"))
    return {key: key for key in rows}


def _origin(begins: datetime | None, rows: Mapping[str, Row], warnings: Warnings) -> datetime | None:
    """The instant whose day the project starts on: its planned start, or the first actual start on an earlier day."""
    starts = [at for row in rows.values() if (at := row.instant("act_start_date")) is not None]
    first = min(starts, default=None)
    if begins is None or first is None or first.date() >= begins.date():
        return begins or first
    warnings.add(f"work began before the planned start, {day(begins)}: the project starts on {day(first)}")
    return first


def _heading(project: Row, weeks: Weeks, origin: datetime | None, data_date: datetime | None) -> dict[str, Any]:
    heading: dict[str, Any] = {"calendar": weeks.week.document}
    title = project.get("proj_short_name")
    if title:
        heading |= {"id": title[:64], "name": title[:1000]}
    if origin is not None:
        heading["startDate"] = day(origin)
    if data_date is not None:
        heading["statusDate"] = in_utc(data_date)
    target = project.instant("plan_end_date")
    if target is not None:
        heading["targetEndDate"] = day(target)
    return heading


def _dates(row: Row) -> FileDates | None:
    """When the file itself says that a task starts and finishes: actual, else early, else target dates."""
    start = row.instant("act_start_date", "early_start_date", "target_start_date")
    finish = row.instant("act_end_date", "early_end_date", "target_end_date")
    return None if start is None and finish is None else FileDates(start, finish)


def _milestone(row: Row, task_id: str) -> dict[str, Any]:
    milestone: dict[str, Any] = {"id": task_id, "name": row.get("task_name")[:1000] or task_id}
    at = row.instant("target_end_date", "early_end_date")
    if at is not None:
        milestone["plannedDate"] = day(at)
    return milestone
