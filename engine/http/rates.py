"""Rates: a token bucket for each token of the API and for each address, in bounded memory."""

import time
from collections import OrderedDict
from collections.abc import Callable

MOST_BUCKETS = 20_000
"""Buckets that are remembered; beyond, those that have not been used for longest are forgotten."""


class Buckets:
    """Buckets that hold up to `burst`, one for each name, and fill by `per_second`."""

    def __init__(
        self,
        per_second: float,
        burst: int,
        *,
        most: int = MOST_BUCKETS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_second, self._burst, self._most, self._clock = per_second, burst, most, clock
        self._filled: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __contains__(self, name: str) -> bool:
        return name in self._filled

    def __len__(self) -> int:
        return len(self._filled)

    def take(self, name: str) -> float:
        """Takes one; 0 if there was one, or for how many seconds there will not be."""
        wait, level = self._look(name)
        self._filled[name] = (level if wait else level - 1, self._clock())
        self._filled.move_to_end(name)
        while len(self._filled) > self._most:
            self._filled.popitem(last=False)
        return wait

    def wait_seconds(self, name: str) -> float:
        """For how many seconds there will not be one; takes none."""
        return self._look(name)[0]

    def forget(self, name: str) -> None:
        """Forgets a bucket, as if it had never been used."""
        self._filled.pop(name, None)

    def _look(self, name: str) -> tuple[float, float]:
        now = self._clock()
        level, at = self._filled.get(name, (float(self._burst), now))
        level = min(float(self._burst), level + (now - at) * self._per_second)
        return (0.0 if level >= 1 else (1 - level) / self._per_second), level
