"""The pace of work that goes through many rows beside others: short transactions, and pauses between them."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter, sleep

from sqlalchemy import Connection

from chainbell.storage import Database

AIM_SECONDS = 0.015
"""How long the work of a transaction is to last."""
FEWEST, MOST = 50, 5000
LONGEST_PAUSE_SECONDS = 1.0


class Pace:
    """As many rows in a transaction as take 15 ms here, and after its commit a pause of the same length.

    SQLite has one writer, and the others need their turn.
    """

    def __init__(self) -> None:
        self._rows = 200

    @contextmanager
    def portion(self, database: Database) -> Iterator[tuple[Connection, int]]:
        """A transaction that writes, and how many rows it may change."""
        with database.write() as connection:
            begun = perf_counter()
            yield connection, self._rows
            taken = perf_counter() - begun
        factor = min(2.0, max(0.25, AIM_SECONDS / max(taken, 1e-6)))
        self._rows = int(min(MOST, max(FEWEST, self._rows * factor)))
        sleep(min(LONGEST_PAUSE_SECONDS, taken))
