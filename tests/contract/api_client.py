"""Callers of the management API over real sockets on loopback."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from chainbell.engine import Engine
from chainbell.engine.http import create_app

API = "/api/v1"
Client = TestClient[web.Request, web.Application]
HOOK: dict[str, Any] = {
    "name": "Production Webhook",
    "url": "http://127.0.0.1:9/hook",
    "events": ["project.started", "task.red"],
}


class Caller:
    """A client with one account's token."""

    def __init__(self, client: Client, token: str | None) -> None:
        self.client = client
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    async def __call__(
        self, method: str, path: str, body: Any = None, raw: bytes | io.BytesIO | None = None
    ) -> tuple[int, Any]:
        kept: dict[str, Any] = {"data": raw} if raw is not None else {"json": body} if body is not None else {}
        async with self.client.request(method, path, headers=self.headers, **kept) as response:
            if response.status == 204:
                return 204, None
            found = await response.json(content_type=None)
            if response.status >= 400:
                assert response.content_type == "application/problem+json"
                assert found["status"] == response.status
            return response.status, found


def served(engine: Engine, work: Callable[[Caller, Caller], Awaitable[None]]) -> None:
    """Runs `work` with callers of the accounts 7 and 8 against a server of its own."""

    async def run() -> None:
        async with TestClient(TestServer(create_app(engine))) as client:
            await work(*(Caller(client, engine.tokens.add(account)) for account in (7, 8)))

    asyncio.run(run())
