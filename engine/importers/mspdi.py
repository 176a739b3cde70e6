"""Microsoft Project's XML (MSPDI): tasks, links, calendars, baselines, progress, resources.

Facts of the format (Microsoft's "Project XML data interchange schema"): durations are ISO 8601 hours and minutes of
work, lags are tenths of a minute, link types count FF, FS, SF, SS from 0, weekdays from Sunday = 1, and the first
baseline has the number 0. A task works on its own calendar or on those of its resources, and may be split, so the
project's time that it takes is counted from its Start to its Finish.
"""

from datetime import datetime
from typing import Any

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.fields import Fields, parse_xml
from chainbell.engine.importers.imported import FileDates, Imported, Reasons, Warnings, day, ids_told, in_utc
from chainbell.engine.importers.mspdi_calendar import Calendars
from chainbell.engine.importers.mspdi_days import are_days, end_with_their_days
from chainbell.engine.importers.mspdi_links import Links
from chainbell.engine.importers.mspdi_resources import Resources
from chainbell.engine.importers.mspdi_tasks import Tasks, is_begun, is_done, own_dates
from chainbell.engine.importers.project_time import ProjectTime
from chainbell.engine.importers.working_time import WorkingTime
from chainbell.rules import HostId

PRIMAVERA_ROOT = "APIBusinessObjects"
"""The root element of Primavera's own XML, which has the same ending."""


def read_mspdi(
    data: bytes, name: str, ids_are: str = "the UID of each (not the row number, ID)", *, holds_starts: bool = False
) -> Imported:
    """The plan in a Microsoft Project XML file; raises InvalidInputError naming file, element and reason.

    `ids_are` completes the warning about the ids: where they come from. With `holds_starts` a task without predecessors
    does not start before its own start in the file.
    """
    root = parse_xml(data, name)
    if root.tag == PRIMAVERA_ROOT:
        raise InvalidInputError(name, "is Primavera's XML, not Microsoft Project's: name it .pmxml")
    if root.tag != "Project":
        raise InvalidInputError(name, f"is no Microsoft Project XML: its root is {root.tag[:40]!r}")
    return _Reader(Fields(root, name), name, ids_are, holds_starts).imported()


class _Reader:
    def __init__(self, project: Fields, name: str, ids_are: str, holds_starts: bool) -> None:
        self.project = project
        self.name = name
        self.ids_are = ids_are
        self.holds_starts = holds_starts
        self.warnings = Warnings()
        self.reasons = Reasons()

    def imported(self) -> Imported:
        every = {fields.whole("UID", -1): fields for fields in self._elements("Tasks/Task", "Task")}
        summaries = {uid for uid, fields in every.items() if fields.flag("Summary")}
        kept = {uid: fields for uid, fields in every.items() if self._is_kept(uid, fields, summaries)}
        if not kept:
            raise InvalidInputError(self.name, "has no tasks")
        self.warnings.add(ids_told(list(kept), self.ids_are))
        calendars = Calendars(self.project, self.warnings)
        by_day = are_days(kept.values(), calendars.week.opens)
        if by_day:
            end_with_their_days(kept.values())
        begins, origin = self._starts(kept)
        status_date = self._status_date(kept, calendars.week.time)
        time = ProjectTime.starting(calendars.week, (origin or datetime(2000, 1, 3)).date())  # noqa: DTZ001
        known = {fields.whole("UID", -1): fields for fields in self._elements("Resources/Resource", "Resource")}
        resources = Resources(known, self.project.children("Assignments/Assignment"), kept, self.warnings)
        links = Links(every, kept, calendars, time, self.warnings, self.reasons).documents()
        linked = {link["to"] for link in links}
        tasks = Tasks(calendars, resources, time, begins, status_date, self.warnings, self.reasons)
        documents = [tasks.document(uid, fields, uid in linked, self.holds_starts) for uid, fields in kept.items()]
        tasks.conversions.tell()
        document = {
            "project": self._heading(calendars, origin, status_date),
            "tasks": documents,
            "links": links,
            "resources": resources.documents(),
            "milestones": [_milestone(uid, fields) for uid, fields in kept.items() if fields.flag("Milestone")],
        }
        own = ((uid, own_dates(fields, by_day)) for uid, fields in kept.items())
        dates: dict[HostId, FileDates] = {uid: found for uid, found in own if found is not None}
        return Imported("Microsoft Project XML", document, self.warnings.texts(), dates, self.reasons.by_task())

    def _elements(self, path: str, kind: str) -> list[Fields]:
        """The elements that have a UID; raises InvalidInputError where two have the same."""
        found: dict[int, Fields] = {}
        for fields in self.project.children(path):
            uid = fields.whole("UID", -1)
            if uid < 0:
                self.warnings.add(f"{kind} without UID dropped")
            elif uid in found:
                raise InvalidInputError(f"{self.name}: {kind} {uid}", "two have this UID")
            else:
                found[uid] = Fields(fields.element, f"{self.name}: {kind} {uid}")
        return list(found.values())

    def _is_kept(self, uid: int, fields: Fields, summaries: set[int]) -> bool:
        reasons = {
            "summary tasks dropped, their sub-tasks carry the work": uid in summaries,
            "empty rows dropped": fields.flag("IsNull"),
            "inactive tasks dropped": not fields.flag("Active", default=True),
            "tasks of other projects dropped": fields.flag("ExternalTask"),
        }
        for text, holds in reasons.items():
            if holds:
                self.warnings.add(text, fields.text("Name") or uid)
                return False
        return True

    def _starts(self, kept: dict[int, Fields]) -> tuple[datetime | None, datetime | None]:
        """The project's start in the file, and the instant whose day the plan counts from: a task may start earlier."""
        begins = self.project.moment("StartDate")
        first: datetime | None = None
        early = []
        for fields in kept.values():
            found = [fields.moment("Start"), fields.moment("ActualStart")]
            at = min((one for one in found if one is not None), default=None)
            if at is None:
                continue
            first = at if first is None else min(at, first)
            if begins is not None and at.date() < begins.date():
                early.append(fields.text("Name") or fields.whole("UID", -1))
        if begins is None or first is None or not early:
            return begins, begins or first
        text = f"the project starts on {day(first)}, since tasks start before its own start, {day(begins)}"
        for one in early:
            self.warnings.add(text, one)
        return begins, first

    def _status_date(self, kept: dict[int, Fields], week: WorkingTime) -> datetime | None:
        """The file's status date, else, with a warning, the latest instant that work under way has reached."""
        told = self.project.moment("StatusDate")
        if told is not None:
            return told
        under_way = [f for f in kept.values() if is_begun(f) and not is_done(f)]
        reached = [f.moment("Resume") or f.moment("Stop") or _reached(f, week) for f in under_way]
        latest = max((at for at in reached if at is not None), default=None)
        if latest is not None:
            text = f"the file gives no status date: {latest:%Y-%m-%d %H:%M} is taken, up to which its progress reaches"
            self.warnings.add(text)
        return latest

    def _heading(self, calendars: Calendars, origin: datetime | None, status_date: datetime | None) -> dict[str, Any]:
        heading: dict[str, Any] = {"calendar": calendars.week.document}
        title = self.project.text("Title") or self.project.text("Name")
        if title:
            heading["name"] = title[:1000]
        if origin is not None:
            heading["startDate"] = day(origin)
        if status_date is not None:
            heading["statusDate"] = in_utc(status_date)
        if not self.project.flag("ScheduleFromStart", default=True):
            self.warnings.add("the file schedules backward from its finish: planned here from the start on")
        return heading


def _reached(task: Fields, week: WorkingTime) -> datetime | None:
    """The instant that work under way has reached: its remaining duration before its finish, its start at least."""
    started, finish = task.moment("ActualStart") or task.moment("Start"), task.moment("Finish")
    if finish is None:
        return started
    reached = week.back(finish, task.minutes("RemainingDuration") or 0.0)
    return reached if started is None else max(started, reached)


def _milestone(uid: int, fields: Fields) -> dict[str, Any]:
    milestone: dict[str, Any] = {"id": uid, "name": (fields.text("Name") or f"Milestone {uid}")[:1000]}
    at = fields.moment("Finish")
    if at is not None:
        milestone["plannedDate"] = day(at)
    return milestone
