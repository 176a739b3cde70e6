"""Who may come in: the bearer token of a request, its scope, and how often it may ask."""

import math
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from aiohttp import web

from chainbell.engine.errors import ConflictError, StorageError
from chainbell.engine.http.connections import address_of
from chainbell.engine.http.limits import Limits
from chainbell.engine.http.problems import Handler
from chainbell.engine.http.rates import Buckets
from chainbell.engine.http.requests import ACCOUNT, ACTOR, ENGINE, TOKEN_NAME, WORKING
from chainbell.engine.tokens import Token, Tokens, token_hash
from chainbell.storage import Actor


class Entering:
    """Finds the account of the bearer token; without a token, only the open handlers answer.

    `scopes` are by handler, None for those that need no token. Each token has a rate of its own. An address that keeps
    coming with tokens that are not known is not looked up any more for a while; tokens that were known lately still
    come in from there, so that behind one proxy nobody locks the others out.
    """

    def __init__(self, scopes: Mapping[object, str | None], limits: Limits) -> None:
        self._scopes = scopes
        self._rates = Buckets(limits.requests_per_second, limits.burst)
        self._failures = Buckets(limits.failures_per_second, limits.failure_burst)

    @property
    def middleware(self) -> Any:
        """Lets requests in, or answers 401, 403 or 429."""

        @web.middleware
        async def with_account(request: web.Request, handler: Handler) -> web.StreamResponse:
            wanted = self._scopes.get(request.match_info.handler, "")
            if wanted is not None:
                token = await self._enter(request)
                request[ACCOUNT], request[TOKEN_NAME] = token.account_id, token.name
                request[ACTOR] = Actor(token.name, "api")
                if wanted and wanted not in token.scopes and "admin" not in token.scopes:
                    raise web.HTTPForbidden(text=f"the token needs the scope {wanted!r}")
            return await handler(request)

        return with_account

    async def _enter(self, request: web.Request) -> Token:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        text = text.strip()
        if scheme.lower() != "bearer" or not text:
            raise _unauthorized()
        name, address = token_hash(text), address_of(_peer(request))
        if name in self._rates:
            _refuse_for(self._rates.take(name), "this token asks too often")
        else:
            _refuse_for(self._failures.wait_seconds(address), "too many tokens from this address are not known")
        tokens, working = request.config_dict[ENGINE].tokens, request.config_dict[WORKING]
        token = await working.entering.run(None, partial(tokens.find, text))
        if token is None:
            self._rates.forget(name)
            self._failures.take(address)
            raise _unauthorized()
        if name not in self._rates:
            self._rates.take(name)
        if tokens.is_to_mark(text, token):
            working.marking.submit(partial(_mark_used, tokens, text))
        return token


def _peer(request: web.Request) -> Any:
    return None if request.transport is None else request.transport.get_extra_info("peername")


def _unauthorized() -> web.HTTPUnauthorized:
    return web.HTTPUnauthorized(text="a bearer token is needed", headers={"WWW-Authenticate": "Bearer"})


def _refuse_for(seconds: float, why: str) -> None:
    """Answers 429 if there is anything to wait for."""
    if seconds > 0:
        raise web.HTTPTooManyRequests(text=why, headers={"Retry-After": str(math.ceil(seconds))})


def _mark_used(tokens: Tokens, text: str) -> None:
    """Beside the request, in a thread of its own: a database that is locked keeps nobody waiting for this."""
    with suppress(StorageError, ConflictError):
        tokens.mark_used(text)
