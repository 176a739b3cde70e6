"""Connections of the server: how many there are, in all and from one address, and how long each may take for what.

`Connections` stands between asyncio and aiohttp's `web.Server`: asyncio asks it for a protocol per connection, which
passes on to aiohttp's what happens and keeps the time meanwhile. A connection works on a request, from its head to its
answer, or it waits: for the head of the first request or of the next one. Where there is no room for a new connection,
the one that has waited longest is closed for it. So whoever opens many and says nothing loses them to whoever speaks;
only where all are at work is a new one refused.
"""

import asyncio
from collections import Counter as Counts
from collections import OrderedDict
from http import HTTPStatus
from ipaddress import IPv6Address
from typing import Any, cast

from aiohttp import web

from chainbell.engine.http.limits import Limits
from chainbell.engine.http.problems import Handler, problem
from chainbell.engine.metrics import Metrics

_PROBLEM = b'{"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": "too many connections"}'
REFUSED = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(_PROBLEM), _PROBLEM)
)
LINGERING_SECONDS = 5.0
"""How long what is left of a body is read and thrown away, after an answer that did not need it."""


class Connections:
    """The protocol factory of a server; `middleware` belongs around everything that its application does."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self.limits = limits
        self.metrics = metrics
        self.server: web.Server | None = None
        self._open: dict[asyncio.BaseTransport, _Connection] = {}
        self._by_address: Counts[str] = Counts()
        self._waiting: OrderedDict[_Connection, None] = OrderedDict()
        self._waiting_by_address: dict[str, OrderedDict[_Connection, None]] = {}
        metrics.watch_connections(self)

    def __len__(self) -> int:
        return len(self._open)

    def __call__(self) -> asyncio.Protocol:
        """A protocol for a new connection."""
        assert self.server is not None, "the server has not been started"  # noqa: S101
        inner = _Requests(
            self.server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # none: `tracing.py` writes a line for each request
            keepalive_timeout=self.limits.connection_seconds,  # ended before, by its `_Connection`
            lingering_time=LINGERING_SECONDS,
        )
        return _Connection(self, inner)

    @property
    def middleware(self) -> Any:
        """Tells a connection when a request begins and when it is answered."""

        @web.middleware
        async def at_work(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = self._open.get(request.transport) if request.transport is not None else None
            if connection is None:
                return await handler(request)
            connection.request_begins()
            try:
                response = await handler(request)
            finally:
                connection.request_ends()
            if connection.is_to_end:
                response.force_close()
            return response

        return at_work

    def admit(self, connection: "_Connection") -> bool:
        """Takes a new connection in, if need be in the place of the one that has waited longest."""
        address, limits = connection.address, self.limits
        if self._by_address[address] >= limits.connections_per_address:
            if not self._close_oldest(self._waiting_by_address.get(address), "address"):
                return False
        elif len(self._open) >= limits.most_connections and not self._close_oldest(self._waiting, "all"):
            return False
        self._open[connection.transport] = connection
        self._by_address[address] += 1
        return True

    def _close_oldest(self, waiting: "OrderedDict[_Connection, None] | None", reason: str) -> bool:
        if not waiting:
            return False
        next(iter(waiting)).abort(reason)
        return True

    def waits(self, connection: "_Connection") -> None:
        """The connection waits from now on."""
        self._waiting[connection] = None
        self._waiting_by_address.setdefault(connection.address, OrderedDict())[connection] = None

    def works(self, connection: "_Connection") -> None:
        """The connection no longer waits."""
        if connection in self._waiting:
            del self._waiting[connection]
            of_address = self._waiting_by_address[connection.address]
            del of_address[connection]
            if not of_address:
                del self._waiting_by_address[connection.address]

    def forget(self, connection: "_Connection") -> None:
        """The connection is closed, or about to be."""
        self.works(connection)
        if self._open.pop(connection.transport, None) is not None:
            self._by_address[connection.address] -= 1
            if not self._by_address[connection.address]:
                del self._by_address[connection.address]


class _Requests(web.RequestHandler):
    """aiohttp's protocol; what it cannot read as a request is answered by a problem document, and not logged."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status != HTTPStatus.BAD_REQUEST or request.writer.output_size > 0:
            return super().handle_error(request, status, exc, message)
        response = problem(status, "this is not a request that can be read", {"Server": ""})
        response.force_close()
        return response


class _Connection(asyncio.Protocol):
    """One connection: passes everything on to aiohttp's protocol, and keeps the time of what the client owes."""

    transport: asyncio.Transport

    def __init__(self, connections: Connections, inner: asyncio.Protocol) -> None:
        self._connections = connections
        self._inner = inner
        self._limits = connections.limits
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._reading_timer: asyncio.TimerHandle | None = None
        self._is_idle = False
        self._is_refused = False
        self._requests = 0
        self._opened_at = self._loop.time()
        self.address = ""

    @property
    def is_to_end(self) -> bool:
        """Whether the answer to this request is the last one of the connection."""
        is_old = self._loop.time() - self._opened_at > self._limits.connection_seconds
        return is_old or self._requests >= self._limits.requests_per_connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.address = address_of(transport.get_extra_info("peername"))
        if not self._connections.admit(self):
            self._is_refused = True
            self._connections.metrics.connections_closed.labels("refused").inc()
            self.transport.write(REFUSED)
            self.transport.close()
            return
        self._wait_for(self._limits.head_seconds, "head")
        self._connections.waits(self)
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        if self._is_idle:
            self._is_idle = False
            self._wait_for(self._limits.head_seconds, "head")
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return None if self._is_refused else self._inner.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        if self._is_refused:
            return
        self._stop_timers()
        self._connections.forget(self)
        self._inner.connection_lost(error)

    def pause_writing(self) -> None:
        if not self._is_refused:
            self._watch_reading()
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if not self._is_refused:
            if self._reading_timer is not None:
                self._reading_timer.cancel()
            self._inner.resume_writing()

    def _watch_reading(self, left: int | None = None) -> None:
        """Ends a connection whose client has read nothing of its answer for so long; a slow one may go on."""
        now_left = self.transport.get_write_buffer_size()
        if left is not None and now_left >= left:
            self.abort("answer")
        else:
            self._reading_timer = self._loop.call_later(self._limits.answer_seconds, self._watch_reading, now_left)

    def request_begins(self) -> None:
        """The head of a request is here; its handler keeps the time of its body."""
        self._requests += 1
        self._is_idle = False
        if self._timer is not None:
            self._timer.cancel()
        self._connections.works(self)

    def request_ends(self) -> None:
        """A request has been answered: the next one may come."""
        if not self.transport.is_closing():
            self._is_idle = True
            self._wait_for(self._limits.idle_seconds, "idle")
            self._connections.waits(self)

    def abort(self, reason: str) -> None:
        """Ends the connection at once, whatever has not been read or written."""
        self._connections.metrics.connections_closed.labels(reason).inc()
        self._stop_timers()
        self._connections.forget(self)
        self.transport.abort()

    def _wait_for(self, seconds: float, what: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self.abort, what)

    def _stop_timers(self) -> None:
        for timer in (self._timer, self._reading_timer):
            if timer is not None:
                timer.cancel()


def address_of(peer: Any) -> str:
    """Whose connection it is: an IPv4 address, or the 64 bits of an IPv6 address that name a network."""
    host = peer[0] if isinstance(peer, tuple) and peer else ""
    if ":" not in host:
        return str(host)
    address = IPv6Address(host.partition("%")[0])
    if address.ipv4_mapped is not None:  # from a socket that takes both
        return str(address.ipv4_mapped)
    return str(IPv6Address(address.packed[:8] + bytes(8)))
