"""JSON schemas of requests and answers: incoming documents, and outgoing dataclasses in camelCase."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from chainbell.rules import Rule
from chainbell.rules.payload import camel_case

Json = dict[str, Any]
REFERENCE = "#/components/schemas/{model}"
Way = Literal["validation", "serialization"]
"""The schema of incoming or of outgoing data."""


def schemas_of(kinds: Mapping[tuple[str, Way], Any]) -> tuple[dict[tuple[str, Way], Json], Json]:
    """The schema of each kind by its key, and their shared definitions by name."""
    adapters = [(name, way, TypeAdapter(kind)) for (name, way), kind in kinds.items()]
    found, shared = TypeAdapter.json_schemas(adapters, ref_template=REFERENCE)
    definitions = {name: travelling(schema) for name, schema in shared.get("$defs", {}).items()}
    return {key: travelling(schema) for key, schema in found.items()}, definitions


def envelope_schema(rule: Rule) -> Json:
    """The schema of what a webhook receives for an event of this rule: the envelope with the payload as `data`."""
    return {
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


def payload_schema(payload: type) -> Json:
    """The schema of a payload class as it is sent, with definitions inlined."""
    try:
        schema = TypeAdapter(payload).json_schema(mode="serialization")
    except (PydanticSchemaGenerationError, PydanticUserError):
        return {"type": "object"}
    definitions = schema.pop("$defs", {})
    schema.pop("description", None)
    found: Json = travelling(_in_place(schema, definitions))
    return found


def travelling(schema: Any) -> Any:
    """The schema with camelCase names and without the titles that only repeat them."""
    if isinstance(schema, list):
        return [travelling(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    unsaid = {"title", "properties"} | ({"default"} if schema.get("default", ...) is None else set())
    clean = {key: travelling(value) for key, value in schema.items() if key not in unsaid}
    if isinstance(schema.get("description"), str):
        clean["description"] = " ".join(schema["description"].split())
    if "properties" in schema:
        clean["properties"] = {camel_case(name): travelling(value) for name, value in schema["properties"].items()}
        clean["required"] = [camel_case(name) for name in schema.get("required", [])]
    return clean


def _in_place(schema: Any, definitions: Json) -> Any:
    if isinstance(schema, list):
        return [_in_place(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _in_place(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {key: _in_place(value, definitions) for key, value in schema.items()}
