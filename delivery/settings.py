"""How deliveries are made: limits, deadlines, what is allowed."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from chainbell.delivery.attempt import DEADLINE_SECONDS
from chainbell.delivery.guard import PUBLIC_HTTPS, GuardPolicy
from chainbell.delivery.names import Names
from chainbell.delivery.signature import HEADER_PREFIX
from chainbell.rules.errors import FieldError

Clock = Callable[[], datetime]
LEASE_MARGIN_SECONDS = 1.0
"""By how much a lease must outlast the deadline of an attempt, so that it can be settled."""

HTTP = "CHAINBELL_HTTP"
"""The environment variable of `DeliverySettings.http`."""
CLIENTS = ("lean", "session")


def system_clock() -> datetime:
    """The present instant, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How deliveries are made: at most `in_flight` attempts at a time, `per_webhook` of them to one endpoint.

    An endpoint that has failed everything for `give_up_after` is switched off. Hosts are looked up by `names`, with the
    system's resolver unless you give your own: `names=Names(look_up)`. `http` is `lean`, or `session` for
    aiohttp's ClientSession, which costs more CPU time and serves in any case with a version of aiohttp that the other
    has not been tested with; CHAINBELL_HTTP says it unless you do. ValueError refuses a lease that would not outlast
    the deadline of an attempt.
    """

    guard: GuardPolicy = PUBLIC_HTTPS
    header_prefix: str = HEADER_PREFIX
    deadline_seconds: float = DEADLINE_SECONDS
    lease_seconds: float | None = None
    in_flight: int = 256
    per_webhook: int = 64
    give_up_after: timedelta = timedelta(days=5)
    names: Names = field(default_factory=Names, compare=False)
    http: str = field(default_factory=lambda: os.environ.get(HTTP) or CLIENTS[0])

    def __post_init__(self) -> None:
        if self.http not in CLIENTS:
            raise FieldError(HTTP, f"{self.http!r} is neither of {' and '.join(CLIENTS)}")
        for name in ("in_flight", "per_webhook"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is less than 1")
        if self.lease_seconds is not None and self.lease_seconds < self.deadline_seconds + LEASE_MARGIN_SECONDS:
            raise ValueError(f"lease_seconds: {self.lease_seconds:g} does not outlast the deadline by the margin")

    @property
    def lease(self) -> timedelta:
        """How long a claim is leased: `lease_seconds`, or the deadline and half of it again and the margin."""
        return timedelta(seconds=self.deadline_seconds + self.slack_seconds)

    @property
    def slack_seconds(self) -> float:
        """How long a claim may wait before its attempt begins, if the lease is to outlast it; three heartbeats."""
        if self.lease_seconds is not None:
            return self.lease_seconds - self.deadline_seconds
        return 0.5 * self.deadline_seconds + LEASE_MARGIN_SECONDS
