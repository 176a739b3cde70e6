"""How much of the server anybody may take: connections, deadlines, threads, rates."""

import math
import resource
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from chainbell.engine.errors import InvalidInputError

RESERVED_DESCRIPTORS = 512
"""File descriptors that connections leave to deliveries, the database, name resolution and logs."""
MOST_CONNECTIONS = 4096
"""Connections at a time, unless a setting says otherwise or the limit of file descriptors is lower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one server. Raises InvalidInputError for one that is not more than nothing.

    `connections` in all (None: as many as file descriptors allow, less those reserved) and `connections_per_address`
    hold for `chainbell serve`, as do the deadlines, in seconds: `head_seconds` for the head of a request,
    `answer_seconds` for a client that stops reading, `idle_seconds` between requests, `connection_seconds` and
    `requests_per_connection` for a connection altogether. `body_seconds` is how long a body may take to come in.

    `threads` work on storage; one account has half of them at most, and `waiting_per_account` requests in progress or
    waiting, of `waiting` in all. A request with a plan may take `planning_seconds`. A token has `requests_per_second`,
    after a burst of `burst`; an address `failures_per_second`, after `failure_burst`, of tokens that are not known.
    `stalled_seconds` is how long nothing may be claimed before the service counts as not ready.
    """

    connections: int | None = None
    connections_per_address: int = 256
    head_seconds: float = 10.0
    body_seconds: float = 60.0
    answer_seconds: float = 30.0
    idle_seconds: float = 75.0
    connection_seconds: float = 3600.0
    requests_per_connection: int = 10_000
    threads: int = 8
    waiting: int = 256
    waiting_per_account: int = 64
    planning_seconds: float = 120.0
    requests_per_second: float = 200.0
    burst: int = 2000
    failures_per_second: float = 5.0
    failure_burst: int = 100
    stalled_seconds: float = 60.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value: Any = getattr(self, field.name)
            if value is not None and not 0 < value < math.inf:
                raise InvalidInputError(field.name, f"{value} is no number above 0")
        if self.connections is not None and self.connections > descriptors_left():
            raise InvalidInputError(
                "connections",
                f"{self.connections} are more than the limit of file descriptors leaves, {descriptors_left()}; "
                "raise it (ulimit -n), or ask for less",
            )

    @property
    def most_connections(self) -> int:
        """Connections at a time."""
        return min(MOST_CONNECTIONS, descriptors_left()) if self.connections is None else self.connections

    @property
    def threads_of_one(self) -> int:
        """Threads that work for one account at a time."""
        return max(1, self.threads // 2)


LIMIT_NAMES = tuple(field.name.replace("_", "-") for field in fields(Limits))
"""The names of the limits as they are typed."""


def limits_of(settings: Iterable[str]) -> Limits:
    """The limits that are set by `name=value`; raises InvalidInputError for a name or a value that cannot be."""
    kinds = {field.name: float if isinstance(field.default, float) else int for field in fields(Limits)}
    given: dict[str, Any] = {}
    for setting in settings:
        typed, _, value = setting.partition("=")
        name = typed.strip().replace("-", "_")
        if name not in kinds:
            raise InvalidInputError("limit", f"{typed!r} is none of {', '.join(LIMIT_NAMES)}")
        try:
            given[name] = kinds[name](value)
        except ValueError:
            what = "a number" if kinds[name] is float else "a whole number"
            raise InvalidInputError(typed.strip(), f"{value!r} is not {what}") from None
    return Limits(**given)


def descriptors_left() -> int:
    """How many of the file descriptors of this process connections may take: at most all but the reserved ones."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(most - RESERVED_DESCRIPTORS, most // 4, 1)
