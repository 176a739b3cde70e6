"""Attempts with as little work as can be: the request's bytes are written here, on a connection that aiohttp's
TCPConnector makes and keeps, and the answer is read by aiohttp's own protocol and parser. Less than half the CPU time
of a POST through its ClientSession.

Half of what is used of aiohttp here is private, so it is used only with the versions that the tests have run on; see
`unusable`.

A request is never written twice, as ClientSession never repeats a POST: an endpoint that closes a kept connection
without an answer may have acted on what came, so that is a failure, recorded and tried again in its time. A connection
whose end is known, or on which something came unasked, is given up before anything is written to it.
"""

import asyncio
import inspect
import re
import ssl
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_writer import StreamWriter
from yarl import URL

from chainbell.delivery.attempt import (
    KEPT_LIMIT,
    LINE_LIMIT,
    READ_LIMIT,
    Answer,
    Request,
    answered,
    checked_url,
    describe,
    outcome_of,
    trusted_by,
)
from chainbell.delivery.deadlines import Deadlines
from chainbell.delivery.guard import GuardPolicy

VERSIONS = ("3.14.5",)
"""The versions of aiohttp that the whole suite has run on."""
PIECE = 64 * 1024
"""Bytes of a body that are given to the transport at once; a longer body goes at the endpoint's pace."""
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=None)
PARTS_OF_A_KEY = ("host", "port", "is_ssl", "ssl", "proxy", "proxy_auth", "proxy_headers_hash", "server_hostname")


def unusable(connector: aiohttp.TCPConnector) -> str | None:
    """Why this client is not to be used with this connector; None if it is."""
    if aiohttp.__version__ not in VERSIONS:
        return f"aiohttp {aiohttp.__version__} is not one of {', '.join(VERSIONS)}"
    if type(connector) is not aiohttp.TCPConnector:
        return f"{type(connector).__name__} is not aiohttp's connector"
    if tuple(inspect.signature(connector.connect).parameters) != ("req", "traces", "timeout"):
        return "the connector takes other arguments"
    if ConnectionKey._fields != PARTS_OF_A_KEY:
        return "the connector's keys are others"
    return None


class _Target:
    """What the connector asks of a request, and the bytes with which all requests to one endpoint begin."""

    __slots__ = ("connection_key", "host", "port", "prefix", "ssl", "url")
    proxy = None
    server_hostname = None

    def __init__(self, url: URL, trusted: ssl.SSLContext | bool, constant_headers: Mapping[str, str]) -> None:
        self.url, self.host, self.port, self.ssl = url, url.raw_host or "", url.port, trusted
        is_ssl = url.scheme == "https"
        self.connection_key = ConnectionKey(self.host, self.port, is_ssl, trusted, None, None, None)
        first = f"POST {url.raw_path_qs} HTTP/1.1\r\nHost: {url.host_port_subcomponent}\r\n"
        self.prefix = (first + header_lines(constant_headers)).encode()

    def is_ssl(self) -> bool:
        return self.connection_key.is_ssl


def header_lines(headers: Mapping[str, str]) -> str:
    """The lines of these headers, as they are sent; raises ValueError for control characters in a name or a value."""
    for name, value in headers.items():
        if _FORBIDDEN.search(value) or _FORBIDDEN.search(name):
            raise ValueError(f"header {name!r}: control characters are not allowed")
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


class LeanClient:
    """A client without cookies, redirects, proxies or decompression, in the running event loop. It closes the
    connector."""

    def __init__(self, connector: aiohttp.TCPConnector, policy: GuardPolicy) -> None:
        self._connector = connector
        self._policy = policy
        self._deadlines = Deadlines()
        self._known: WeakSet[ResponseHandler] = WeakSet()
        self._target = lru_cache(maxsize=1024)(self._new_target)

    def _new_target(
        self, url: str, ca_certificates: str | None, constant_headers: tuple[tuple[str, str], ...]
    ) -> _Target:
        return _Target(checked_url(url, self._policy), trusted_by(ca_certificates), dict(constant_headers))

    async def post(self, request: Request, seconds: float) -> Answer:
        """Makes one attempt within so many seconds and returns an Answer however it ends."""
        try:
            target = self._target(request.url, request.ca_certificates, tuple(request.constant_headers.items()))
            lines = header_lines(request.headers)
            head = target.prefix + f"{lines}Content-Length: {len(request.body)}\r\n\r\n".encode()
            with self._deadlines.within(seconds):
                connection = await self._connected(target)
                try:
                    return await _exchange(connection, head, request.body)
                finally:
                    connection.close()  # unless it was released
        except (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError, ValueError) as error:
            return Answer(outcome_of(error), error=describe(error))

    async def close(self) -> None:
        """Closes its connections."""
        self._deadlines.close()
        await self._connector.close()

    async def _connected(self, target: _Target) -> Connection:
        """A connection to this endpoint that is ready for a request, kept or new."""
        while True:
            connection = await self._connector.connect(cast("Any", target), [], _NO_TIMEOUT)
            protocol = cast("ResponseHandler", connection.protocol)
            if protocol not in self._known:  # it is new; its parser reads all the answers on it
                self._known.add(protocol)
                protocol.set_response_params(
                    read_until_eof=True,
                    auto_decompress=False,
                    max_line_size=LINE_LIMIT,
                    max_field_size=LINE_LIMIT,
                )
                return connection
            if not protocol.should_close:
                return connection
            connection.close()  # something came on it that nobody has asked for


async def _exchange(connection: Connection, head: bytes, body: bytes) -> Answer:
    """Sends a request and reads the answer; releases the connection if it can be used again, else breaks it off."""
    protocol = cast("ResponseHandler", connection.protocol)
    transport = cast("asyncio.Transport", connection.transport)
    sending = None
    is_reusable = False
    try:
        if len(body) <= PIECE:
            transport.write(head + body)
        else:
            sending = asyncio.create_task(_send(protocol, transport, head, body))
            sending.add_done_callback(lambda task: task.cancelled() or task.exception())  # reading fails with it
        message, payload = await protocol.read()
        while 100 <= message.code < 200 and message.code != 101:
            message, payload = await protocol.read()
        read = bytearray()
        while len(read) < READ_LIMIT and (chunk := await payload.read(READ_LIMIT - len(read))):
            read += chunk
        is_reusable = payload.at_eof() and (sending is None or sending.done())
        return answered(message.code, message.reason, message.headers, bytes(read[:KEPT_LIMIT]))
    finally:
        if sending is not None:
            sending.cancel()
        if is_reusable:
            connection.release()
        else:
            transport.abort()  # neither the rest of an over-long answer nor of our request is waited for


async def _send(protocol: ResponseHandler, transport: asyncio.Transport, head: bytes, body: bytes) -> None:
    """Sends a request piece by piece, each when the one before has been taken."""
    writer = StreamWriter(protocol, asyncio.get_running_loop())
    transport.write(head)
    for start in range(0, len(body), PIECE):
        if transport.is_closing():
            return
        transport.write(body[start : start + PIECE])
        await writer.drain()
