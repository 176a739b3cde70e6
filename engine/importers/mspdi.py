"""Microsoft Project's XML (MSPDI): tasks, links, the project's calendar, baselines, progress, resources.

Facts of the format: durations are ISO 8601 hours and minutes of work, lags are tenths of a minute, link types count
FF, FS, SF, SS from 0, weekdays from Sunday = 1, and the first baseline has the number 0.
"""

from typing import Any

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.fields import Fields, parse_xml
from chainbell.engine.importers.imported import Imported, Warnings, day, in_utc
from chainbell.engine.importers.mspdi_calendar import read_calendar
from chainbell.engine.importers.working_week import WorkingWeek

LINK_TYPES = ("FF", "FS", "SF", "SS")
ELAPSED_FORMATS = frozenset({4, 6, 8, 10, 12, 20, 36, 38, 40, 42, 44, 52})
"""Duration and lag formats that count time on the wall, not working time."""
PERCENT_FORMATS = frozenset({19, 20, 51, 52})
CONSTRAINTS = {
    1: "as late as possible",
    2: "must start on",
    3: "must finish on",
    5: "start no later than",
    6: "finish no earlier than",
    7: "finish no later than",
}
START_NO_EARLIER_THAN = 4
WORK_RESOURCE = 1
UNASSIGNED = -65535


def read_mspdi(data: bytes, name: str) -> Imported:
    """The plan in a Microsoft Project XML file; raises InvalidInputError naming file, element and reason."""
    root = parse_xml(data, name)
    if root.tag != "Project":
        raise InvalidInputError(name, f"is no Microsoft Project XML: its root is {root.tag[:40]!r}")
    return _Reader(Fields(root, name), name).imported()


class _Reader:
    def __init__(self, project: Fields, name: str) -> None:
        self.project = project
        self.name = name
        self.warnings = Warnings()
        self.calendar: WorkingWeek = read_calendar(project, self.warnings)

    def imported(self) -> Imported:
        tasks = {fields.whole("UID", -1): fields for fields in self._elements("Tasks/Task", "Task")}
        summaries = {uid for uid, fields in tasks.items() if fields.flag("Summary")}
        kept = {uid: fields for uid, fields in tasks.items() if self._is_kept(uid, fields, summaries)}
        if not kept:
            raise InvalidInputError(self.name, "has no tasks")
        resources, demands = self._resources(kept)
        children = _leaves(tasks, kept)
        links = [link for uid, fields in tasks.items() for link in self._links(uid, fields, kept, children)]
        linked = {link["to"] for link in links}
        documents = [self._task(uid, fields, uid in linked, demands.get(uid, {})) for uid, fields in kept.items()]
        people = {uid: fields for uid, fields in resources.items() if fields.number("MaxUnits", 1.0) <= 1}
        for document in documents:
            person = next((demand["id"] for demand in document.get("resources", []) if demand["id"] in people), None)
            if person is not None:
                document["assignedTo"] = _person(person, people[person])
        milestones = [_milestone(uid, fields) for uid, fields in kept.items() if fields.flag("Milestone")]
        heading: dict[str, Any] = {"calendar": self.calendar.document}
        title = self.project.text("Title") or self.project.text("Name")
        if title:
            heading["name"] = title[:1000]
        starts = self.project.instant("StartDate")
        if starts is not None:
            heading["startDate"] = day(starts)
        document = {
            "project": heading,
            "tasks": documents,
            "links": links,
            "resources": [_resource(uid, fields) for uid, fields in resources.items()],
            "milestones": milestones,
        }
        return Imported("Microsoft Project XML", document, self.warnings.texts())

    def _elements(self, path: str, kind: str) -> list[Fields]:
        """The elements with a UID, each once."""
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

    def _task(self, uid: int, fields: Fields, is_linked: bool, demand: dict[int, float]) -> dict[str, Any]:
        name = (fields.text("Name") or f"Task {uid}")[:1000]
        baseline = next((b for b in fields.children("Baseline") if b.whole("Number", 0) == 0), None)
        current = self._days(fields, "Duration") or 0.0
        planned = None if baseline is None else self._days(baseline, "Duration")
        task: dict[str, Any] = {"id": uid, "name": name, "duration": current if planned is None else planned}
        if baseline is not None:
            for field, key in (("Start", "plannedStart"), ("Finish", "plannedFinish")):
                at = baseline.instant(field)
                if at is not None:
                    task[key] = in_utc(at)
        self._add_progress(task, fields, is_changed=planned is not None and planned != current)
        self._add_constraint(task, fields, is_linked)
        if demand:
            task["resources"] = [{"id": resource, "units": units} for resource, units in demand.items()]
        for field, text in (
            ("LevelingDelay", "levelling delay dropped, contention is levelled here"),
            ("Deadline", "deadline dropped: the buffers protect the date"),
        ):
            if fields.text(field) not in (None, "0"):
                self.warnings.add(text, name)
        if fields.whole("CalendarUID", -1) not in (-1, self.calendar.uid):
            self.warnings.add("task calendar dropped, the project's is used", name)
        return task

    def _add_progress(self, task: dict[str, Any], fields: Fields, *, is_changed: bool) -> None:
        percent = fields.number("PercentComplete", 0.0)
        started, finished = fields.instant("ActualStart"), fields.instant("ActualFinish")
        remaining = self._days(fields, "RemainingDuration")
        if percent:
            task["percentComplete"] = percent
        if started is not None:
            task["actualStart"] = in_utc(started)
        if finished is not None:
            task["actualFinish"] = in_utc(finished)
        if remaining is not None and percent < 100 and finished is None and (is_changed or percent or started):
            task["remainingDuration"] = remaining
            if remaining == 0:  # nothing left, but not called done: keep it open
                task.pop("remainingDuration")

    def _add_constraint(self, task: dict[str, Any], fields: Fields, is_linked: bool) -> None:
        kind = fields.whole("ConstraintType", 0)
        at = fields.instant("ConstraintDate")
        if fields.flag("Manual"):
            at = fields.instant("Start")
            self.warnings.add("scheduled by hand: taken as not to start earlier than its start", task["name"])
        elif kind == START_NO_EARLIER_THAN:
            pass
        elif kind in CONSTRAINTS:
            self.warnings.add(f"constraint '{CONSTRAINTS[kind]}' dropped", task["name"])
            at = None
        else:
            at = None
        begins = self.project.instant("StartDate")
        if at is None and not is_linked and begins is not None and begins.time() > self.calendar.opens:
            at = begins  # the project starts in the middle of a day
        if at is not None:
            task["startNoEarlierThan"] = in_utc(at)

    def _days(self, fields: Fields, name: str) -> float | None:
        """Working days of a duration of the project's calendar."""
        minutes = fields.minutes(name)
        if minutes is None:
            return None
        if fields.whole("DurationFormat", 7) in ELAPSED_FORMATS:
            self.warnings.add("elapsed duration taken in proportion as working time", fields.text("Name"))
            return minutes / 1440 * self.calendar.share
        return minutes / self.calendar.minutes

    def _links(
        self, uid: int, fields: Fields, kept: dict[int, Fields], children: dict[int, list[int]]
    ) -> list[dict[str, Any]]:
        links = []
        for link in fields.children("PredecessorLink"):
            before = link.whole("PredecessorUID", -1)
            kind = link.whole("Type", 1)
            if not 0 <= kind < len(LINK_TYPES):
                raise InvalidInputError(f"{fields.place}: PredecessorLink: Type", f"{kind} is none of 0 to 3")
            starts = [before] if before in kept else children.get(before, [])
            ends = [uid] if uid in kept else children.get(uid, [])
            name = f"{before} -> {uid}"
            if link.flag("CrossProject") or not starts or not ends:
                self.warnings.add("link to what was dropped, dropped with it", name)
                continue
            # The finish of a summary task is its last sub-task's, its start delays all of them; the rest has no links.
            if (before not in kept and LINK_TYPES[kind][0] == "S") or (uid not in kept and LINK_TYPES[kind][1] == "F"):
                self.warnings.add("link to a summary task's start or from its finish dropped", name)
                continue
            links += [
                {"from": one, "to": other, "type": LINK_TYPES[kind], "lag": self._lag(link, kept[one], name)}
                for one in starts
                for other in ends
            ]
        return links

    def _lag(self, link: Fields, before: Fields, name: str) -> float:
        """Working days of a lag: tenths of a minute of work, or percent of the predecessor's duration."""
        lag, kind = link.number("LinkLag", 0.0), link.whole("LagFormat", 7)
        if kind in PERCENT_FORMATS:
            return lag / 100 * (self._days(before, "Duration") or 0.0)
        if lag and kind in ELAPSED_FORMATS:
            self.warnings.add("elapsed lag taken in proportion as working time", name)
            return lag / 14400 * self.calendar.share
        return lag / 10 / self.calendar.minutes

    def _resources(self, kept: dict[int, Fields]) -> tuple[dict[int, Fields], dict[int, dict[int, float]]]:
        """The work resources that tasks use, and who uses how much of them."""
        known = {fields.whole("UID", -1): fields for fields in self._elements("Resources/Resource", "Resource")}
        demands: dict[int, dict[int, float]] = {}
        used: dict[int, Fields] = {}
        for fields in self.project.children("Assignments/Assignment"):
            task, resource = fields.whole("TaskUID", -1), fields.whole("ResourceUID", UNASSIGNED)
            units = fields.number("Units", 1.0)
            if task not in kept or resource not in known or units <= 0:
                continue
            if known[resource].whole("Type", WORK_RESOURCE) != WORK_RESOURCE:
                self.warnings.add("material and cost resources dropped", known[resource].text("Name") or resource)
                continue
            used[resource] = known[resource]
            wanted = demands.setdefault(task, {})
            wanted[resource] = wanted.get(resource, 0.0) + units
            capacity = known[resource].number("MaxUnits", 1.0)
            if wanted[resource] > capacity:
                wanted[resource] = capacity
                text = f"more of {known[resource].text('Name') or resource} wanted than there is: all of it taken"
                self.warnings.add(text, kept[task].text("Name") or task)
        return used, demands


def _leaves(tasks: dict[int, Fields], kept: dict[int, Fields]) -> dict[int, list[int]]:
    """By summary task, the kept tasks below it in the outline."""
    below: dict[int, list[int]] = {}
    above: list[tuple[int, int]] = []
    for uid, fields in tasks.items():
        level = fields.whole("OutlineLevel", 0)
        while above and above[-1][0] >= level:
            above.pop()
        if uid in kept:
            for _, summary in above:
                below.setdefault(summary, []).append(uid)
        above.append((level, uid))
    return below


def _milestone(uid: int, fields: Fields) -> dict[str, Any]:
    milestone: dict[str, Any] = {"id": uid, "name": (fields.text("Name") or f"Milestone {uid}")[:1000]}
    at = fields.instant("Finish")
    if at is not None:
        milestone["plannedDate"] = day(at)
    return milestone


def _resource(uid: int, fields: Fields) -> dict[str, Any]:
    return {
        "id": uid,
        "name": (fields.text("Name") or f"Resource {uid}")[:1000],
        "capacity": fields.number("MaxUnits", 1.0),
    }


def _person(uid: int, fields: Fields) -> dict[str, Any]:
    person: dict[str, Any] = {"id": uid, "name": (fields.text("Name") or f"Resource {uid}")[:1000]}
    email = fields.text("EmailAddress")
    return {**person, "email": email} if email else person
