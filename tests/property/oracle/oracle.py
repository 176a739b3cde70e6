"""One project from its first plan on: each change gives the events that ought to fire, or is refused."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from tests.property.oracle.alarms import Alarms, alarms_after, look
from tests.property.oracle.assessment import Assessment
from tests.property.oracle.calendar import NOISE
from tests.property.oracle.payloads import Payloads
from tests.property.oracle.plan import Id, read
from tests.property.oracle.work import Report, State, planned_work, report_project, report_task

Data = dict[str, Any]


STATUSES = ("NotStarted", "InProgress", "OnHold", "Completed", "Cancelled")


class RefusedError(Exception):
    """The change must leave nothing behind."""


@dataclass(frozen=True)
class Event:
    name: str
    subject: Id
    at: datetime
    data: Data


def _task_order(task: Id) -> tuple[bool, int, str]:
    return (True, 0, task) if isinstance(task, str) else (False, task, "")


class Oracle:
    def __init__(self, plan_change: Data) -> None:
        """Takes the first plan; `first_events` is what loading it gives."""
        self.evaluated: datetime | None = None
        self.alarms = Alarms()
        self.zones_before: dict[Id, str] = {}
        at = _instant(plan_change["at"])
        plan = read(plan_change["plan"])
        project = plan.project
        status = project.get("status", "Planning")
        work = {task["id"]: planned_work(task, project, plan.calendar, at) for task in plan.document["tasks"]}
        self.state = State(plan, 1, "Frozen" if status == "OnHold" else status, work)
        self.first_events = self._events(plan_change, at, self.state.copy())
        self.evaluated = None

    def apply(self, change: Data) -> list[Event]:
        """The events of a change in their order; raises RefusedError and leaves nothing behind."""
        at = _instant(change["at"])
        before = self.state.copy()
        self.zones_before = self._zones()
        match change["kind"]:
            case "plan":
                return self._replan(change, at, before)
            case "project.update":
                self._check_age(change, at, self.state.last_report)
                report_project(self.state, change["status"], at)
            case "task.update":
                self._report(change, at)
            case "milestone.complete":
                self._achieve(change, at)
            case "clock" if "projectId" not in change and self.state.status != "Active":
                return []
        return self._events(change, at, before)

    def _zones(self) -> dict[Id, str]:
        """Of the tasks that are not done, as they were last looked at."""
        if self.evaluated is None:
            return {}
        seen = self.assess(self.evaluated)
        return {task: seen.task_zone(task) for task, work in self.state.work.items() if work.is_unfinished}

    def assess(self, instant: datetime) -> Assessment:
        return Assessment(self.state, instant)

    def _check_age(self, change: Data, at: datetime, last: datetime | None) -> None:
        if last is not None and at < last and not change.get("allowStale", False):
            raise RefusedError("older than the last report")

    def _report(self, change: Data, at: datetime) -> None:
        task = self.state.plan.tasks.get(change["taskId"])
        if task is None:
            raise RefusedError("no such task")
        self._check_age(change, at, self.state.work[task.id].last_report)
        if change.get("status", "OnHold") not in STATUSES or not 0 <= change.get("percentComplete", 0) <= 100:
            raise RefusedError("no such status, or no percentage")
        report = Report(change.get("status"), change.get("remainingDuration"), change.get("percentComplete"))
        report_task(self.state, task, report, at)

    def _milestone(self, milestone: Id) -> Data | None:
        milestones: list[Data] = self.state.plan.document.get("milestones", [])
        return next((one for one in milestones if one["id"] == milestone), None)

    def _achieve(self, change: Data, at: datetime) -> None:
        if self._milestone(change["milestoneId"]) is None:
            raise RefusedError("no such milestone")
        self.state.achieved.setdefault(change["milestoneId"], at)

    def _replan(self, change: Data, at: datetime, before: State) -> list[Event]:
        """Reports stay; what nobody has reported on is as the newest plan that speaks of it; a new baseline begins."""
        plan = read(change["plan"])
        work = {}
        for document in plan.document["tasks"]:
            known = before.work.get(document["id"])
            told = planned_work(document, plan.project, plan.calendar, at)
            is_silent = told.status == "NotStarted"
            if known is not None and (known.last_report is not None or (known.status != "NotStarted" and is_silent)):
                work[document["id"]] = replace(known)
            else:
                work[document["id"]] = told
        self.alarms = alarms_after(self.alarms, before, plan)
        self.state = State(plan, before.baseline + 1, before.status, work, before.achieved, before.last_report)
        last, self.evaluated = self.evaluated, None  # a new baseline is looked at as of its plan
        events = self._events(change, at, before)
        self.evaluated = None if last is None else min(last, at)
        return events

    def _events(self, change: Data, at: datetime, before: State) -> list[Event]:
        """Evaluates; time never goes back."""
        self.evaluated = at if self.evaluated is None else max(self.evaluated, at)
        seen = self.assess(self.evaluated)
        data = Payloads(seen, change, at)
        project: Id = seen.plan.project["id"]
        rung = look(self.alarms, seen)
        events = [Event(name, project, at, payload) for name, payload in self._of_project(before, data)]
        events += self._of_reports(change, at, before, data)
        ready = [Event("task.ready", task, at, data.task_ready(task)) for task in sorted(rung.ready, key=_task_order)]
        changed = [event for event in events if event.name == "task.duration_changed"]
        events = [event for event in events if event.name != "task.duration_changed"] + ready + changed
        for task in sorted(rung.red, key=_task_order):
            zone = self.zones_before.get(task, "green")
            events.append(Event("task.red", task, at, data.task_red(task, zone)))
        if rung.warning:
            events.append(Event("project.early_warning", project, at, data.early_warning()))
        return events

    def _of_project(self, before: State, data: Payloads) -> list[tuple[str, Data]]:
        old, new = before.status, self.state.status
        if old == new:
            return []
        events = [("project.started", data.project_started())] if (old, new) == ("Planning", "Active") else []
        if new == "Frozen":
            events.append(("project.frozen", data.project_frozen(old)))
        return [*events, ("project.status_changed", data.project_status(old))]

    def _of_reports(self, change: Data, at: datetime, before: State, data: Payloads) -> list[Event]:
        """What the change itself says, of a task or of a milestone."""
        if change["kind"] == "milestone.complete":
            return self._of_milestone(change, at, before, data)
        if change["kind"] != "task.update":
            return []
        task, events = change["taskId"], []
        old, new = before.work[task], self.state.work[task]
        if old.status != new.status:
            events.append(Event("task.status_changed", task, at, data.task_status(task, old.status)))
            if new.is_complete:
                events.append(Event("task.completed", task, at, data.task_completed(task)))
        reported = change.get("remainingDuration")
        if reported is not None and reported == self.state.told(task):  # not where it contradicts a completion
            for previous in (before.told(task), before.left(task, at)):
                if abs(previous - reported) > NOISE:
                    payload = data.duration_changed(task, previous, reported)
                    events.append(Event("task.duration_changed", task, at, payload))
                    break
        return events

    def _of_milestone(self, change: Data, at: datetime, before: State, data: Payloads) -> list[Event]:
        milestone = self._milestone(change["milestoneId"])
        assert milestone is not None
        if milestone["id"] in before.achieved:
            return []
        merged = {one["id"]: _deliverable(one) for one in milestone.get("deliverables", [])}
        merged.update({one["id"]: _deliverable(one) for one in change.get("deliverables", [])})
        return [Event("milestone.achieved", milestone["id"], at, data.milestone(milestone, list(merged.values())))]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _deliverable(document: Data) -> Data:
    return {"id": document["id"], "name": document["name"], "status": document.get("status", "Pending")}
