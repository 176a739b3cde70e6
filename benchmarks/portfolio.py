"""Portfolios for the benchmarks: projects of 100 tasks and 150 links, all alike in shape, none in numbers."""

from collections.abc import Iterator
from random import Random
from typing import Any

TASKS, LINKS = 100, 150
START = "2025-03-03T09:00:00Z"


def plan(number: int) -> dict[str, Any]:
    """A project of 100 tasks and 150 links with chains and buffers derived, Active from Monday 3 March 2025 on."""
    rng = Random(number)
    pairs = {(n - 1 if n % 10 else n - 10, n) for n in range(10, TASKS)} | {(n - 1, n) for n in range(1, 10)}
    while len(pairs) < LINKS:
        after = rng.randrange(10, TASKS)
        pairs.add((rng.randrange(max(0, after - 50), after), after))
    return {
        "accountId": 1,
        "project": {"id": number, "name": f"Project {number}", "startDate": "2025-03-03", "status": "Active"},
        "tasks": [{"id": n, "name": f"Task {n}", "duration": rng.randint(1, 10)} for n in range(TASKS)],
        "links": [{"from": a, "to": b} for a, b in sorted(pairs, key=lambda pair: (pair[1], pair[0]))],
    }


def plans(count: int, size: int = 100) -> Iterator[list[dict[str, Any]]]:
    """Changes that load so many projects, in batches."""
    for first in range(0, count, size):
        numbers = range(first, min(count, first + size))
        yield [{"kind": "plan", "at": START, "plan": plan(number)} for number in numbers]
