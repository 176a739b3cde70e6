"""The routes of changes, projects and events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from chainbell.engine.account import AccountView
from chainbell.engine.documents.plan import PlanDocument
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.http.bodies import MOST_CHANGES, AnyChange, Changes, EventQuery
from chainbell.engine.http.routing import Described, Routes
from chainbell.engine.reading.report import ProjectReport
from chainbell.rules import Event, HostId
from chainbell.rules.ids import decode_host_id
from chainbell.rules.planning.differences import Difference

projects = Routes("Projects")
events = Routes("Events")
PROJECT = "/api/v1/projects/{projectId}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventShown:
    """An event; `task_id` is null if it is not about a task, and `data` is what webhooks receive."""

    id: str
    event: str
    timestamp: datetime
    project_id: HostId
    task_id: HostId | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventExplained(EventShown):
    """An event with the values that the decision was based on."""

    why: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsFired:
    """The events of a change, in order."""

    events: tuple[EventShown, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventList:
    """Stored events, oldest first."""

    value: tuple[EventShown, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLoaded:
    """The project's new baseline, what it changed from the previous one, and the events fired."""

    project_id: HostId
    baseline: int
    changes: tuple[Difference, ...]
    events: tuple[EventShown, ...]


def _fields(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "event": event.name,
        "timestamp": event.occurred_at,
        "project_id": event.project_id,
        "task_id": event.task_id,
        "data": event.data,
    }


def _shown(found: Sequence[Event]) -> tuple[EventShown, ...]:
    return tuple(EventShown(**_fields(event)) for event in found)


EXAMPLE_CHANGE = {
    "kind": "task.update",
    "projectId": 789,
    "taskId": 234,
    "status": "InProgress",
    "remainingDuration": 3,
    "by": {"id": 123, "name": "Mike Developer"},
    "at": "2025-02-20T09:00:00Z",
    "changeId": "c-1",
}
EXAMPLE_PLAN = {
    "project": {"id": 789, "name": "Q1 Product Launch", "startDate": "2025-02-03", "targetEndDate": "2025-03-31"},
    "tasks": [
        {"id": 233, "name": "Design", "duration": 5},
        {"id": 234, "name": "Backend Development", "duration": 10},
    ],
    "links": [{"from": 233, "to": 234}],
}


@projects.route("post", "/api/v1/changes", "applyChanges", scope="report", may_plan=True, example=EXAMPLE_CHANGE)
def apply_changes(view: AccountView, body: Annotated[Any, Described(Changes)]) -> EventsFired:
    """Apply one change or a list; a list is applied as a whole or not at all."""
    documents = body if isinstance(body, list) else [body]
    if len(documents) > MOST_CHANGES:
        raise InvalidInputError("body", f"more than {MOST_CHANGES} changes at once")
    return EventsFired(events=_shown(view.apply_all(documents)))


@projects.route("put", PROJECT, "loadPlan", scope="report", may_plan=True, example=EXAMPLE_PLAN)
def load(view: AccountView, project_id: HostId, body: Annotated[Any, Described(PlanDocument)]) -> PlanLoaded:
    """Load or re-plan a project; the path names it."""
    if not isinstance(body, dict) or not isinstance(body.get("project"), dict):
        raise InvalidInputError("project", "is missing")
    if body["project"].get("id", project_id) != project_id:
        raise InvalidInputError("project.id", "is not the one in the path")
    fired = view.load({**body, "project": {**body["project"], "id": project_id}})
    made = view.last_baseline(project_id)
    return PlanLoaded(project_id=project_id, baseline=made.number, changes=made.changes, events=_shown(fired))


@projects.route("get", PROJECT, "readProject", scope="read")
def status(view: AccountView, project_id: HostId) -> ProjectReport:
    """Read the state of a project: zones, consumption, completion, projected date, values of each task."""
    return view.status(project_id)


@projects.route("post", PROJECT + "/preview", "previewChange", scope="read", may_plan=True, example=EXAMPLE_CHANGE)
def preview(view: AccountView, project_id: HostId, body: Annotated[Any, Described(AnyChange)]) -> EventsFired:
    """Preview what a change would fire; nothing is stored."""
    document = body
    if isinstance(document, dict) and document.get("kind") != "plan":
        document = {**document, "projectId": document.get("projectId", project_id)}
        if document["projectId"] != project_id:
            raise InvalidInputError("projectId", "is not the one in the path")
    return EventsFired(events=_shown(view.preview(document)))


@events.route("get", "/api/v1/events", "listEvents", scope="read")
def list_events(view: AccountView, query: EventQuery) -> EventList:
    """List the newest events, oldest first."""
    project = None if query.project_id is None else decode_host_id(query.project_id)
    return EventList(value=_shown(view.events(project, name=query.event, limit=query.top)))


@events.route("get", "/api/v1/events/{eventId}", "readEvent", scope="read")
def read_event(view: AccountView, event_id: str) -> EventExplained:
    """Read an event with why it fired."""
    found = view.event(event_id)
    return EventExplained(**_fields(found), why=found.why)
