"""The calendars of a Primavera export: the one that becomes the project's, and the working time of the others."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, time, timedelta

from chainbell.engine.importers.imported import Warnings
from chainbell.engine.importers.working_time import AROUND_THE_CLOCK, WorkingTime
from chainbell.engine.importers.working_week import (
    Shift,
    Week,
    calendar_document,
    shift_list,
    working_time,
)
from chainbell.engine.importers.xer_calendar import read_calendar_data
from chainbell.engine.importers.xer_tables import Row

EIGHT_HOURS = shift_list([(time(8), time(16))])
"""The hours of a working day where the file has no project calendar."""


class Weeks:
    """`week` is the project's calendar and `uid` its id; `of` gives the working time of any calendar by its id.

    The project's is the calendar that most tasks use, which need not be the one that the file names for the project.
    Raises InvalidInputError for a calendar that cannot be read.
    """

    def __init__(self, rows: Iterable[Row], project: Row, tasks: Iterable[Row], warnings: Warnings) -> None:
        self._rows = {row.get("clndr_id"): row for row in rows}
        self._times: dict[str, WorkingTime] = {}
        used = Counter(row.get("clndr_id") for row in tasks if row.get("clndr_id") in self._rows)
        own = project.get("clndr_id")
        self.uid = max(used, key=lambda uid: (used[uid], uid == own), default=own)
        if self.uid not in self._rows:
            defaults = [uid for uid, row in self._rows.items() if row.get("default_flag") == "Y"]
            self.uid = defaults[0] if defaults else ""
        if self.uid != own and own in self._rows:
            text = "the project's calendar is the one that most tasks use, not the one that the project names"
            warnings.add(text, self.name(self.uid))
        if self.uid in self._rows:
            self.week = calendar_document(0, *self._parts(self._rows[self.uid]), warnings)
        else:
            warnings.add("the file has no project calendar: Monday to Friday, 08:00 to 16:00, is taken")
            plain = {weekday: EIGHT_HOURS if weekday <= 5 else () for weekday in range(1, 8)}
            self.week = calendar_document(0, plain, {}, warnings)
        self._times[self.uid] = self.week.time

    def of(self, uid: str) -> WorkingTime:
        """The working time of the calendar `uid`; the project's for one that is missing or has no working hours."""
        if uid not in self._times:
            row = self._rows.get(uid)
            week, exceptions = self._parts(row) if row is not None else ({}, {})
            self._times[uid] = working_time(week, exceptions) if any(week.values()) else self.week.time
        return self._times[uid]

    def name(self, uid: str) -> str:
        """The name of a calendar, or its id where it has none."""
        row = self._rows.get(uid)
        return row.get("clndr_name") or uid if row is not None else uid

    def is_plain(self, time: WorkingTime) -> bool:
        """Whether this is the project's calendar and the engine has it exactly: durations then need no dates."""
        return time == self.week.time and self.week.is_exact

    @staticmethod
    def _parts(row: Row) -> tuple[Week, dict[date, tuple[Shift, ...]]]:
        data = read_calendar_data(row.get("clndr_data"), row.place("clndr_data"))
        week = {iso: shift_list(data.week.get(iso % 7 + 1, [])) for iso in range(1, 8)}
        exceptions = {
            date(1899, 12, 30) + timedelta(days=serial): shift_list(shifts)
            for serial, shifts in data.exceptions.items()
        }
        return week, exceptions


def lag_time(options: Iterable[Row], weeks: Weeks, before: str, after: str) -> WorkingTime:
    """The calendar on which a lag counts: the predecessor's, unless the schedule options choose another.

    `before` and `after` are the ids of the two tasks' calendars. The option is sched_calendar_on_relationship_lag in
    the table SCHEDOPTIONS.
    """
    choice = next((row.get("sched_calendar_on_relationship_lag") for row in options), "")
    if choice == "rcal_24Hour":
        return AROUND_THE_CLOCK
    if choice == "rcal_ProjDefault":
        return weeks.week.time
    return weeks.of(after if choice == "rcal_Successor" else before)
