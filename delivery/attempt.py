"""One HTTP attempt: a POST over aiohttp under one deadline; its answer is read within bounds and never followed.

Here is what every client has in common; `lean.py` and `session.py` make the attempt, `clients.py` chooses.
"""

import errno
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Protocol

import aiohttp
from aiohappyeyeballs import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

from chainbell.delivery.guard import GuardPolicy, RefusedEndpointError, check_addresses, check_url
from chainbell.delivery.name_server import NameServerAwayError
from chainbell.delivery.names import Names
from chainbell.delivery.retry import Outcome

DEADLINE_SECONDS = 30.0
"""Covers name resolution, connecting, TLS, sending, and reading headers and body together."""
READ_LIMIT = 64 * 1024
KEPT_LIMIT = 4 * 1024
LINE_LIMIT = 8190
"""Bytes of an answer's status line, and of each of its headers."""
OWN_ERRORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""This process or machine has no more file descriptors, buffers or memory."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the HTTP status if there was one, the first 4 KiB of the body as text, the error in words."""

    outcome: Outcome
    http_status: int | None = None
    body: str | None = None
    error: str | None = None
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What is posted. The `constant_headers` are the same in every attempt for one webhook; `ca_certificates` (PEM)
    replace the public authorities."""

    url: str
    constant_headers: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    ca_certificates: str | None = None


class Client(Protocol):
    """Makes attempts; close it when they have ended."""

    async def post(self, request: Request, seconds: float) -> Answer:
        """Makes one attempt within so many seconds and returns an Answer however it ends."""
        ...

    async def close(self) -> None:
        """Closes its connections."""
        ...


class GuardedResolver(AbstractResolver):
    """Resolves names and returns only answers whose every address the guard admits, so what is dialled was vetted."""

    def __init__(self, policy: GuardPolicy, names: Names) -> None:
        self._policy = policy
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of `host`; raises RefusedEndpointError if one lies inside, OSError if there are none."""
        found = await self._names.find(host)
        check_addresses([answer["host"] for answer in found], self._policy)
        wanted = [answer for answer in found if family in (socket.AF_UNSPEC, answer["family"])]
        return [ResolveResult({**answer, "port": port}) for answer in wanted]

    async def close(self) -> None:
        """The names belong to whoever made them."""


def vetted_socket(policy: GuardPolicy, address: AddrInfoType) -> socket.socket:
    """A socket for the very address that will be dialled; raises RefusedEndpointError for one that lies inside.

    This is the last check, however the address was found.
    """
    family, kind, protocol, _, target = address
    check_addresses([str(target[0])], policy)
    return socket.socket(family, kind, protocol)


checked_url = lru_cache(maxsize=4096)(check_url)
"""The parsed URL of an endpoint, as `check_url`; endpoints are called again and again."""


@lru_cache(maxsize=1024)
def trusting(ca_certificates: str) -> ssl.SSLContext:
    """A context that trusts these certificates (PEM) and no others; raises RefusedEndpointError if none can be read."""
    if "-----BEGIN CERTIFICATE-----" not in ca_certificates or not ca_certificates.isascii():
        raise RefusedEndpointError("caCertificates", "are no certificates in PEM form")
    try:
        return ssl.create_default_context(cadata=ca_certificates)
    except (ssl.SSLError, ValueError) as error:
        raise RefusedEndpointError("caCertificates", f"cannot be read: {error}") from None


def trusted_by(ca_certificates: str | None) -> ssl.SSLContext | bool:
    """What a connector is to trust: these certificates, or the public authorities."""
    return True if ca_certificates is None else trusting(ca_certificates)


def answered(status: int, reason: str | None, headers: Mapping[str, str], kept: bytes) -> Answer:
    """The Answer of an endpoint that has sent this status and, first of all, these bytes."""
    error = None if 200 <= status < 300 else reason or f"HTTP {status}"
    if 300 <= status < 400:
        error = f"{error}; not followed to {headers.get('Location', 'nowhere')[:1024]!r}"
    text = storable(kept.decode(errors="replace"))
    return Answer(
        Outcome.ANSWERED, status, text, error and storable(error), _retry_after(headers.get("Retry-After", ""))
    )


def _retry_after(value: str) -> timedelta | None:
    """The seconds of a Retry-After header; its date form is ignored, since clocks differ."""
    return timedelta(seconds=int(value)) if value.isascii() and value.isdigit() and len(value) < 8 else None


def outcome_of(error: BaseException) -> Outcome:
    """How an attempt ended that raised this error."""
    causes: Any = (error, error.__cause__, error.__context__)
    if any(isinstance(cause, RefusedEndpointError) for cause in causes):
        return Outcome.REFUSED_ADDRESS
    if any(isinstance(cause, NameServerAwayError) for cause in causes):
        return Outcome.NO_NAME_SERVER
    if any(number in OWN_ERRORS for cause in causes for number in _error_numbers(cause)):
        return Outcome.NO_RESOURCES
    if isinstance(error, (TimeoutError, aiohttp.ServerTimeoutError)):
        return Outcome.TIMEOUT
    if isinstance(error, (aiohttp.ClientConnectorDNSError, socket.gaierror)):
        return Outcome.DNS_FAILURE
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        return Outcome.TLS_FAILURE
    if isinstance(error, (aiohttp.ClientConnectionError, OSError)):
        return Outcome.CONNECTION_FAILURE
    return Outcome.BROKEN_ANSWER


def _error_numbers(error: Any) -> set[int | None]:
    return {getattr(one, "errno", None) for one in (error, getattr(error, "os_error", None)) if one is not None}


def describe(error: BaseException) -> str:
    """An error in words, at most 1024 characters that every database takes."""
    return storable((str(error) or type(error).__name__)[:1024])


def storable(text: str) -> str:
    """The text as every database takes it: lone surrogates become `?`, NUL becomes U+FFFD."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
