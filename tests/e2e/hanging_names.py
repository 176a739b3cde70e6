"""A dispatcher whose names hang: `python -m tests.e2e.hanging_names URL KEY`."""

import asyncio
import signal
import socket
import sys
import time
from typing import Any

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings
from chainbell.delivery.names import Names
from chainbell.engine import Engine, run_dispatcher


def look_up(host: str, port: int | None, **named: Any) -> list[tuple[Any, ...]]:
    """As the system's, except that names below `hang.example` hang."""
    if host.endswith("hang.example"):
        time.sleep(3600)
    return list(socket.getaddrinfo(host, port, **named))


async def deliver(engine: Engine) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("begun", flush=True)
    await run_dispatcher(engine, engine.dispatcher(), stop)


if __name__ == "__main__":
    settings = DeliverySettings(guard=LOOPBACK_ALLOWED, names=Names(look_up), in_flight=16, per_webhook=16)
    with Engine(sys.argv[1], keys=[sys.argv[2]], delivery=settings) as engine:
        asyncio.run(deliver(engine))
