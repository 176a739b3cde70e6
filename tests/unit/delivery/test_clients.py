"""Which client makes the attempts: the lean one with the versions of aiohttp that it has been tested with."""

import asyncio
import logging
from pathlib import Path

import aiohttp
import pytest

from chainbell.delivery import DeliverySettings, clients, lean
from chainbell.delivery.attempt import Client
from chainbell.delivery.clients import open_client
from chainbell.delivery.lean import LeanClient
from chainbell.delivery.session import SessionClient
from chainbell.delivery.settings import HTTP
from chainbell.rules import FieldError

ROOT = Path(__file__).parents[3]


def opened() -> type[Client]:
    async def run() -> type[Client]:
        client = open_client(DeliverySettings())
        await client.close()
        return type(client)

    return asyncio.run(run())


def test_the_lean_client_serves_with_the_pinned_version_of_aiohttp() -> None:
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    assert pins["aiohttp"] in lean.VERSIONS
    is_known = aiohttp.__version__ in lean.VERSIONS
    assert opened() is (LeanClient if is_known else SessionClient)


def test_the_session_serves_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HTTP, "session")
    assert opened() is SessionClient


def test_another_client_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HTTP, "quick")
    with pytest.raises(FieldError, match="'quick' is neither of lean and session") as caught:
        DeliverySettings()
    assert caught.value.field == HTTP


@pytest.mark.parametrize("what", ["a version", "arguments", "keys"])
def test_the_session_serves_what_is_not_known_and_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    async def connect(self: object, request: object, traces: object, timeout: object, more: object) -> None:
        """Takes one argument more."""

    if what == "a version":
        monkeypatch.setattr(aiohttp, "__version__", "3.99.0")
    elif what == "arguments":
        monkeypatch.setattr(aiohttp.TCPConnector, "connect", connect)
    else:
        monkeypatch.setattr(lean, "PARTS_OF_A_KEY", ("host",))
    clients.say_once.cache_clear()
    with caplog.at_level(logging.WARNING, "chainbell"):
        assert [opened(), opened()] == [SessionClient, SessionClient]
    (line,) = caplog.messages
    assert line.startswith("deliveries go through aiohttp's session, which takes more CPU time: ")
