"""What handlers share: the engine, the account of the request, and threads for storage."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web

from chainbell.engine.account import AccountView
from chainbell.engine.engine import Engine
from chainbell.rules import HostId
from chainbell.storage import Actor

ENGINE = web.AppKey("engine", Engine)
ACCOUNT: web.RequestKey[HostId] = web.RequestKey("account", object)  # type: ignore[arg-type]
ACTOR: web.RequestKey[Actor] = web.RequestKey("actor", Actor)
RETRY_SECONDS = "5"
"""When to try again while the server is busy, or the database away, full or locked."""
LARGEST_PLAN: web.AppKey[int] = web.AppKey("largest_plan", int)
"""Tasks of a plan that comes in over HTTP."""
T = TypeVar("T")


def engine_of(request: web.Request) -> Engine:
    """The whole engine, for routes that concern all accounts; other handlers use `view_of`."""
    return request.config_dict[ENGINE]


def view_of(request: web.Request) -> AccountView:
    """The engine as the account of the request's token sees it; whoever has the token acts."""
    return engine_of(request).for_account(request[ACCOUNT], actor=request[ACTOR])


async def in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Runs synchronous storage code in a thread, so that the event loop is not blocked."""
    return await asyncio.to_thread(work, *arguments)
