"""The `data` of each event, field by field, with the numbers as they travel."""

from datetime import UTC, datetime
from typing import Any

from tests.property.oracle.assessment import Assessment
from tests.property.oracle.plan import Id

Data = dict[str, Any]


def percentage(consumption: float) -> float:
    return round(max(0.0, consumption), 1)


def days(duration: float) -> float:
    return round(duration, 6)


def wire_instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def wire_person(person: Data | None) -> Data | None:
    if person is None:
        return None
    return {"id": person["id"], "name": person["name"], "email": person.get("email")}


class Payloads:
    """Payloads of one change, seen at one assessment."""

    def __init__(self, seen: Assessment, change: Data, at: datetime) -> None:
        self.seen, self.change, self.at = seen, change, at
        self.plan, self.state = seen.plan, seen.state
        self.by = wire_person(change.get("by"))

    def _project(self) -> Data:
        return {"projectId": self.plan.project["id"], "projectName": self.plan.project["name"]}

    def _task(self, task: Id) -> Data:
        return {"taskId": task, "taskName": self.plan.tasks[task].name, **self._project()}

    def _is_critical(self, task: Id) -> bool:
        """On the critical chain, or its delay reaches the project buffer."""
        return task in self.plan.critical_chain.tasks or self.seen.project_buffer.shares.get(task, 0.0) > 0

    def project_started(self) -> Data:
        project, chain = self.plan.project, self.plan.critical_chain
        manager = project.get("manager") or {}
        return {
            **self._project(),
            "startDate": project["startDate"],
            "targetEndDate": project.get("targetEndDate"),
            "managerId": manager.get("id"),
            "managerName": manager.get("name"),
            "managerEmail": manager.get("email"),
            "bufferSize": days(self.plan.buffers[0].size),
            "criticalChainLength": days(sum(self.plan.tasks[task].duration for task in chain.tasks)),
            "teamSize": project.get("teamSize"),
        }

    def project_status(self, before: str) -> Data:
        return {
            **self._project(),
            "previousStatus": before,
            "newStatus": self.state.status,
            "changedBy": self.by,
            "changedAt": wire_instant(self.at),
        }

    def project_frozen(self, before: str) -> Data:
        return {**self.project_status(before), "reason": self.change.get("reason")}

    def task_status(self, task: Id, before: str) -> Data:
        work = self.state.work[task]
        return {
            "taskId": task,
            "taskName": self.plan.tasks[task].name,
            "projectId": self.plan.project["id"],
            "previousStatus": before,
            "newStatus": work.status,
            "changedBy": self.by,
            "changedAt": wire_instant(self.at),
            "percentComplete": work.percent,
            "estimatedCompletion": _iso(self.seen.estimated_completion(task)),
        }

    def task_completed(self, task: Id) -> Data:
        work, planned = self.state.work[task], self.plan.tasks[task]
        due = self.seen.due_date(task)
        assert work.finished is not None
        taken = None
        if work.started is not None:
            taken = days(self.seen.forecast.finish[task] - self.seen.forecast.start[task])
        return {
            **self._task(task),
            "completedBy": self.by,
            "completedAt": wire_instant(work.finished),
            "plannedDuration": days(planned.duration),
            "actualDuration": taken,
            "dueDate": due.isoformat(),
            "daysEarly": (due - work.finished.astimezone(self.plan.calendar.zone).date()).days,
            "bufferConsumption": percentage(self.seen.share(task)),
            "criticalChainImpact": self._is_critical(task),
        }

    def milestone(self, milestone: Data, deliverables: list[Data]) -> Data:
        achieved, planned = self.at.astimezone(self.plan.calendar.zone).date(), milestone.get("plannedDate")
        early = None if planned is None else (datetime.fromisoformat(planned).date() - achieved).days
        return {
            "milestoneId": milestone["id"],
            "milestoneName": milestone["name"],
            **self._project(),
            "achievedDate": achieved.isoformat(),
            "plannedDate": planned,
            "daysEarly": early,
            "completedBy": self.by,
            "linkedDeliverables": deliverables,
        }

    def task_ready(self, task: Id) -> Data:
        predecessors = []
        for link in self.plan.links_into(task):
            if link.type not in ("FS", "SS"):
                continue
            work = self.state.work[link.before]
            completed = wire_instant(work.finished) if work.is_complete else None
            name = self.plan.tasks[link.before].name
            predecessors.append({"id": link.before, "name": name, "completedAt": completed})
        return {
            **self._task(task),
            "assignedTo": wire_person(self.plan.tasks[task].assigned_to),
            "plannedDuration": days(self.plan.tasks[task].duration),
            "remainingDuration": days(self.state.remaining(task)),
            "dueDate": self.seen.due_date(task).isoformat(),
            "readyAt": wire_instant(self.at),
            "predecessors": predecessors,
            "criticalChainImpact": self._is_critical(task),
            "bufferConsumption": percentage(self.seen.share(task)),
            "status": self.seen.task_zone(task),
        }

    def duration_changed(self, task: Id, before: float, reported: float) -> Data:
        return {
            **self._task(task),
            "previousRemainingDuration": days(before),
            "newRemainingDuration": days(reported),
            "changedBy": self.by,
            "changedAt": wire_instant(self.at),
            "percentComplete": self.state.work[task].percent,
            "estimatedCompletion": _iso(self.seen.estimated_completion(task)),
            "bufferConsumption": percentage(self.seen.share(task)),
        }

    def task_red(self, task: Id, zone_before: str) -> Data:
        return {
            **self._task(task),
            "assignedTo": wire_person(self.plan.tasks[task].assigned_to),
            "bufferConsumption": percentage(self.seen.share(task)),
            "remainingDuration": days(self.state.remaining(task)),
            "dueDate": self.seen.due_date(task).isoformat(),
            "previousStatus": zone_before,
            "criticalChainImpact": self._is_critical(task),
        }

    def early_warning(self) -> Data:
        seen, target = self.seen, self.plan.project.get("targetEndDate")
        projected = seen.finish_date_of(seen.projected, seen.project_buffer)
        promise = self.plan.calendar.finish_date(seen.promise)
        due = promise if target is None else datetime.fromisoformat(target).date()
        taking = [task for task in self.plan.tasks if seen.is_actionable(task) and seen.share(task) > 0]
        taking.sort(key=seen.share, reverse=True)  # a stable sort: ties stay in plan order
        return {
            **self._project(),
            "warningLevel": seen.zone,
            "bufferConsumption": percentage(seen.consumption),
            "projectedCompletion": projected.isoformat(),
            "originalTarget": target,
            "daysLate": max(0, (projected - due).days),
            "criticalTasks": [
                {"id": task, "name": self.plan.tasks[task].name, "bufferConsumption": percentage(seen.share(task))}
                for task in taking[:5]
            ],
        }


def _iso(day: Any) -> str | None:
    return None if day is None else str(day.isoformat())
