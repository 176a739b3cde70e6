"""The application: routes, tokens, limits."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from aiohttp import web

from chainbell.engine.engine import Engine
from chainbell.engine.errors import ConflictError, StorageError
from chainbell.engine.http.docs import add_docs
from chainbell.engine.http.openapi import ROUTES, document
from chainbell.engine.http.planning import MOST_SECONDS, PLANNING, Planning
from chainbell.engine.http.plumbing import answer, handler_of
from chainbell.engine.http.problems import Handler, as_problems
from chainbell.engine.http.requests import ACCOUNT, ACTOR, ENGINE, LARGEST_PLAN, in_thread
from chainbell.engine.tokens import Tokens
from chainbell.storage import Actor

LARGEST_BODY = 16 * 1024 * 1024
"""The largest request body, in bytes."""
SCOPES: web.AppKey[dict[object, str | None]] = web.AppKey("scopes", dict)
"""The scope that each handler asks of a token; None for those that need no token."""
MARKING: web.AppKey[ThreadPoolExecutor] = web.AppKey("marking", ThreadPoolExecutor)
"""Writes when tokens were used, beside the requests."""


def create_app(
    engine: Engine,
    *,
    largest_body: int = LARGEST_BODY,
    largest_plan: int = 20_000,
    planning_seconds: float = MOST_SECONDS,
    open_docs: bool = False,
) -> web.Application:
    """The management API on an engine; mount it with `host.add_subapp(prefix, create_app(engine))` or run it.

    `largest_body` limits request bodies, in bytes, `largest_plan` the tasks of a plan, `planning_seconds`
    the time that one request with a plan may take. `/docs` shows the API as a page;
    with `open_docs`, the page needs no token.
    """
    app = web.Application(middlewares=[as_problems, _with_account], client_max_size=largest_body)
    app[ENGINE] = engine
    app[LARGEST_PLAN] = largest_plan
    app[MARKING] = ThreadPoolExecutor(1, "chainbell-tokens")
    app[PLANNING] = Planning(engine.core, planning_seconds)
    app.on_cleanup.append(_end_threads)
    app.on_response_prepare.append(_say_nothing_of_the_server)
    scopes: dict[object, str | None] = {}
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
    app[SCOPES] = scopes
    return app


async def _end_threads(app: web.Application) -> None:
    app[MARKING].shutdown(wait=False, cancel_futures=True)
    app[PLANNING].shutdown()


async def _say_nothing_of_the_server(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop("Server", None)


@web.middleware
async def _with_account(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Finds the account of the bearer token; without a token, only the open handlers answer.

    A token that has not the scope of the route is answered 403.
    """
    scopes = request.app[SCOPES]
    wanted = scopes.get(request.match_info.handler, "")
    if wanted is None:
        return await handler(request)
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    text, tokens = text.strip(), request.config_dict[ENGINE].tokens
    token = await in_thread(tokens.find, text) if scheme.lower() == "bearer" and text else None
    if token is None:
        raise web.HTTPUnauthorized(text="a bearer token is needed", headers={"WWW-Authenticate": "Bearer"})
    if wanted and wanted not in token.scopes and "admin" not in token.scopes:
        raise web.HTTPForbidden(text=f"the token needs the scope {wanted!r}")
    if tokens.is_to_mark(text, token):
        request.app[MARKING].submit(_mark_used, tokens, text)
    request[ACCOUNT], request[ACTOR] = token.account_id, Actor(token.name, "api")
    return await handler(request)


def _mark_used(tokens: Tokens, text: str) -> None:
    """Beside the request, in a thread of its own: a database that is locked keeps nobody waiting for this."""
    with suppress(StorageError, ConflictError):
        tokens.mark_used(text)
