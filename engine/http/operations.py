"""Is it alive, does it move: health, readiness, metrics. No token is asked for, and nothing of an account is told."""

from datetime import timedelta

from aiohttp import web

from chainbell.engine.http.exposition import exposition
from chainbell.engine.http.requests import answer, engine_of, in_thread

routes = web.RouteTableDef()
STALLED = timedelta(minutes=5)
"""How long a delivery may have been due before deliveries count as not moving."""


@routes.get("/healthz")
async def healthz(_: web.Request) -> web.Response:
    return answer({"status": "ok"})


@routes.get("/readyz")
async def readyz(request: web.Request) -> web.Response:
    """Ready while the database answers and nothing has been due for too long."""
    age = await in_thread(engine_of(request).portfolio.oldest_due)
    is_ready = age < STALLED
    status = "ok" if is_ready else "deliveries do not move"
    shown = {"status": status, "oldestDueSeconds": round(age.total_seconds(), 1)}
    return answer(shown, 200 if is_ready else 503)


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    body, content_type = await in_thread(exposition, engine_of(request))
    return web.Response(body=body, headers={"Content-Type": content_type})
