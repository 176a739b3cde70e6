"""The application: routes, tokens, limits."""

from aiohttp import web

from chainbell.engine.engine import Engine
from chainbell.engine.http.docs import add_docs
from chainbell.engine.http.entering import Entering
from chainbell.engine.http.limits import Limits
from chainbell.engine.http.openapi import ROUTES, document
from chainbell.engine.http.operating import OPERATING, Operating
from chainbell.engine.http.planning import PLANNING, Planning
from chainbell.engine.http.plumbing import answer, handler_of
from chainbell.engine.http.problems import as_problems
from chainbell.engine.http.requests import ENGINE, LARGEST_PLAN, LIMITS, WORKING, Working
from chainbell.engine.http.tracing import say_trace, traced

LARGEST_BODY = 16 * 1024 * 1024
"""The largest request body, in bytes."""


def create_app(
    engine: Engine,
    *,
    largest_body: int = LARGEST_BODY,
    largest_plan: int = 20_000,
    open_docs: bool = False,
    limits: Limits | None = None,
) -> web.Application:
    """The management API on an engine; mount it with `host.add_subapp(prefix, create_app(engine))` or run it.

    `largest_body` limits request bodies, in bytes, `largest_plan` the tasks of a plan. `/docs` shows the API as a page;
    with `open_docs`, the page needs no token. `limits` are those of threads, rates and bodies; connections are limited
    by `serving`.
    """
    scopes: dict[object, str | None] = {}
    limits = limits or Limits()
    middlewares = [traced, as_problems, Entering(scopes, limits).middleware]
    app = web.Application(middlewares=middlewares, client_max_size=largest_body)
    app[ENGINE] = engine
    app[LARGEST_PLAN], app[LIMITS] = largest_plan, limits
    app[WORKING] = working = Working(limits)
    app[PLANNING] = Planning(engine.core, limits.planning_seconds)
    app[OPERATING] = Operating(engine, working.watching, limits)
    app.on_cleanup.append(_end_threads)
    app.on_response_prepare.append(_say_nothing_of_the_server)
    app.on_response_prepare.append(say_trace)
    for route in ROUTES:
        handler = handler_of(route)
        app.router.add_route(route.method.upper(), route.path, handler)
        if route.method == "get":
            app.router.add_route("HEAD", route.path, handler)
        scopes[handler] = route.scope
    described = document(engine.core.rules)

    async def openapi(request: web.Request) -> web.Response:
        prefix = request.path.removesuffix("/openapi.json") or "/"
        return answer({**described, "servers": [{"url": prefix}]})

    scopes[app.router.add_get("/openapi.json", openapi).handler] = None
    if open_docs:
        scopes |= {route.handler: None for route in add_docs(app)}
    else:
        add_docs(app)
    return app


async def _end_threads(app: web.Application) -> None:
    app[PLANNING].end()
    app[WORKING].shutdown()


async def _say_nothing_of_the_server(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop("Server", None)
