"""The pace of work that goes through many rows beside others: short transactions, and pauses between them."""

from time import perf_counter, sleep
from types import TracebackType

AIM_SECONDS = 0.015
"""How long a transaction is to last."""
FEWEST, MOST = 50, 5000


class Pace:
    """As many rows at a time as take 15 ms here; used as a context around each transaction, it pauses after it.

    The pause is as long as the transaction was: SQLite has one writer, and the others need their turn.
    """

    def __init__(self) -> None:
        self.rows = 200
        self._begun = 0.0

    def __enter__(self) -> int:
        self._begun = perf_counter()
        return self.rows

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        taken = max(1e-6, perf_counter() - self._begun)
        wanted = self.rows * min(2.0, max(0.25, AIM_SECONDS / taken))
        self.rows = int(min(MOST, max(FEWEST, wanted)))
        if kind is None:
            sleep(min(1.0, taken))
