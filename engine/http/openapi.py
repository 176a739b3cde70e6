"""OpenAPI 3.1 of the management API, made from the documents that it checks and the payloads that it sends."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from chainbell.engine.documents.change import Change
from chainbell.engine.documents.plan import PlanDocument
from chainbell.engine.http.webhooks import Recovery, Registration, Rotation, TestEvent, Update
from chainbell.rules import Rule
from chainbell.rules.payload import camel_case

Json = dict[str, Any]
REFERENCE = "#/components/schemas/{model}"
_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
_LOG = {"name": "log", "in": "path", "required": True, "schema": {"type": "string"}}
_TOP = {"name": "$top", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": 1000}}
_SKIP = {"name": "$skip", "in": "query", "schema": {"type": "integer", "minimum": 0}}
_STATUS = {"name": "status", "in": "query", "schema": {"enum": ["success", "failed"]}}
_EVENT = {"name": "event", "in": "query", "schema": {"type": "string"}}
_PROJECT = {"name": "projectId", "in": "query", "schema": {"type": "string"}}

ROUTES: tuple[tuple[str, str, str, int, str | None, tuple[Json, ...]], ...] = (
    ("get", "/api/v1/webhooks", "List webhooks with their statistics", 200, None, ()),
    ("post", "/api/v1/webhooks", "Register a webhook", 201, "Registration", ()),
    ("get", "/api/v1/webhooks/{id}", "Read a webhook", 200, None, (_ID,)),
    ("put", "/api/v1/webhooks/{id}", "Change what is named", 200, "Update", (_ID,)),
    ("delete", "/api/v1/webhooks/{id}", "Delete a webhook", 204, None, (_ID,)),
    ("patch", "/api/v1/webhooks/{id}/pause", "Hold its deliveries", 200, None, (_ID,)),
    ("patch", "/api/v1/webhooks/{id}/resume", "Release its deliveries", 200, None, (_ID,)),
    ("post", "/api/v1/webhooks/{id}/test", "Deliver a test event at once", 200, "TestEvent", (_ID,)),
    ("get", "/api/v1/webhooks/{id}/logs", "Attempts, newest first", 200, None, (_ID, _TOP, _SKIP, _STATUS, _EVENT)),
    ("post", "/api/v1/webhooks/{id}/logs/{log}/resend", "Send a finished delivery again", 202, None, (_ID, _LOG)),
    ("post", "/api/v1/webhooks/{id}/recover", "Send failed deliveries again", 202, "Recovery", (_ID,)),
    ("post", "/api/v1/webhooks/{id}/rotate-secret", "A new secret", 200, "Rotation", (_ID,)),
    ("post", "/api/v1/changes", "Apply one change or a list", 200, "Changes", ()),
    ("put", "/api/v1/projects/{id}", "Load or re-plan a project", 200, "PlanDocument", (_ID,)),
    ("get", "/api/v1/projects/{id}", "State of a project", 200, None, (_ID,)),
    ("post", "/api/v1/projects/{id}/preview", "What a change would fire", 200, "Change", (_ID,)),
    ("get", "/api/v1/events", "Events, oldest first", 200, None, (_PROJECT, _EVENT, _TOP)),
    ("get", "/api/v1/events/{id}", "An event with why it fired", 200, None, (_ID,)),
)
"""Method, path, summary, status of success, body, parameters."""


def document(rules: Sequence[Rule]) -> Json:
    """The whole document for an engine with these rules."""
    models: list[type[BaseModel]] = [Registration, Update, TestEvent, Recovery, Rotation, PlanDocument]
    schemas: Json = {}
    for model in models:
        _add(schemas, model.__name__, TypeAdapter(model).json_schema(by_alias=True, ref_template=REFERENCE))
    _say_more(schemas, [rule.event for rule in rules])
    _add(schemas, "Change", TypeAdapter(Change).json_schema(by_alias=True, ref_template=REFERENCE))
    change = {"$ref": REFERENCE.format(model="Change")}
    schemas["Changes"] = {"anyOf": [change, {"type": "array", "items": change, "maxItems": 10_000}]}
    schemas["Problem"] = {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}}
        | {"detail": {"type": "string"}, "field": {"type": "string"}, "reason": {"type": "string"}},
    }
    paths: Json = {}
    for method, path, summary, status, body, parameters in ROUTES:
        operation = {"operationId": _operation_id(method, path), **_operation(summary, status, body, parameters)}
        paths.setdefault(path, {})[method] = operation
    made = paths["/api/v1/webhooks"]["post"]["responses"]["201"]
    made["links"] = _links("/api/v1/webhooks/{id}", "$response.body#/id")
    return {
        "openapi": "3.1.0",
        "info": {"title": "chainbell", "version": version("chainbell"), "license": {"name": "Apache-2.0"}},
        "security": [{"bearer": []}],
        "paths": paths,
        "webhooks": {rule.event: _webhook(rule) for rule in rules},
        "components": {"schemas": schemas, "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    }


def _add(schemas: Json, name: str, schema: Json) -> None:
    schemas.update(schema.pop("$defs", {}))
    schemas[name] = schema


def _operation_id(method: str, path: str) -> str:
    """`getWebhooks`, `getWebhooksById`, `postWebhooksByIdTest`: unique, and speakable in a generated client."""
    words = (part for part in path.removeprefix("/api/v1/").split("/"))
    named = ("By" + word.strip("{}").capitalize() if word.startswith("{") else word.title() for word in words)
    return method + "".join(named).replace("-", "")


def _links(path: str, key: str) -> Json:
    """What can be done next with the thing that has just been made."""
    return {
        _operation_id(method, route): {"operationId": _operation_id(method, route), "parameters": {"id": key}}
        for method, route, *_ in ROUTES
        if route.startswith(path)
    }


def _say_more(schemas: Json, events: Sequence[str]) -> None:
    """What the models check beyond their types: the names of the events, and that what is left out is not null."""
    names = {"enum": list(events)}
    update = schemas["Update"]["properties"]
    for name, value in update.items():
        if name != "caCertificates":
            update[name] = next(one for one in value["anyOf"] if one != {"type": "null"})
    for properties in (schemas["Registration"]["properties"], update):
        properties["events"]["items"] = names
    schemas["TestEvent"]["properties"]["event"] = names


def _operation(summary: str, status: int, body: str | None, parameters: tuple[Json, ...]) -> Json:
    problem = {"application/problem+json": {"schema": {"$ref": REFERENCE.format(model="Problem")}}}
    success: Json = {"description": summary}
    if status != 204:
        success["content"] = {"application/json": {"schema": {"type": "object"}}}
    operation: Json = {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {str(status): success}
        | {code: {"description": text, "content": problem} for code, text in _PROBLEMS.items()},
    }
    if body is not None:
        content = {"application/json": {"schema": {"$ref": REFERENCE.format(model=body)}}}
        operation["requestBody"] = {"required": body != "Rotation", "content": content}
    return operation


_PROBLEMS = {
    "401": "No token, or one that is not known",
    "404": "There is no such thing in this account",
    "409": "Stale, or other writers came first",
    "413": "Too large",
    "422": "Input that cannot be taken; `field` and `reason` say why",
    "503": "The database did not take it",
}


def _webhook(rule: Rule) -> Json:
    envelope = {
        "type": "object",
        "required": ["webhookId", "event", "timestamp", "accountId", "data", "metadata"],
        "properties": {
            "webhookId": {"type": "string"},
            "event": {"const": rule.event},
            "timestamp": {"type": "string", "format": "date-time"},
            "accountId": {"type": ["integer", "string"]},
            "data": payload_schema(rule.payload),
            "metadata": {"type": "object"},
        },
    }
    summary = (rule.payload.__doc__ or rule.event).strip().splitlines()[0]
    return {
        "post": {
            "summary": summary if "(" not in summary else rule.event,
            "requestBody": {"content": {"application/json": {"schema": envelope}}},
            "responses": {"2XX": {"description": "Received"}},
        }
    }


def payload_schema(payload: type) -> Json:
    """The schema of a payload class as it travels: camelCase, inner definitions in place."""
    try:
        schema = TypeAdapter(payload).json_schema(mode="serialization")
    except (PydanticSchemaGenerationError, PydanticUserError):
        return {"type": "object"}
    definitions = schema.pop("$defs", {})
    travelled = _travelled(schema, definitions)
    assert isinstance(travelled, dict)  # noqa: S101  a schema is an object
    return travelled


def _travelled(schema: Any, definitions: Json) -> Any:
    if isinstance(schema, list):
        return [_travelled(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _travelled(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    unsaid = ("title", "description")
    clean = {key: _travelled(value, definitions) for key, value in schema.items() if key not in unsaid}
    if isinstance(clean.get("properties"), dict):
        clean["properties"] = {camel_case(name): value for name, value in clean["properties"].items()}
        clean["required"] = [camel_case(name) for name in clean.get("required", [])]
    return clean
