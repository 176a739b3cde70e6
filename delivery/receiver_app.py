"""A `Receiver` behind aiohttp: the few lines that a web framework needs, to use or to copy."""

import asyncio

from aiohttp import web

from chainbell.delivery.receiver import Receiver

LARGEST_BODY = 1024 * 1024


def receiver_app(receiver: Receiver, path: str = "/{path:.*}") -> web.Application:
    """An application that passes POST requests to `receiver`; handlers run in threads, so they may block."""

    async def receive(request: web.Request) -> web.Response:
        reply = await asyncio.to_thread(receiver.receive, request.headers, await request.read())
        return web.Response(status=reply.status, text=reply.text)

    application = web.Application(client_max_size=LARGEST_BODY)
    application.router.add_post(path, receive)
    return application
