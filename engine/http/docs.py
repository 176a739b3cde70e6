"""`/docs`: the API as a page. Swagger UI is part of the package; nothing is loaded from another server."""

import gzip
from functools import cache
from importlib.resources import files

from aiohttp import web

FILES = {
    "/docs": ("docs.html", "text/html"),
    "/docs/start.js": ("start.js", "text/javascript"),
    "/docs/swagger-ui-bundle.js": ("swagger-ui/swagger-ui-bundle.js.gz", "text/javascript"),
    "/docs/swagger-ui.css": ("swagger-ui/swagger-ui.css.gz", "text/css"),
}
"""Each path with its file below `static/` and its content type."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Inline styles are allowed, since Swagger UI needs them; scripts and requests are limited to this server."""


def add_docs(app: web.Application) -> list[web.AbstractRoute]:
    """Adds the page and its files to an application; returns their routes."""
    return [app.router.add_get(path, _serve) for path in FILES]


async def _serve(request: web.Request) -> web.Response:
    path = next(path for path in FILES if request.path.endswith(path))
    name, content_type = FILES[path]
    data = _read(name)
    headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
    if name.endswith(".gz"):
        headers |= {"Cache-Control": "max-age=3600", "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
        else:
            data = gzip.decompress(data)
    return web.Response(body=data, content_type=content_type, charset="utf-8", headers=headers)


@cache
def _read(name: str) -> bytes:
    return files("chainbell.engine.http").joinpath("static", *name.split("/")).read_bytes()
