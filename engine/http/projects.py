"""The routes of changes, projects and events."""

from typing import Any

from aiohttp import web

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.http.requests import answer, body_of, host_id, in_thread, view_of, whole_number
from chainbell.rules import Event
from chainbell.rules.payload import wire, wire_instant

routes = web.RouteTableDef()
MOST_CHANGES = 10_000


def wire_event(event: Event, *, why: bool = False) -> dict[str, Any]:
    """An event as the API shows it; `why` adds what it was decided on."""
    shown = {
        "id": event.id,
        "event": event.name,
        "timestamp": wire_instant(event.occurred_at),
        "projectId": event.project_id,
        "taskId": event.task_id,
        "data": dict(event.data),
    }
    return {**shown, "why": dict(event.why)} if why else shown


@routes.post("/api/v1/changes")
async def changes(request: web.Request) -> web.Response:
    """One change or a list; a list is applied whole or not at all."""
    body = await body_of(request)
    documents = body if isinstance(body, list) else [body]
    if len(documents) > MOST_CHANGES:
        raise InvalidInputError("body", f"more than {MOST_CHANGES} changes at once")
    events = await in_thread(view_of(request).apply_all, documents)
    return answer({"events": [wire_event(event) for event in events]})


@routes.put("/api/v1/projects/{id}")
async def load(request: web.Request) -> web.Response:
    """Loads or re-plans a project; the path names it."""
    plan = await body_of(request)
    if not isinstance(plan, dict) or not isinstance(plan.get("project"), dict):
        raise InvalidInputError("project", "is missing")
    project = host_id(request.match_info["id"])
    if plan["project"].get("id", project) != project:
        raise InvalidInputError("project.id", "is not the one in the path")
    view = view_of(request)
    events = await in_thread(view.load, {**plan, "project": {**plan["project"], "id": project}})
    made = await in_thread(view.last_baseline, project)
    shown = {"projectId": project, "baseline": made.number, "changes": wire(made.changes)}
    return answer({**shown, "events": [wire_event(event) for event in events]})


@routes.get("/api/v1/projects/{id}")
async def status(request: web.Request) -> web.Response:
    report = await in_thread(view_of(request).status, host_id(request.match_info["id"]))
    return answer(wire(report))


@routes.post("/api/v1/projects/{id}/preview")
async def preview(request: web.Request) -> web.Response:
    """What a change would fire; nothing is kept."""
    document = await body_of(request)
    project = host_id(request.match_info["id"])
    if isinstance(document, dict) and document.get("kind") != "plan":
        document = {**document, "projectId": document.get("projectId", project)}
        if document["projectId"] != project:
            raise InvalidInputError("projectId", "is not the one in the path")
    events = await in_thread(view_of(request).preview, document)
    return answer({"events": [wire_event(event) for event in events]})


@routes.get("/api/v1/events")
async def events(request: web.Request) -> web.Response:
    project = request.query.get("projectId")
    found = await in_thread(
        view_of(request).events,
        None if project is None else host_id(project),
        name=request.query.get("event"),
        limit=whole_number(request, "$top", 100, 1000),
    )
    return answer({"value": [wire_event(event) for event in found]})


@routes.get("/api/v1/events/{id}")
async def event(request: web.Request) -> web.Response:
    found = await in_thread(view_of(request).event, request.match_info["id"])
    return answer(wire_event(found, why=True))
