"""What those who run chainbell look at: does delivering move, and the metrics. Few ask the database, whoever asks."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Literal

from aiohttp import web

from chainbell.engine.engine import Engine
from chainbell.engine.http.exposition import exposition
from chainbell.engine.http.limits import Limits
from chainbell.engine.http.refreshing import Refreshed
from chainbell.engine.http.threads import Threads

METRICS_SECONDS = 10.0
"""How old the metrics may be."""
READINESS_SECONDS = 1.0
"""How old the database's part of readiness may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReadiness:
    """Whether delivering moves; not whether endpoints take what they get.

    Where this process delivers, its own dispatcher says so: `last_claim_seconds` ago it last asked the database for
    what is due, and got an answer. Otherwise the database says so: `overdue_seconds` is for how long something has been
    due that nobody works on, 0 while anybody does.
    """

    status: Literal["ok", "deliveries do not move"]
    last_claim_seconds: float | None
    overdue_seconds: float | None


class Operating:
    """What the routes without a token may see of an engine."""

    def __init__(self, engine: Engine, threads: Threads, limits: Limits) -> None:
        self._engine = engine
        self._stalled_seconds = limits.stalled_seconds
        metrics, overdue = partial(exposition, engine), engine.portfolio.overdue
        self._metrics = Refreshed(METRICS_SECONDS, lambda: threads.run("metrics", metrics))
        self._overdue = Refreshed(READINESS_SECONDS, lambda: threads.run("readiness", overdue))

    async def metrics(self) -> bytes:
        """The metrics in Prometheus' text format, at most `METRICS_SECONDS` old."""
        return await self._metrics.get()

    async def readiness(self) -> ServiceReadiness:
        """Whether delivering moves; raises StorageError where only the database could say, and does not answer."""
        claimed_at = self._engine.core.metrics.last_claim
        claim, overdue = None, None
        if claimed_at is not None:
            claim = time.monotonic() - claimed_at
        else:
            overdue = (await self._overdue.get()).total_seconds()
        since = claim if overdue is None else overdue
        moves = since is not None and since < self._stalled_seconds
        return ServiceReadiness(
            status="ok" if moves else "deliveries do not move",
            last_claim_seconds=None if claim is None else round(claim, 1),
            overdue_seconds=None if overdue is None else round(overdue, 1),
        )


OPERATING: web.AppKey[Operating] = web.AppKey("operating", Operating)
