"""OpenAPI 3.1 of the management API, generated from the routes, the documents that they check and the payloads."""

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from aiohttp import web

from chainbell.engine.http import audit, operations, projects, webhooks
from chainbell.engine.http.problems import Problem
from chainbell.engine.http.routing import Described, Route
from chainbell.engine.http.schemas import REFERENCE, Json, Way, envelope_schema, schemas_of, travelling
from chainbell.rules import HostId, Rule
from chainbell.rules.payload import camel_case

ROUTES: tuple[Route, ...] = (
    *webhooks.routes.declared,
    *projects.projects.declared,
    *projects.events.declared,
    *audit.routes.declared,
    *operations.routes.declared,
)
"""Every route, in document order."""

TAGS = {
    "Webhooks": "Endpoints that get events as signed requests.",
    "Projects": "Plans and changes in, the state of a project out.",
    "Events": "What was decided, and why.",
    "Audit": "Who did what, when.",
    "Operations": "For those who run chainbell; no token is asked for.",
}
_PROBLEMS = {
    400: ("Unreadable", "Not a request that can be read: malformed, or with a line that is too long"),
    401: ("Unauthorized", "No token, or one that is not known"),
    403: ("Forbidden", "The token has not the scope of this operation"),
    404: ("NotFound", "There is no such thing in this account"),
    409: ("Conflict", "Stale, or other writers came first"),
    408: ("TooSlow", "The body took too long to come in"),
    413: ("TooLarge", "Too large"),
    422: ("Invalid", "Input that cannot be taken; `field` and `reason` say why"),
    429: ("TooMany", "This token, or tokens that are not known, asked too often; `Retry-After` says when to try again"),
    503: ("Unavailable", "Too busy, or the database did not take it; `Retry-After` says when to try again"),
}
"""The problems that a route may answer with: the name of the component, and its meaning."""
_ABOUT_HOST_IDS = "An integer or a string, as the plan has it; a string of digits begins with an apostrophe."


def document(rules: Sequence[Rule], *, prefix: str = "/") -> Json:
    """The whole document for an engine with these rules, served below `prefix`."""
    kinds: dict[tuple[str, Way], Any] = {("Problem", "validation"): Problem}
    for route in ROUTES:
        kinds |= {(name, way): kind for name, way, kind in _kinds(route)}
    schemas, components = schemas_of(kinds)
    _say_more(components, [rule.event for rule in rules])
    paths: Json = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method] = _operation(route, schemas)
    made = paths[webhooks.WEBHOOKS]["post"]["responses"]["201"]
    made["links"] = {
        route.operation: {"operationId": route.operation, "parameters": {"webhookId": "$response.body#/id"}}
        for route in webhooks.routes.declared
        if "webhook_id" in route.parameters and "log_id" not in route.parameters
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "chainbell",
            "version": version("chainbell"),
            "summary": "Critical-chain events: changes in, signed webhooks out.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": prefix}],
        "security": [{"bearer": []}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "webhooks": {rule.event: _webhook(rule) for rule in rules},
        "components": {
            "schemas": components,
            "responses": {name: _problem(description) for name, description in _PROBLEMS.values()},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _kinds(route: Route) -> Iterator[tuple[str, Way, Any]]:
    """The kinds that have a schema in a route, keyed by operation and part."""
    if route.body is not None:
        yield f"{route.operation} body", "validation", described(route.body)
    for status, kind in _answers(route).items():
        yield f"{route.operation} {status}", "serialization", kind


def described(body: Any) -> Any:
    """The kind that a body is documented as."""
    marks = get_args(body) if get_origin(body) is Annotated else ()
    return next((mark.kind for mark in marks if isinstance(mark, Described)), body)


def _answers(route: Route) -> dict[int, Any]:
    """The kinds of JSON answers by status, except responses that a handler builds itself."""
    answer = route.answer
    if get_origin(answer) in (Union, UnionType):
        kinds = tuple(kind for kind in get_args(answer) if kind is not web.Response)
        answer = Union[kinds]  # noqa: UP007  made of what is left
    if answer in (None, type(None), web.Response):
        return dict(route.others)
    return {route.status: answer, **route.others}


def _operation(route: Route, schemas: dict[tuple[str, Way], Json]) -> Json:
    operation: Json = {
        "operationId": route.operation,
        "summary": route.summary,
        "tags": [route.tag],
        "security": [] if route.scope is None else [{"bearer": [route.scope]}],
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": _responses(route, schemas),
    }
    if route.body is not None:
        content: Json = {"schema": schemas[f"{route.operation} body", "validation"]}
        if route.example is not None:
            content["examples"] = {"example": {"value": route.example}}
        body = {"required": not route.has_default_body, "content": {"application/json": content}}
        operation["requestBody"] = body
    return operation


def _path_parameters(route: Route) -> Iterator[Json]:
    for name, kind in route.parameters.items():
        about = {"description": _ABOUT_HOST_IDS} if kind == HostId else {}
        schema = {"type": "string", "minLength": 1}
        yield {"name": camel_case(name), "in": "path", "required": True, "schema": schema, **about}


def _query_parameters(route: Route) -> Iterator[Json]:
    if route.query is None:
        return
    properties = travelling(route.query.model_json_schema())["properties"]
    for name, schema in properties.items():
        kinds = [kind for kind in schema.get("anyOf", [schema]) if kind != {"type": "null"}]
        given = {key: value for key, value in kinds[0].items() if key != "default"}
        default = {"default": schema["default"]} if schema.get("default") is not None else {}
        yield {"name": name, "in": "query", "schema": {**given, **default}}


def _responses(route: Route, schemas: dict[tuple[str, Way], Json]) -> Json:
    found: Json = {}
    for status in _answers(route):
        schema = schemas[f"{route.operation} {status}", "serialization"]
        found[str(status)] = {"description": route.summary, "content": {"application/json": {"schema": schema}}}
    if str(route.status) not in found:
        found[str(route.status)] = {"description": route.summary}
        if route.answer is web.Response:
            found[str(route.status)]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    if route.scope is None:
        found["400"] = {"description": "Not a request that can be read"}
    for status in _problems(route):
        found.setdefault(str(status), {"$ref": f"#/components/responses/{_PROBLEMS[status][0]}"})
    return found


def _problem(description: str) -> Json:
    content = {"application/problem+json": {"schema": {"$ref": REFERENCE.format(model="Problem")}}}
    if "Retry-After" not in description:
        return {"description": description, "content": content}
    header = {"description": "Seconds", "schema": {"type": "integer"}}
    return {"description": description, "headers": {"Retry-After": header}, "content": content}


def _problems(route: Route) -> tuple[int, ...]:
    """The statuses of problems that a route may answer with."""
    if route.scope is None:
        return (503,) if route.operation != "readHealth" else ()
    return tuple(_PROBLEMS)


def _say_more(components: Json, events: Sequence[str]) -> None:
    """Adds what the models check beyond their types: the names of the events, that omitted fields are not null, and
    that a plan without an account gets the token's."""
    names = {"enum": list(events)}
    update = components["Update"]["properties"]
    for name, value in update.items():
        if name != "caCertificates":
            update[name] = next(one for one in value["anyOf"] if one != {"type": "null"})
    for properties in (components["Registration"]["properties"], update):
        properties["events"]["items"] = names
    components["TestEvent"]["properties"]["event"] = names
    components["PlanDocument"]["required"].remove("accountId")


def _webhook(rule: Rule) -> Json:
    summary = (rule.payload.__doc__ or rule.event).strip().splitlines()[0]
    return {
        "post": {
            "operationId": "on" + "".join(word.title() for word in rule.event.replace("_", ".").split(".")),
            "summary": summary if "(" not in summary else rule.event,
            "tags": ["Events"],
            "requestBody": {"content": {"application/json": {"schema": envelope_schema(rule)}}},
            "responses": {"2XX": {"description": "Received"}},
        }
    }
