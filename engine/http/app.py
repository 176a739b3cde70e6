"""The application: routes, tokens, limits."""

from aiohttp import web

from chainbell.engine.engine import Engine
from chainbell.engine.http.docs import add_docs
from chainbell.engine.http.openapi import ROUTES, document
from chainbell.engine.http.plumbing import answer, handler_of
from chainbell.engine.http.problems import Handler, as_problems
from chainbell.engine.http.requests import ACCOUNT, ENGINE, in_thread

LARGEST_BODY = 16 * 1024 * 1024
"""The largest request body, in bytes."""
OPEN_HANDLERS: web.AppKey[set[object]] = web.AppKey("open_handlers", set)
"""The handlers that need no token."""


def create_app(engine: Engine, *, largest_body: int = LARGEST_BODY, open_docs: bool = False) -> web.Application:
    """The management API on an engine; mount it with `host.add_subapp(prefix, create_app(engine))` or run it.

    `largest_body` limits request bodies, in bytes. `/docs` shows the API as a page; with `open_docs`, the page needs no
    token.
    """
    app = web.Application(middlewares=[as_problems, _with_account], client_max_size=largest_body)
    app[ENGINE] = engine
    opened: set[object] = set()
    for route in ROUTES:
        handler = handler_of(route)
        app.router.add_route(route.method.upper(), route.path, handler)
        if route.method == "get":
            app.router.add_route("HEAD", route.path, handler)
        if route.scope is None:
            opened.add(handler)
    described = document(engine.core.rules)

    async def openapi(request: web.Request) -> web.Response:
        prefix = request.path.removesuffix("/openapi.json") or "/"
        return answer({**described, "servers": [{"url": prefix}]})

    opened.add(app.router.add_get("/openapi.json", openapi).handler)
    page = {route.handler for route in add_docs(app)}
    app[OPEN_HANDLERS] = opened | page if open_docs else opened
    return app


@web.middleware
async def _with_account(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Finds the account of the bearer token; without a token, only the open handlers answer."""
    if request.match_info.handler in request.app[OPEN_HANDLERS]:
        return await handler(request)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    account = None
    if scheme.lower() == "bearer" and token.strip():
        account = await in_thread(request.config_dict[ENGINE].tokens.account_of, token.strip())
    if account is None:
        raise web.HTTPUnauthorized(text="a bearer token is needed", headers={"WWW-Authenticate": "Bearer"})
    request[ACCOUNT] = account
    return await handler(request)
