"""What handlers share: who asks, what they sent, how answers are written."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from chainbell.engine.account import AccountView
from chainbell.engine.documents.fields import invalid
from chainbell.engine.engine import Engine
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers import read_json
from chainbell.rules import HostId
from chainbell.rules.ids import decode_host_id

ENGINE = web.AppKey("engine", Engine)
ACCOUNT: web.RequestKey[HostId] = web.RequestKey("account", object)  # type: ignore[arg-type]
T = TypeVar("T")
D = TypeVar("D", bound=BaseModel)


def engine_of(request: web.Request) -> Engine:
    """For what concerns all accounts; handlers of an account's own routes use `view_of`."""
    return request.config_dict[ENGINE]


def view_of(request: web.Request) -> AccountView:
    """The engine as the account of the request's token sees it."""
    return engine_of(request).for_account(request[ACCOUNT])


async def in_thread(work: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Storage is synchronous: it works in a thread, and the event loop goes on."""
    return await asyncio.to_thread(work, *arguments, **named)


async def body_of(request: web.Request) -> Any:
    """The JSON of a request; raises InvalidInputError for what is not JSON."""
    return read_json(await request.read(), "body")


async def document_of(request: web.Request, kind: type[D]) -> D:
    """The request's body, checked field by field."""
    document = await body_of(request)
    if not isinstance(document, dict):
        raise InvalidInputError("body", "a JSON object is needed")
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise invalid(error) from None


def whole_number(request: web.Request, name: str, default: int, largest: int) -> int:
    """A query parameter within 0 and `largest`."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= largest):
        raise InvalidInputError(name, f"{text[:40]!r} is not a whole number within 0 and {largest}")
    return int(text)


def host_id(text: str) -> HostId:
    """A project id in a path: an integer where it is one; a string of digits begins with an apostrophe."""
    try:
        return decode_host_id(text)
    except ValueError:
        return text


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    text = json.dumps(value, ensure_ascii=False)
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)
