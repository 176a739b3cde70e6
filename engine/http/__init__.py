"""The management API over aiohttp.web: mount `create_app(engine)` as a sub-application, or run `chainbell serve`."""

from chainbell.engine.http.app import create_app
from chainbell.engine.http.limits import Limits
from chainbell.engine.http.serving import serving

__all__ = ["Limits", "create_app", "serving"]
