"""A receiver on loopback that verifies every signature: for trying things out, and for the demonstration."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from chainbell.delivery.receiver import InvalidSignatureError, MalformedDeliveryError, verify

LARGEST_BODY = 1024 * 1024


@asynccontextmanager
async def listening(
    secret: str, on_received: Callable[[dict[str, Any] | None], None], port: int = 0
) -> AsyncIterator[str]:
    """Serves on 127.0.0.1 (port 0: any free one) and yields the URL to deliver to.

    `on_received` is called with the envelope of each genuine delivery, which is answered 200, and with None for one
    that is refused with 401. Timestamps are not looked at: a simulation delivers at the instants of its scenario.
    """

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        try:
            envelope = verify(request.headers, body, secret, tolerance=None)
        except (InvalidSignatureError, MalformedDeliveryError):
            on_received(None)
            return web.Response(status=401, text="Invalid signature")
        on_received(envelope)
        return web.Response(text="OK")

    application = web.Application(client_max_size=LARGEST_BODY)
    application.router.add_post("/{path:.*}", receive)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()
