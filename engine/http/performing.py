"""What a request asks of a declared route: parsed, checked, done and answered, whichever connection it came by."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast, get_args, get_origin

from aiohttp import web
from pydantic import ValidationError

from chainbell.engine.documents.fields import Document, invalid
from chainbell.engine.errors import InvalidInputError, NotFoundError
from chainbell.engine.http.routing import Described, Route
from chainbell.engine.importers import read_json
from chainbell.rules import HostId
from chainbell.rules.ids import decode_host_id
from chainbell.rules.payload import camel_case, wire

LINKS_PER_TASK = 5
"""How many times as many links as tasks the largest plan may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks of a route, apart from the connection that it came by."""

    path: str
    parameters: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    data: bytes
    largest_plan: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A JSON answer; `text` is None for one without a body."""

    status: int
    text: str | None
    headers: Mapping[str, str]


def perform(route: Route, seen: Any, asked: Asked) -> Answered | web.StreamResponse:
    """Parses, checks, works and answers; raises what the handler raises, and InvalidInputError for a bad request."""
    return answered(route, asked, route.handler(seen, **arguments_of(route, asked)))


def answered(route: Route, asked: Asked, value: Any) -> Answered | web.StreamResponse:
    """What a handler returned, as an answer."""
    if isinstance(value, web.StreamResponse):
        return value
    if value is None:
        return Answered(route.status, None, {})
    shown = wire(value)
    headers = {"Location": f"{asked.path}/{shown['id']}"} if route.status == 201 else {}
    return Answered(route.status, json.dumps(shown, ensure_ascii=False), headers)


def arguments_of(route: Route, asked: Asked) -> dict[str, Any]:
    """The arguments of a route's handler after the first; raises InvalidInputError naming field and reason."""
    arguments: dict[str, Any] = {}
    for name, kind in route.parameters.items():
        text = asked.parameters[camel_case(name)]
        if "\x00" in text or not text.isprintable():
            raise NotFoundError(camel_case(name), "is not the id of anything")
        arguments[name] = decode_host_id(text) if kind == HostId else text
    if route.query is not None:
        arguments["query"] = _query(asked.query, route.query)
    elif asked.query:
        raise InvalidInputError(asked.query[0][0], "is no parameter of this route")
    if route.body is not None and (asked.data or not route.has_default_body):
        arguments["body"] = _body(asked.data, route.body)
        _refuse_large(arguments["body"], asked.largest_plan)
    return arguments


def _refuse_large(body: Any, most: int) -> None:
    """Refuses a plan of too many tasks or links before anything is made of it; raises InvalidInputError."""
    for document in body if isinstance(body, list) else [body]:
        plan = document.get("plan", document) if isinstance(document, dict) else None
        if isinstance(plan, dict):
            for field, limit in (("tasks", most), ("links", LINKS_PER_TASK * most)):
                if isinstance(plan.get(field), list) and len(plan[field]) > limit:
                    raise InvalidInputError(field, f"are {len(plan[field])}; over HTTP a plan has at most {limit}")


def _query(query: Sequence[tuple[str, str]], kind: type[Document]) -> Document:
    names = [name for name, _ in query]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidInputError(twice, "stands twice")
    try:
        return kind.model_validate(dict(query))
    except ValidationError as error:
        raise invalid(error) from None


def _body(data: bytes, kind: Any) -> Any:
    """The JSON of a request, checked field by field unless the handler does this."""
    document = read_json(data, "body")
    if get_origin(kind) is Annotated and any(isinstance(one, Described) for one in get_args(kind)):
        return document
    if not isinstance(document, dict):
        raise InvalidInputError("body", "a JSON object is needed")
    try:
        return cast("type[Document]", kind).model_validate(document)
    except ValidationError as error:
        raise invalid(error) from None
