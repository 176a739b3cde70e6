"""The tasks of a Primavera export: durations on the project's calendar, progress, constraints."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chainbell.engine.importers.constraints import Constraint, Held, earliest_start
from chainbell.engine.importers.converted_days import Conversions
from chainbell.engine.importers.forward_pass import Activity, Dates, earliest_dates
from chainbell.engine.importers.imported import Reasons, Warnings, in_utc
from chainbell.engine.importers.project_time import ProjectTime
from chainbell.engine.importers.working_time import WorkingTime
from chainbell.engine.importers.xer_links import Network
from chainbell.engine.importers.xer_tables import Row
from chainbell.engine.importers.xer_weeks import Weeks

MILESTONES = {"TT_Mile", "TT_FinMile"}
RESOURCE_DEPENDENT = "TT_Rsrc"
NOT_STARTED, ACTIVE, COMPLETE = "TK_NotStart", "TK_Active", "TK_Complete"
ABSURD_DAYS = 1000
"""Working days above which an original duration is a mistake if it is more than ten times what is known of a task."""

CONSTRAINTS = {
    "CS_MSO": Constraint("start on", "start"),
    "CS_MANDSTART": Constraint("mandatory start", "start"),
    "CS_MSOA": Constraint("start on or after", "start", is_whole=True),
    "CS_MSOB": Constraint("start on or before", None),
    "CS_MEO": Constraint("finish on", "finish"),
    "CS_MANDFIN": Constraint("mandatory finish", "finish"),
    "CS_MEOA": Constraint("finish on or after", "finish", is_whole=True),
    "CS_MEOB": Constraint("finish on or before", None),
    "CS_ALAP": Constraint("as late as possible", None),
}


class Tasks:
    """Turns the rows of the table TASK into tasks of the plan document.

    `anchors` are, by task_id, the dates at which durations and lags on other calendars are counted on the project's;
    tasks on a cycle of links, or after one, have none.
    """

    def __init__(
        self,
        rows: Mapping[str, Row],
        ids: Mapping[str, str],
        weeks: Weeks,
        time: ProjectTime,
        network: Network,
        *,
        origin: datetime | None,
        data_date: datetime | None,
    ) -> None:
        self._rows, self._ids, self._weeks, self._time, self._network = rows, ids, weeks, time, network
        self._data_date = data_date
        begin = max((at for at in (origin, data_date) if at is not None), default=datetime(2000, 1, 3))  # noqa: DTZ001
        self._passed = earliest_dates({key: self._activity(row) for key, row in rows.items()}, network.links, begin)
        self.anchors = {key: self._anchor(key, row) for key, row in rows.items() if key in self._passed}

    def documents(self, warnings: Warnings, reasons: Reasons) -> list[dict[str, Any]]:
        """The tasks of the plan document, durations in working days; warns of what was dropped or assumed."""
        conversions = Conversions(self._time, warnings, reasons)
        frontier = self._frontier()
        found = [self._task(key, row, conversions, warnings, reasons, frontier) for key, row in self._rows.items()]
        conversions.tell()
        return found

    def _activity(self, row: Row) -> Activity:
        finished = row.instant("act_end_date") if row.get("status_code") == COMPLETE else None
        started = row.instant("act_start_date") if row.get("status_code") != NOT_STARTED else None
        release = row.instant("cstr_date") if row.get("cstr_type") in ("CS_MSOA", "CS_MSO", "CS_MANDSTART") else None
        return Activity(self._left(row) * 60, self._weeks.of(row.get("clndr_id")), release, started, finished)

    def _anchor(self, key: str, row: Row) -> Dates:
        """The file's own dates, else those of the forward pass."""
        passed = self._passed[key]
        start = row.instant("act_start_date", "early_start_date", "target_start_date") or passed.start
        finish = row.instant("act_end_date", "early_end_date", "target_end_date") or passed.finish
        return Dates(start, finish)

    @staticmethod
    def _left(row: Row) -> float:
        """Hours of work left: the remaining duration (Primavera plans tasks not begun by it too), else the original."""
        original = 0.0 if row.get("task_type") in MILESTONES else row.number("target_drtn_hr_cnt")
        if row.get("task_type") in MILESTONES or row.get("status_code") == COMPLETE:
            return 0.0
        return row.number("remain_drtn_hr_cnt", original)

    def _frontier(self) -> set[str]:
        """The tasks not begun that wait for no unfinished task: the data date alone holds them back."""
        waiting = {key for key, row in self._rows.items() if row.get("status_code") in (NOT_STARTED, "")}
        running = {key for key, row in self._rows.items() if row.get("status_code") == ACTIVE}
        held = {
            str(link.after)
            for link in self._network.links
            if link.before in waiting or (link.before in running and link.kind == "FS" and link.lag >= 0)
        }
        return waiting - held

    def _task(
        self,
        key: str,
        row: Row,
        conversions: Conversions,
        warnings: Warnings,
        reasons: Reasons,
        frontier: set[str],
    ) -> dict[str, Any]:
        task_id, status = self._ids[key], row.get("status_code")
        name = row.get("task_name")[:1000] or task_id
        task: dict[str, Any] = {"id": task_id, "name": name, "duration": 0.0}
        started, finished = row.instant("act_start_date"), row.instant("act_end_date")
        task["duration"] = self._duration(key, row, conversions, warnings, reasons)
        if status == COMPLETE:
            task["status"] = "Completed"
        elif status == ACTIVE:
            self._add_progress(task, key, row, conversions)
        elif row.get("task_type") not in MILESTONES:
            left = self._left(row)
            if abs(left - row.number("target_drtn_hr_cnt")) * 60 >= 1:
                remaining = self._days(key, row, left, self._begin(key), conversions)
                if remaining > 0:
                    task["remainingDuration"] = remaining
                warnings.add("the remaining duration of tasks not begun differs from the original one", name)
        if started and status != NOT_STARTED:
            task["actualStart"] = in_utc(started)
        if finished and status == COMPLETE:
            task["actualFinish"] = in_utc(finished)
        if status not in (ACTIVE, COMPLETE):
            release = self._release(task, row, warnings, reasons)
            if key in frontier and self._data_date is not None and self._time.coordinate(self._data_date) > 0:
                release = max(self._data_date, release or self._data_date)
            if release is not None:
                task["startNoEarlierThan"] = in_utc(release)
        return task

    def _duration(self, key: str, row: Row, conversions: Conversions, warnings: Warnings, reasons: Reasons) -> float:
        """Working days of the original duration; a mistaken one (`ABSURD_DAYS`) is capped at the work done and left."""
        if row.get("task_type") in MILESTONES:
            return 0.0
        original, left = row.number("target_drtn_hr_cnt"), self._left(row)
        started = row.instant("act_start_date")
        until = row.instant("act_end_date") or self._data_date
        done = 0.0
        if started is not None and until is not None:
            done = max(0.0, self._weeks.of(row.get("clndr_id")).between(started, until) / 60)
        hours = self._time.week.minutes / 60
        if original > max(10 * (done + left), ABSURD_DAYS * hours) and done + left > 0:
            text = "an original duration that cannot be meant is capped at the time worked so far and the remaining one"
            warnings.add(text, f"{row.get('task_name')[:60]} ({original:,.0f} hours, {done + left:,.0f} kept)")
            reasons.add(self._ids[key], "its original duration is capped", moves_finish_only=True)
            original = done + left
        return self._days(key, row, original, self._begin(key), conversions)

    def _add_progress(self, task: dict[str, Any], key: str, row: Row, conversions: Conversions) -> None:
        task["status"] = "InProgress"
        goes_on = max((at for at in (row.instant("act_start_date"), self._data_date) if at is not None), default=None)
        remaining = self._days(key, row, self._left(row), goes_on, conversions)
        resumes = row.instant("resume_date")
        if resumes is not None and goes_on is not None and resumes > goes_on and remaining:
            remaining = conversions.waits(task["id"], task["name"], remaining, goes_on, resumes)
        if remaining > 0:  # nothing left, but not called done: it stays open
            task["remainingDuration"] = remaining
        if row.get("complete_pct_type") == "CP_Phys" and 0 < row.number("phys_complete_pct") < 100:
            task["percentComplete"] = row.number("phys_complete_pct")

    def _begin(self, key: str) -> datetime | None:
        return self.anchors[key].start if key in self.anchors else None

    def _days(self, key: str, row: Row, hours: float, begin: datetime | None, conversions: Conversions) -> float:
        """Working days of the project that `hours` of work on the task's own calendar take from `begin` on."""
        minutes = hours * 60
        ends = self._resource_end(row, hours, begin)
        if begin is not None and ends is not None and minutes > 0:
            return conversions.days(self._ids[key], minutes, begin, ends, "the calendars of its resources")
        time: WorkingTime = self._weeks.of(row.get("clndr_id"))
        if begin is None or minutes <= 0 or self._weeks.is_plain(time):
            return max(0.0, minutes) / self._time.week.minutes
        cause = "a calendar of its own" if time is not self._weeks.week.time else "days of different length"
        return conversions.days(self._ids[key], minutes, begin, time.after(begin, minutes), cause)

    def _resource_end(self, row: Row, hours: float, begin: datetime | None) -> datetime | None:
        """When the work left of a task on its resources' calendars, which are not read, ends: the file's early finish.

        None for other tasks, and where `hours` are not the work left.
        """
        ends = row.instant("early_end_date")
        if row.get("task_type") != RESOURCE_DEPENDENT or ends is None or begin is None or ends <= begin:
            return None
        return ends if abs(hours - self._left(row)) * 60 < 1 else None

    def _release(self, task: dict[str, Any], row: Row, warnings: Warnings, reasons: Reasons) -> datetime | None:
        """The instant (wall-clock) before which the task does not start by its constraints, None for none."""
        found: list[datetime] = []
        for kind_column, date_column in (("cstr_type", "cstr_date"), ("cstr_type2", "cstr_date2")):
            kind, at = row.get(kind_column), row.instant(date_column)
            if not kind:
                continue
            constraint = CONSTRAINTS.get(kind, Constraint(kind[:40], None))
            if at is None:
                constraint = Constraint(constraint.name, None)
            days = task.get("remainingDuration", task["duration"])
            held = Held(task["id"], task["name"], at or datetime(2000, 1, 3), days)  # noqa: DTZ001
            release = earliest_start(constraint, held, self._time, warnings, reasons)
            found += [] if release is None else [release]
        return max(found, default=None)
