"""The clock of the database server: hosts whose clocks are apart agree by it on what is due, and who has a lease."""

from datetime import UTC, datetime, timedelta
from time import monotonic

from sqlalchemy import Connection, func, select

FRESH_SECONDS = 30.0
"""For how long the server's clock is carried on before it is read again."""
_READ = select(func.clock_timestamp())


class ServerClock:
    """The server's clock, read now and then, and carried on in between by this process's monotonic one.

    Until it has been read for the first time, it is the clock of this host.
    """

    def __init__(self) -> None:
        self._read: tuple[datetime, float] | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether it has been read within the last half minute."""
        return self._read is not None and monotonic() - self._read[1] < FRESH_SECONDS

    def read(self, connection: Connection) -> None:
        """Reads the clock of a PostgreSQL server; what it says was so halfway between the question and the answer."""
        asked = monotonic()
        told: datetime = connection.execute(_READ).scalar_one()
        self._read = told.astimezone(UTC), (asked + monotonic()) / 2

    def __call__(self) -> datetime:
        """The present instant by the server's clock, in UTC; asks nobody."""
        if self._read is None:
            return datetime.now(UTC)
        told, at = self._read
        return told + timedelta(seconds=monotonic() - at)
