"""Each request has a trace (W3C Trace Context) and a line in the log; its trace stands in every line that it causes."""

import re
import time
from secrets import token_hex
from typing import NamedTuple

from aiohttp import web
from structlog.contextvars import bound_contextvars

from chainbell.engine.http.problems import Handler, route_of
from chainbell.engine.http.requests import ACCOUNT, ENGINE, TOKEN_NAME
from chainbell.engine.logs import log

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Trace(NamedTuple):
    """A place in a trace: its id, our span, and the flags of whoever began it."""

    trace_id: str
    span_id: str
    flags: str

    @property
    def header(self) -> str:
        """The value of `traceparent`."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


def trace_of(given: list[str]) -> Trace:
    """A span of the trace that these values of `traceparent` name; of a new one where they are none or not valid."""
    found = _PARENT.fullmatch(given[0]) if len(given) == 1 else None
    if found is not None:
        version, trace_id, parent, flags, more = found.groups()
        is_known = version != "ff" and not (version == "00" and more)
        if is_known and trace_id != "0" * 32 and parent != "0" * 16:
            return Trace(trace_id, token_hex(8), "01" if int(flags, 16) & 1 else "00")
    return Trace(token_hex(16), token_hex(8), "00")


TRACE: web.RequestKey[Trace] = web.RequestKey("trace", Trace)


@web.middleware
async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Binds the trace to the request, counts and logs the request when it is answered."""
    request[TRACE] = trace = trace_of(request.headers.getall("traceparent", []))
    began = time.perf_counter()
    with bound_contextvars(trace_id=trace.trace_id, span_id=trace.span_id):
        status = 499  # the client went away
        try:
            response = await handler(request)
            status = response.status
            return response
        finally:
            _tell(request, status, time.perf_counter() - began)


async def say_trace(request: web.Request, response: web.StreamResponse) -> None:
    """Says the trace in the head of an answer."""
    if (trace := request.get(TRACE)) is not None:
        response.headers["traceparent"] = trace.header


def _tell(request: web.Request, status: int, seconds: float) -> None:
    method = request.method if request.method in METHODS else "OTHER"
    route = route_of(request)
    request.config_dict[ENGINE].core.metrics.request_answered(method, route, status, seconds)
    log.info(
        "chainbell.request",
        method=method,
        route=route,
        status=status,
        duration_ms=round(seconds * 1000, 1),
        account_id=request.get(ACCOUNT),
        token_name=request.get(TOKEN_NAME),
    )
