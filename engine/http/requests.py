"""What handlers share: who asks, and where storage works."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web

from chainbell.engine.account import AccountView
from chainbell.engine.engine import Engine
from chainbell.rules import HostId

ENGINE = web.AppKey("engine", Engine)
ACCOUNT: web.RequestKey[HostId] = web.RequestKey("account", object)  # type: ignore[arg-type]
T = TypeVar("T")


def engine_of(request: web.Request) -> Engine:
    """For what concerns all accounts; handlers of an account's own routes get `view_of`."""
    return request.config_dict[ENGINE]


def view_of(request: web.Request) -> AccountView:
    """The engine as the account of the request's token sees it."""
    return engine_of(request).for_account(request[ACCOUNT])


async def in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Storage is synchronous: it works in a thread, and the event loop goes on."""
    return await asyncio.to_thread(work, *arguments)
