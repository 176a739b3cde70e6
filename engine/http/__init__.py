"""The management API over aiohttp.web: mount `create_app(engine)` as a sub-application, or run `chainbell serve`."""

from chainbell.engine.http.app import create_app

__all__ = ["create_app"]
