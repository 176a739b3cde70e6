"""Endpoints that mean ill or are broken: each has the documented outcome, in bounded time and memory, and the endpoints
beside it do not notice. What ends by its deadline has the outcome `timeout`: no test looks at a clock of its own."""

import asyncio
import gzip
import resource
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings
from chainbell.engine import Engine, InvalidInputError
from chainbell.storage import Attempt, DeliveryState, generate_key
from tests.e2e.certificates import Authority, authority, server_context
from tests.e2e.receiver import Answer, receiving, status
from tests.plans import MONDAY, line_plan

pytestmark = pytest.mark.usefixtures("http")
DEADLINE = 5.0
"""More than a busy machine needs for what is answered; what is not answered takes this long."""


@pytest.fixture
def engine(tmp_path: Path, http: str) -> Iterator[Engine]:
    settings = DeliverySettings(guard=LOOPBACK_ALLOWED, deadline_seconds=DEADLINE)
    with Engine(f"sqlite:///{tmp_path / 'chainbell.db'}", delivery=settings) as engine:
        yield engine


def drain(engine: Engine) -> None:
    async def run() -> None:
        await engine.dispatcher().drain()

    asyncio.run(run())


def never(handler: BaseHTTPRequestHandler, _: int) -> None:
    time.sleep(2 * DEADLINE)
    handler.close_connection = True


def drip(handler: BaseHTTPRequestHandler, _: int) -> None:
    """A byte of the body every now and then."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(20):
        handler.wfile.write(b".")
        time.sleep(DEADLINE / 10)


def drip_headers(handler: BaseHTTPRequestHandler, _: int) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(20):
        handler.wfile.write(b".")
        time.sleep(DEADLINE / 10)


def late(handler: BaseHTTPRequestHandler, number: int) -> None:
    """200, but after the deadline."""
    time.sleep(1.3 * DEADLINE)
    status(200)(handler, number)


def gigabyte(handler: BaseHTTPRequestHandler, _: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(1 << 30))
    handler.end_headers()
    for _ in range(1 << 14):
        handler.wfile.write(b"x" * (1 << 16))


def endless_headers(handler: BaseHTTPRequestHandler, _: int) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1_000_000):
        handler.wfile.write(b"X-%d: " % number + b"x" * 8000 + b"\r\n")


BOMB = gzip.compress(b"\0" * (1 << 26))


def bomb(handler: BaseHTTPRequestHandler, _: int) -> None:
    """64 MiB in 64 KiB."""
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(BOMB)))
    handler.end_headers()
    handler.wfile.write(BOMB)


def broken_status_line(handler: BaseHTTPRequestHandler, _: int) -> None:
    handler.wfile.write(b"HTTP/1.1 2OO fine\r\n\r\n")
    handler.close_connection = True


def no_text(handler: BaseHTTPRequestHandler, _: int) -> None:
    """A reason and a body that are no UTF-8, with halves of surrogates and a NUL."""
    handler.wfile.write(b"HTTP/1.1 500 na\xff\xed\xa0\x80ja\r\nContent-Length: 5\r\n\r\n\x00\xed\xa0\x80\xff")


def reset_after_headers(handler: BaseHTTPRequestHandler, _: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "10")
    handler.end_headers()
    handler.wfile.flush()
    time.sleep(0.05)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def in_a_circle(handler: BaseHTTPRequestHandler, number: int) -> None:
    status(302, Location="/hook")(handler, number)


HOSTILE: dict[str, tuple[Answer, set[str], int | None]] = {
    "never answers": (never, {"timeout"}, None),
    "drips a byte at a time": (drip, {"timeout"}, None),
    "drips its headers": (drip_headers, {"timeout"}, None),
    "answers 200 after the deadline": (late, {"timeout"}, None),
    "sends a gigabyte": (gigabyte, {"answered"}, 200),
    "sends a gzip bomb": (bomb, {"answered"}, 200),
    "sends headers without end": (endless_headers, {"broken_answer", "connection_failure"}, None),
    "breaks the status line": (broken_status_line, {"broken_answer"}, None),
    "answers what is no text": (no_text, {"answered"}, 500),
    "resets after the headers": (reset_after_headers, {"broken_answer"}, None),
    "redirects in a circle": (in_a_circle, {"answered"}, 302),
    "redirects inside": (status(302, Location="http://169.254.169.254/latest/meta-data/"), {"answered"}, 302),
    "sets cookies": (status(200, Set_Cookie="session=1"), {"answered"}, 200),
}
FAILED_AT_ONCE = {302}


def ended(attempt: Attempt) -> datetime:
    return attempt.started_at + timedelta(milliseconds=attempt.duration_ms)


def test_each_has_its_outcome_in_bounded_time_and_memory_and_the_good_one_does_not_notice(engine: Engine) -> None:
    """All at once, four deliveries each, beside an endpoint in good order."""
    with ExitStack() as stack:
        receivers = {name: stack.enter_context(receiving(answer)) for name, (answer, _, _) in HOSTILE.items()}
        good = stack.enter_context(receiving())
        hooks = {name: engine.webhooks.add(7, receiver.url)[0].id for name, receiver in receivers.items()}
        well, _ = engine.webhooks.add(7, good.url)
        for number in range(1, 5):
            engine.load(line_plan(project_id=number), at=MONDAY)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        drain(engine)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        log = engine.webhooks.log(7, well.id, 100)
        assert len(log) == len(good.requests) == 4
        assert {attempt.http_status for attempt in log} == {200}
        hanging = engine.webhooks.log(7, hooks["never answers"], 100)
        assert max(map(ended, log)) < min(map(ended, hanging)), "the good one waited for nobody"
        assert max(attempt.started_at for attempt in hanging) < min(map(ended, hanging)), (
            "attempts at one endpoint do not queue"
        )
        for name, (_, outcomes, http_status) in HOSTILE.items():
            attempts = engine.webhooks.log(7, hooks[name], 100)
            assert len(attempts) == len(receivers[name].requests) == 4, name
            for attempt in attempts:
                assert attempt.outcome in outcomes, name
                assert attempt.http_status == http_status, name
                assert len(attempt.response or "") <= 4096, name
            backlog = engine.webhooks.backlog(7, hooks[name])
            retried = http_status in (None, 500)
            assert (backlog[DeliveryState.PENDING], backlog[DeliveryState.FAILED]) == (
                4 if retried else 0,
                4 if http_status in FAILED_AT_ONCE else 0,
            ), name
        assert grown < 64 * 1024, "KiB: neither the gigabyte nor the bomb was taken in"
        assert all("Cookie" not in request.headers for request in receivers["sets cookies"].requests)


def test_what_an_endpoint_says_is_kept_on_every_database(database_url: str) -> None:
    """One request, one recorded attempt: what could not be recorded would be sent again for ever."""
    settings = DeliverySettings(guard=LOOPBACK_ALLOWED, deadline_seconds=DEADLINE)
    with receiving(no_text) as receiver, Engine(database_url, keys=[generate_key()], delivery=settings) as engine:
        webhook, _ = engine.webhooks.add(7, receiver.url)
        engine.load(line_plan(), at=MONDAY)
        drain(engine)
        (attempt,) = engine.webhooks.log(7, webhook.id)
    assert len(receiver.requests) == 1
    assert (attempt.http_status, str(attempt.error)[:2], str(attempt.error)[-2:]) == (500, "na", "ja")
    assert "\x00" not in str(attempt.response)


@pytest.fixture(scope="module")
def signer() -> Authority:
    return authority()


Certificate = Callable[[Authority, Path], Any]


@pytest.mark.parametrize(
    ("certificate", "trusted", "outcome"),
    [
        pytest.param(lambda ca, folder: server_context(ca, folder), True, "answered", id="of the trusted authority"),
        pytest.param(lambda ca, folder: server_context(ca, folder), False, "tls_failure", id="of an unknown authority"),
        pytest.param(lambda ca, folder: server_context(ca, folder, days=-1), True, "tls_failure", id="expired"),
        pytest.param(
            lambda ca, folder: server_context(ca, folder, "example.com"), True, "tls_failure", id="wrong host"
        ),
        pytest.param(lambda _, folder: server_context(authority(), folder), True, "tls_failure", id="another's"),
    ],
)
def test_a_certificate_is_verified_against_the_authorities_of_its_webhook(
    engine: Engine, signer: Authority, tmp_path: Path, certificate: Certificate, trusted: bool, outcome: str
) -> None:
    with receiving(tls=certificate(signer, tmp_path)) as receiver:
        pem = signer.pem if trusted else None
        webhook, _ = engine.webhooks.add(7, receiver.url, ca_certificates=pem)
        engine.load(line_plan(), at=MONDAY)
        drain(engine)
        (attempt,) = engine.webhooks.log(7, webhook.id)
    assert attempt.outcome == outcome
    assert len(receiver.requests) == (outcome == "answered")
    assert engine.webhooks.backlog(7, webhook.id)[DeliveryState.PENDING] == (outcome != "answered")


def test_certificates_that_are_none_are_refused_when_they_are_given(engine: Engine) -> None:
    with pytest.raises(InvalidInputError) as caught:
        engine.webhooks.add(7, "https://127.0.0.1/", ca_certificates="trust me")
    assert caught.value.field == "caCertificates"


def lead(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """What the system's resolver answers, one after the other; returns the names that it is asked for."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *_: object, **__: object) -> list[Any]:
        addresses = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([["127.0.0.1"]], id="a name that leads inside"),
        pytest.param([["93.184.215.14", "127.0.0.1"]], id="a public and an inside answer"),
        pytest.param([["::ffff:127.0.0.1"]], id="mapped into IPv6"),
        pytest.param([["64:ff9b::7f00:1"]], id="through NAT64"),
        pytest.param([["127.0.0.1"], ["93.184.215.14"]], id="rebound to a public one for whoever asks again"),
    ],
)
def test_a_name_is_vetted_when_it_is_dialled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[list[str]]
) -> None:
    """The registration is fine; what the name leads to at the attempt counts, and is asked for once."""
    with receiving() as receiver, Engine(f"sqlite:///{tmp_path / 'g.db'}") as engine:
        port = receiver.url.split(":")[2].split("/")[0]
        webhook, _ = engine.webhooks.add(7, f"https://rebound.example:{port}/")
        engine.load(line_plan(), at=MONDAY)
        asked = lead(monkeypatch, *answers)
        drain(engine)
        (attempt,) = engine.webhooks.log(7, webhook.id)
    assert attempt.outcome == "refused_address"
    assert "inside address" in str(attempt.error)
    assert (asked, receiver.requests) == (["rebound.example"], [])
    assert engine.core.delivery.guard.allow_inside is False
