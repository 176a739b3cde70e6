"""The client that makes the attempts: lean where it can be, else aiohttp's session; and the connector of both."""

import logging
import os
from functools import lru_cache, partial

import aiohttp

from chainbell.delivery.attempt import Client, GuardedResolver, vetted_socket
from chainbell.delivery.guard import GuardPolicy
from chainbell.delivery.lean import LeanClient, unusable
from chainbell.delivery.names import Names
from chainbell.delivery.session import SessionClient

HTTP = "CHAINBELL_HTTP"
"""The environment variable that chooses the client: `session` for aiohttp's ClientSession, which serves anyway with a
version of aiohttp that the lean one has not been tested with; empty or `lean` otherwise."""
log = logging.getLogger("chainbell")


def open_client(policy: GuardPolicy, names: Names, in_flight: int) -> Client:
    """A client with at most so many connections; call it in a running event loop. ValueError refuses a CHAINBELL_HTTP
    that is neither `lean` nor `session`."""
    chosen = os.environ.get(HTTP) or "lean"
    if chosen not in ("lean", "session"):
        raise ValueError(f"{HTTP}: {chosen!r} is neither lean nor session")
    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(policy, names),
        use_dns_cache=False,
        limit=in_flight,
        socket_factory=partial(vetted_socket, policy),
    )
    if chosen == "session":
        return SessionClient(connector, policy)
    if (reason := unusable(connector)) is not None:
        _say_once(reason)
        return SessionClient(connector, policy)
    return LeanClient(connector, policy)


@lru_cache(maxsize=8)
def _say_once(reason: str) -> None:
    log.warning("deliveries go through aiohttp's session, which takes more CPU time: %s", reason)
