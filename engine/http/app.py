"""The application: routes, tokens, limits."""

from aiohttp import web

from chainbell.engine.engine import Engine
from chainbell.engine.http import operations, projects, webhooks
from chainbell.engine.http.openapi import document
from chainbell.engine.http.problems import Handler, as_problems
from chainbell.engine.http.requests import ACCOUNT, ENGINE, answer, in_thread

LARGEST_BODY = 16 * 1024 * 1024
"""Bytes of a request."""
OPEN = ("/healthz", "/readyz", "/metrics", "/openapi.json")
"""Paths that ask for no token."""


def create_app(engine: Engine, *, largest_body: int = LARGEST_BODY) -> web.Application:
    """The management API on an engine; mount it with `host.add_subapp(prefix, create_app(engine))` or run it."""
    app = web.Application(middlewares=[as_problems, _with_account], client_max_size=largest_body)
    app[ENGINE] = engine
    app.add_routes([*webhooks.routes, *projects.routes, *operations.routes])
    described = document(engine.core.rules)

    async def openapi(_: web.Request) -> web.Response:
        return answer(described)

    app.router.add_get("/openapi.json", openapi)
    return app


@web.middleware
async def _with_account(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Finds the account of the bearer token; without one nothing but the open paths answers."""
    resource = request.match_info.route.resource
    if resource is not None and resource.canonical.endswith(OPEN):
        return await handler(request)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    account = None
    if scheme.lower() == "bearer" and token.strip():
        account = await in_thread(request.config_dict[ENGINE].tokens.account_of, token.strip())
    if account is None:
        raise web.HTTPUnauthorized(text="a bearer token is needed", headers={"WWW-Authenticate": "Bearer"})
    request[ACCOUNT] = account
    return await handler(request)
