"""Health, readiness and metrics. These routes need no token and reveal nothing about an account."""

from dataclasses import dataclass
from typing import Literal

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from chainbell.engine.http.operating import Operating, ServiceReadiness
from chainbell.engine.http.plumbing import answer
from chainbell.engine.http.routing import Routes
from chainbell.rules.payload import wire

routes = Routes("Operations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The process is running."""

    status: Literal["ok"] = "ok"


@routes.route("get", "/healthz", "readHealth", scope=None)
async def healthz(_: Operating) -> Health:
    """Check that the process is running."""
    return Health()


@routes.route("get", "/readyz", "readReadiness", scope=None, others={503: ServiceReadiness})
async def readyz(seen: Operating) -> ServiceReadiness | web.Response:
    """Check that delivering moves: that what is due is claimed, whatever endpoints answer."""
    found = await seen.readiness()
    return found if found.status == "ok" else answer(wire(found), 503)


@routes.route("get", "/metrics", "readMetrics", scope=None)
async def metrics(seen: Operating) -> web.Response:
    """Read the metrics in the Prometheus text format, at most ten seconds old."""
    return web.Response(body=await seen.metrics(), headers={"Content-Type": CONTENT_TYPE_LATEST})
