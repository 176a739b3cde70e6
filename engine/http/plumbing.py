"""Turns a declared route into an aiohttp handler: read, work beside the event loop, answer."""

import asyncio
import inspect
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from aiohttp import web

from chainbell.engine.http.operating import OPERATING
from chainbell.engine.http.performing import Answered, Asked, answered, arguments_of, perform
from chainbell.engine.http.planning import PLANNING
from chainbell.engine.http.problems import Handler
from chainbell.engine.http.requests import ACCOUNT, LARGEST_PLAN, LIMITS, WORKING, view_of
from chainbell.engine.http.routing import Route

LARGE_REQUEST = 64 * 1024
"""Bytes beyond which a request may take seconds, as one that asks for the optimal levelling."""
OPTIMAL = b"cp-sat"


def handler_of(route: Route) -> Handler:
    """The aiohttp handler of the route. Bodies are parsed and answers written in a thread, beside the event loop."""
    is_async = inspect.iscoroutinefunction(route.handler)

    async def handle(request: web.Request) -> web.StreamResponse:
        asked = Asked(
            path=request.path,
            parameters=dict(request.match_info),
            query=tuple(request.query.items()),
            data=await _body_of(request) if route.body is not None else b"",
            largest_plan=request.config_dict[LARGEST_PLAN],
        )
        if route.scope is None:
            return _response(answered(route, asked, await route.handler(request.config_dict[OPERATING])))
        account, seen, working = request[ACCOUNT], view_of(request), request.config_dict[WORKING]
        if is_async:
            async with working.testing.turn(account):
                return _response(answered(route, asked, await route.handler(seen, **arguments_of(route, asked))))
        if route.may_plan and (len(asked.data) > LARGE_REQUEST or OPTIMAL in asked.data):
            planning = request.config_dict[PLANNING]
            return _response(
                await working.planning.run(account, partial(planning.perform, account, seen, route, asked))
            )
        return _response(await working.storage.run(account, partial(perform, route, seen, asked)))

    return handle


async def _body_of(request: web.Request) -> bytes:
    """The body of a request; answers 408 where it takes too long to come in."""
    seconds, length = request.config_dict[LIMITS].body_seconds, request.content_length
    try:
        async with asyncio.timeout(seconds):
            if length is not None and length <= LARGE_REQUEST:
                return await request.read()
            async with request.config_dict[WORKING].reading.turn(request[ACCOUNT]):  # memory is bounded, too
                return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text=f"the body has not come in within {seconds:g} seconds") from None


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    text = json.dumps(value, ensure_ascii=False)
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)


def _response(answered: Answered | web.StreamResponse) -> web.StreamResponse:
    if isinstance(answered, web.StreamResponse):
        return answered
    kind = None if answered.text is None else "application/json"
    return web.Response(status=answered.status, text=answered.text, content_type=kind, headers=answered.headers)
