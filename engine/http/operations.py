"""Health, readiness and metrics. These routes need no token and reveal nothing about an account."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from aiohttp import web

from chainbell.engine.engine import Engine
from chainbell.engine.http.exposition import exposition
from chainbell.engine.http.plumbing import answer
from chainbell.engine.http.routing import Routes
from chainbell.rules.payload import wire

routes = Routes("Operations")
STALLED = timedelta(minutes=5)
"""How long a delivery may be due before the service counts as not ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The process is running."""

    status: Literal["ok"] = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReadiness:
    """Whether deliveries are being made, and for how many seconds the oldest has been due."""

    status: Literal["ok", "deliveries do not move"]
    oldest_due_seconds: float


@routes.route("get", "/healthz", "readHealth", scope=None)
async def healthz(_: Engine) -> Health:
    """Check that the process is running."""
    return Health()


@routes.route("get", "/readyz", "readReadiness", scope=None, others={503: ServiceReadiness})
def readyz(engine: Engine) -> ServiceReadiness | web.Response:
    """Check that the database answers and no delivery has been due for too long."""
    age = engine.portfolio.oldest_due()
    seconds = round(age.total_seconds(), 1)
    if age < STALLED:
        return ServiceReadiness(status="ok", oldest_due_seconds=seconds)
    return answer(wire(ServiceReadiness(status="deliveries do not move", oldest_due_seconds=seconds)), 503)


@routes.route("get", "/metrics", "readMetrics", scope=None)
def metrics(engine: Engine) -> web.Response:
    """Read the metrics in the Prometheus text format."""
    body, content_type = exposition(engine)
    return web.Response(body=body, headers={"Content-Type": content_type})
