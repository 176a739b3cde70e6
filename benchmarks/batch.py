"""Re-evaluating a portfolio against only reading it: `python benchmarks/batch.py`.

The yardstick reads the very rows that the job needs with SQLAlchemy Core, all at once, from the same database. Loading
is not counted. Memory is the largest resident size of the process that evaluates, told by the operating system.
"""

import argparse
import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from measuring import Targets
from portfolio import plans
from sqlalchemy import select

from chainbell.engine import Engine, configure_logging
from chainbell.storage import METADATA
from chainbell.storage.metadata import PREFIX

READ = ("project", "task", "link", "chain", "buffer", "milestone", "latch", "person")
DAY = datetime(2025, 3, 10, 9, tzinfo=UTC)


def load(url: str, count: int) -> None:
    with Engine(url) as engine:
        for changes in plans(count):
            engine.apply_each(changes)
        engine.reevaluate(DAY)  # the alarms of the first week: from then on most evaluations change nothing


def reading(url: str) -> float:
    """Seconds to read all rows with Core."""
    with Engine(url) as engine, engine.database.read() as connection:
        begun = perf_counter()
        rows = 0
        for name in READ:
            rows += len(connection.execute(select(METADATA.tables[f"{PREFIX}{name}"])).all())
        return perf_counter() - begun


def evaluating(url: str, day: int, workers: int) -> float:
    """Seconds to re-evaluate all projects a few hours later than the time before."""
    with Engine(url) as engine:
        begun = perf_counter()
        engine.reevaluate(DAY + timedelta(hours=day), workers=workers)
        return perf_counter() - begun


def own_process(work: str, *arguments: object) -> tuple[float, float]:
    """Seconds and megabytes of one piece of work in a process of its own."""
    command = [sys.executable, __file__, "--work", work, *map(str, arguments)]
    seconds, megabytes = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-2:]
    return float(seconds), float(megabytes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="300 and 1,000 projects instead of 1,000 to 30,000")
    parser.add_argument("--work", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    configure_logging(as_json=False, level="error")
    if options.work:
        work, url, *rest = options.work
        seconds = reading(url) if work == "read" else evaluating(url, *map(int, rest))
        print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    sizes = (300, 1_000) if options.quick else (1_000, 10_000, 30_000)
    main_size = sizes[1]
    targets = Targets()
    each: dict[int, float] = {}
    for count in sizes:
        with TemporaryDirectory() as folder:
            url = f"sqlite:///{Path(folder) / 'portfolio.db'}"
            load(url, count)
            rounds = 1 if count > 10_000 else 3
            ones, reads, twos, memory = [], [], [], []
            for number in range(rounds):
                reads.append(own_process("read", url)[0])
                seconds, megabytes = own_process("evaluate", url, 2 * number + 1, 1)
                ones.append(seconds)
                memory.append(megabytes)
                if count == main_size:
                    twos.append(own_process("evaluate", url, 2 * number + 2, 2)[0])
            each[count] = median(ones) / count
            print(
                f"{count:6} projects: read {median(reads):6.2f} s, evaluate {median(ones):6.2f} s "
                f"({count / median(ones):.0f}/s), {max(memory):.0f} MB"
                + (f", two workers {median(twos):.2f} s" if twos else ""),
                flush=True,
            )
            if count == main_size:
                targets.at_most("batch-over-reading", median(o / r for o, r in zip(ones, reads, strict=True)), 3.0)
                targets.at_most("resident-megabytes", max(memory), 400)
                targets.at_least("two-workers-over-one", median(o / t for o, t in zip(ones, twos, strict=True)), 1.6)
    for count in sizes:
        if count != main_size:
            targets.at_most(f"cost-per-project-{count}-over-{main_size}", each[count] / each[main_size], 1.3)
    targets.exit()


if __name__ == "__main__":
    main()
