"""Runs the API as a server of its own: with limits of connections, and an end that does not wait for anybody long."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from chainbell.engine.engine import Engine
from chainbell.engine.http.app import create_app
from chainbell.engine.http.connections import Connections
from chainbell.engine.http.limits import Limits

GRACE_SECONDS = 1.0
"""How long requests that are being answered have, twice: to end by themselves, and to end once they are cancelled."""
BACKLOG = 1024
"""Connections that the system accepts before the server does."""


@asynccontextmanager
async def serving(
    engine: Engine, listener: socket.socket, *, limits: Limits | None = None, open_docs: bool = False
) -> AsyncIterator[str]:
    """Serves the management API on a listening socket, within limits, and yields its URL.

    At the end, nobody new comes in, and requests that are being answered have a moment to end.
    """
    limits = limits or Limits()
    connections = Connections(limits, engine.core.metrics)
    app = create_app(engine, open_docs=open_docs, limits=limits)
    app.middlewares.insert(0, connections.middleware)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE_SECONDS)
    await runner.setup()
    connections.server = runner.server
    server = await asyncio.get_running_loop().create_server(connections, sock=listener, backlog=BACKLOG)
    try:
        yield _address(listener)
    finally:
        server.close()
        await runner.cleanup()


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
