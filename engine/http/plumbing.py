"""Turns a declared route into an aiohttp handler: parse, check, work in a thread, answer."""

import asyncio
import inspect
import json
from collections.abc import Mapping
from typing import Annotated, Any, cast, get_args, get_origin

from aiohttp import web
from pydantic import ValidationError

from chainbell.engine.documents.fields import Document, invalid
from chainbell.engine.errors import InvalidInputError, NotFoundError
from chainbell.engine.http.operating import OPERATING
from chainbell.engine.http.problems import Handler
from chainbell.engine.http.requests import ACCOUNT, LARGEST_PLAN, LIMITS, WORKING, view_of
from chainbell.engine.http.routing import Described, Route
from chainbell.engine.importers import read_json
from chainbell.rules import HostId
from chainbell.rules.ids import decode_host_id
from chainbell.rules.payload import camel_case, wire

LARGE_REQUEST = 64 * 1024
"""Bytes beyond which a request may take seconds, as one that asks for the optimal levelling."""
OPTIMAL = b"cp-sat"
LINKS_PER_TASK = 5
"""How many times as many links as tasks the largest plan may have."""


def handler_of(route: Route) -> Handler:
    """The aiohttp handler of the route. Bodies are parsed and answers written in a thread, beside the event loop."""
    is_async = inspect.iscoroutinefunction(route.handler)

    async def handle(request: web.Request) -> web.StreamResponse:
        if route.scope is None:
            return _response(request, route, await route.handler(request.config_dict[OPERATING]))
        seen, working = view_of(request), request.config_dict[WORKING]
        data = await _body_of(request) if route.body is not None else b""
        if is_async:
            async with working.testing.turn(request[ACCOUNT]):
                return _response(request, route, await route.handler(seen, **_arguments(request, route, data)))

        def work() -> web.StreamResponse:
            return _response(request, route, route.handler(seen, **_arguments(request, route, data)))

        is_large = len(data) > LARGE_REQUEST or OPTIMAL in data
        return await (working.planning if is_large else working.storage).run(request[ACCOUNT], work)

    return handle


async def _body_of(request: web.Request) -> bytes:
    """The body of a request; answers 408 where it takes too long to come in."""
    seconds = request.config_dict[LIMITS].body_seconds
    try:
        async with asyncio.timeout(seconds):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text=f"the body has not come in within {seconds:g} seconds") from None


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    text = json.dumps(value, ensure_ascii=False)
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)


def _response(request: web.Request, route: Route, value: Any) -> web.StreamResponse:
    if isinstance(value, web.StreamResponse):
        return value
    if value is None:
        return web.Response(status=route.status)
    shown = wire(value)
    headers = {"Location": f"{request.path}/{shown['id']}"} if route.status == 201 else None
    return answer(shown, route.status, headers)


def _arguments(request: web.Request, route: Route, data: bytes) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for name, kind in route.parameters.items():
        text = request.match_info[camel_case(name)]
        if "\x00" in text or not text.isprintable():
            raise NotFoundError(camel_case(name), "is not the id of anything")
        arguments[name] = decode_host_id(text) if kind == HostId else text
    if route.query is not None:
        arguments["query"] = _query(request, route.query)
    elif request.query:
        raise InvalidInputError(next(iter(request.query)), "is no parameter of this route")
    if route.body is not None and (data or not route.has_default_body):
        arguments["body"] = _body(data, route.body)
        _refuse_large(arguments["body"], request.config_dict[LARGEST_PLAN])
    return arguments


def _refuse_large(body: Any, most: int) -> None:
    """Refuses a plan of too many tasks or links before anything is made of it; raises InvalidInputError."""
    for document in body if isinstance(body, list) else [body]:
        plan = document.get("plan", document) if isinstance(document, dict) else None
        if isinstance(plan, dict):
            for field, limit in (("tasks", most), ("links", LINKS_PER_TASK * most)):
                if isinstance(plan.get(field), list) and len(plan[field]) > limit:
                    raise InvalidInputError(field, f"are {len(plan[field])}; over HTTP a plan has at most {limit}")


def _query(request: web.Request, kind: type[Document]) -> Document:
    twice = next((name for name in request.query if len(request.query.getall(name)) > 1), None)
    if twice is not None:
        raise InvalidInputError(twice, "stands twice")
    try:
        return kind.model_validate(dict(request.query))
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
