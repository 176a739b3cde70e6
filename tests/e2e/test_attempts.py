"""Both clients against the same endpoints: what is sent, how answers are read, which connections are used again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings, Outcome
from chainbell.delivery.attempt import Answer, Client, Request
from chainbell.delivery.clients import open_client
from chainbell.delivery.lean import PIECE, LeanClient
from chainbell.delivery.session import SessionClient

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Result = TypeVar("Result")


@dataclass
class Endpoint:
    """Answers each request, once its body has come, with the next of these bytes, the last of them again and again; an
    empty one closes the connection. `unread` bodies are never read."""

    answers: list[bytes] = field(default_factory=lambda: [OK])
    unread: bool = False
    after: bytes = b""
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                self.heads.append(head)
                if not self.unread:
                    self.bodies.append(await reader.readexactly(length))
                answer = self.answers[min(len(self.heads), len(self.answers)) - 1]
                if not answer:
                    return
                writer.write(answer)
                await writer.drain()
                if self.unread:
                    await asyncio.Event().wait()
                if self.after:
                    await asyncio.sleep(0.05)
                    writer.write(self.after)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass  # the client, or the test, has gone
        finally:
            writer.close()


@asynccontextmanager
async def listening(endpoint: Endpoint) -> AsyncIterator[Endpoint]:
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0)
    endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a%20path?q=1"
    try:
        yield endpoint
    finally:
        server.close()


def posting(http: str, endpoint: Endpoint, work: Callable[[Client, Request], Awaitable[Result]]) -> Result:
    """Runs the work with a client of this name and a request to the endpoint."""

    async def run() -> Result:
        client = open_client(DeliverySettings(guard=LOOPBACK_ALLOWED, http=http))
        assert type(client) is {"lean": LeanClient, "session": SessionClient}[http]
        async with listening(endpoint):
            try:
                return await work(client, Request(endpoint.url, {"X-Own": "1"}, {"X-Each": "2"}, b"{}"))
            finally:
                await client.close()

    return asyncio.run(run())


def test_both_send_the_same_request(http: str) -> None:
    endpoint = Endpoint()
    answer = posting(http, endpoint, lambda client, request: client.post(request, 10))
    assert answer == Answer(Outcome.ANSWERED, 200, "ok")
    (head,) = endpoint.heads
    first, *lines = head.decode().split("\r\n")[:-2]
    assert first == "POST /a%20path?q=1 HTTP/1.1"
    assert {"X-Own: 1", "X-Each: 2", "Content-Length: 2"} <= set(lines)
    assert lines[0] == f"Host: {endpoint.url.split('/')[2]}"
    assert endpoint.bodies == [b"{}"]


async def twice(client: Client, request: Request) -> list[Answer]:
    answers = []
    for _ in range(2):
        answers.append(await client.post(request, 10))
        await asyncio.sleep(0.2)
    return answers


@pytest.mark.parametrize(
    ("answers", "kept"),
    [
        pytest.param([OK], True, id="of a known length"),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"], True, id="in chunks"
        ),
        pytest.param([b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK], True,
                     id="after informational ones"),
        pytest.param([OK.replace(b"\r\nCont", b"\r\nConnection: close\r\nCont")], False, id="that ends the connection"),
    ],
)  # fmt: skip
def test_a_connection_is_used_again_when_its_answer_has_been_read(http: str, answers: list[bytes], kept: bool) -> None:
    endpoint = Endpoint(answers)
    assert posting(http, endpoint, twice) == [Answer(Outcome.ANSWERED, 200, "ok")] * 2
    assert endpoint.connections == (1 if kept else 2)


def test_a_request_is_never_written_twice(http: str) -> None:
    """The endpoint closes a kept connection when the second request has come: it may have acted on it."""
    endpoint = Endpoint([OK, b""])
    first, second = posting(http, endpoint, twice)
    assert (first.outcome, second.outcome) == (Outcome.ANSWERED, Outcome.CONNECTION_FAILURE)
    assert len(endpoint.heads) == 2


def test_a_connection_on_which_something_came_unasked_is_not_used_again() -> None:
    endpoint = Endpoint([OK], after=OK.replace(b"200", b"500"))
    assert [answer.http_status for answer in posting("lean", endpoint, twice)] == [200, 200]
    assert endpoint.connections == 2


def test_an_answer_that_switches_protocols_is_one_that_failed(http: str) -> None:
    endpoint = Endpoint([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nwhatever"])
    answer = posting(http, endpoint, lambda client, request: client.post(request, 2))
    assert (answer.outcome, answer.http_status, answer.error) == (Outcome.ANSWERED, 101, "Switching Protocols")


def test_a_body_that_is_not_read_is_answered_all_the_same(http: str) -> None:
    """More than the sockets hold, at the endpoint's pace; it refuses after the headers."""
    endpoint = Endpoint([b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"], unread=True)
    body = bytes(64 * 1024 * 1024)
    answer = posting(http, endpoint, lambda client, request: client.post(replace(request, body=body), 20))
    assert (answer.http_status, answer.error) == (413, "Too Large")


def test_a_large_body_arrives_whole(http: str) -> None:
    endpoint = Endpoint()
    body = bytes(range(256)) * (PIECE // 16)
    answer = posting(http, endpoint, lambda client, request: client.post(replace(request, body=body), 20))
    assert answer.http_status == 200
    assert endpoint.bodies == [body]


@pytest.mark.parametrize("value", ["a\r\nX-Forged: 1", "a\nb", "\x00", "\x7f"])
def test_a_header_that_could_forge_a_request_is_not_sent(http: str, value: str) -> None:
    async def forge(client: Client, request: Request) -> list[Answer]:
        constant, each = replace(request, constant_headers={"X-Own": value}), replace(request, headers={"X-Own": value})
        return [await client.post(constant, 10), await client.post(each, 10)]

    endpoint = Endpoint()
    for answer in posting(http, endpoint, forge):
        assert answer.outcome == Outcome.BROKEN_ANSWER
        assert "control character" in str(answer.error)
    assert endpoint.heads == []


def test_an_attempt_that_is_cancelled_frees_its_connection_and_says_so(http: str) -> None:
    async def cancel(client: Client, request: Request) -> Answer:
        hanging = asyncio.create_task(client.post(request, 60))
        while not endpoint.heads:
            await asyncio.sleep(0.01)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        endpoint.unread = False
        return await client.post(request, 10)

    endpoint = Endpoint([b"HTTP/1.1 200", OK], unread=True)
    assert posting(http, endpoint, cancel).http_status == 200
