"""Turns a declared route into an aiohttp handler: read, work beside the event loop, answer."""

import inspect
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from chainbell.engine.http.performing import Answered, Asked, answered, arguments_of, perform
from chainbell.engine.http.planning import PLANNING
from chainbell.engine.http.problems import Handler
from chainbell.engine.http.requests import ACCOUNT, LARGEST_PLAN, engine_of, in_thread, view_of
from chainbell.engine.http.routing import Route

LARGE_REQUEST = 64 * 1024
"""Bytes beyond which a request may take seconds, as one that asks for the optimal levelling."""
OPTIMAL = b"cp-sat"


def handler_of(route: Route) -> Handler:
    """The aiohttp handler of the route. Bodies are parsed and answers written in a thread, beside the event loop."""
    is_async = inspect.iscoroutinefunction(route.handler)

    async def handle(request: web.Request) -> web.StreamResponse:
        seen = engine_of(request) if route.scope is None else view_of(request)
        asked = Asked(
            path=request.path,
            parameters=dict(request.match_info),
            query=tuple(request.query.items()),
            data=await request.read() if route.body is not None else b"",
            largest_plan=request.config_dict[LARGEST_PLAN],
        )
        if is_async:
            return _response(answered(route, asked, await route.handler(seen, **arguments_of(route, asked))))
        if route.may_plan and (len(asked.data) > LARGE_REQUEST or OPTIMAL in asked.data):
            planning = request.config_dict[PLANNING]
            return _response(await planning.run(request[ACCOUNT], seen, route, asked))
        return _response(await in_thread(perform, route, seen, asked))

    return handle


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    text = json.dumps(value, ensure_ascii=False)
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)


def _response(answered: Answered | web.StreamResponse) -> web.StreamResponse:
    if isinstance(answered, web.StreamResponse):
        return answered
    kind = None if answered.text is None else "application/json"
    return web.Response(status=answered.status, text=answered.text, content_type=kind, headers=answered.headers)
