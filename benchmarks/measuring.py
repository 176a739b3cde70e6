"""How the benchmarks measure: each thing and its yardstick in turn, several times, medians; and how they report."""

import gc
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple, Self


def seconds_each(work: Callable[[], object], times: int) -> float:
    """Seconds for one call, over so many calls without garbage collection (as `timeit` does it)."""
    gc.collect()
    gc.disable()
    try:
        start = perf_counter()
        for _ in range(times):
            work()
        return (perf_counter() - start) / times
    finally:
        gc.enable()


def in_turn(works: Mapping[str, Callable[[], object]], times: int, rounds: int) -> dict[str, list[float]]:
    """Seconds for one call of each, a round of all of them after the other."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            taken[name].append(seconds_each(work, times))
    return taken


def ratio(taken: Mapping[str, list[float]], name: str, yardstick: str) -> float:
    """The median of the rounds' own ratios: what disturbs one round disturbs both of its figures."""
    return median(one / other for one, other in zip(taken[name], taken[yardstick], strict=True))


class Rate(NamedTuple):
    """How many a second, by the clock on the wall, and the CPU time of this process (user and system) for one."""

    a_second: float
    cpu_microseconds: float

    def __str__(self) -> str:
        return f"{self.a_second:.0f}/s, {self.cpu_microseconds:.0f} us of CPU each"

    @classmethod
    def middle(cls, rates: Sequence[Self]) -> Self:
        """The medians of several rounds."""
        return cls(median(rate.a_second for rate in rates), median(rate.cpu_microseconds for rate in rates))


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._wall, self._cpu = perf_counter(), process_time()

    def rate(self, count: int) -> Rate:
        """What so many have taken until now."""
        return Rate(count / (perf_counter() - self._wall), (process_time() - self._cpu) / count * 1e6)


@dataclass
class Targets:
    """Prints a line a target; `exit()` ends the script with 1 where one is short."""

    short: list[str] = field(default_factory=list)

    def at_most(self, name: str, figure: float, bound: float) -> None:
        self._print(name, figure, bound, figure <= bound)

    def at_least(self, name: str, figure: float, bound: float) -> None:
        self._print(name, figure, bound, figure >= bound)

    def _print(self, name: str, figure: float, bound: float, is_met: bool) -> None:
        print(f"TARGET {name} {figure:.2f} {bound:.2f} {'ok' if is_met else 'short'}", flush=True)
        if not is_met:
            self.short.append(name)

    def exit(self) -> None:
        sys.exit(1 if self.short else 0)
