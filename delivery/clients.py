"""The client that makes the attempts: lean where it can be, else aiohttp's session; and the connector of both."""

import logging
from functools import lru_cache, partial

import aiohttp

from chainbell.delivery.attempt import Client, GuardedResolver, vetted_socket
from chainbell.delivery.lean import LeanClient, unusable
from chainbell.delivery.session import SessionClient
from chainbell.delivery.settings import DeliverySettings

log = logging.getLogger("chainbell")


def open_client(settings: DeliverySettings) -> Client:
    """A client with as many connections as may be in flight; call it in a running event loop."""
    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(settings.guard, settings.names),
        use_dns_cache=False,
        limit=settings.in_flight,
        socket_factory=partial(vetted_socket, settings.guard),
    )
    if settings.http == "session":
        return SessionClient(connector, settings.guard)
    if (reason := unusable(connector)) is not None:
        say_once(reason)
        return SessionClient(connector, settings.guard)
    return LeanClient(connector, settings.guard)


@lru_cache(maxsize=8)
def say_once(reason: str) -> None:
    """Logs why the session serves, once in a process."""
    log.warning("deliveries go through aiohttp's session, which takes more CPU time: %s", reason)
