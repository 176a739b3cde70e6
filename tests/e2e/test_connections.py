"""Connections: whoever holds them open takes them from nobody else."""

import asyncio
import json
import re
import resource
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chainbell.engine import Engine
from chainbell.engine.http import Limits, serving
from tests.e2e.commands import chainbell
from tests.e2e.receiver import receiving
from tests.e2e.servers import serving_process
from tests.e2e.test_serving import call
from tests.e2e.waiting import until
from tests.plans import line_plan

HALF_OPEN = 1500
HALF = b"POST /api/v1/changes HTTP/1.1\r\nHost: x\r\nX-Slow: "
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def many_descriptors() -> Iterator[None]:
    """So many that the test itself can hold the sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * HALF_OPEN:
        pytest.skip("too few file descriptors are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * HALF_OPEN), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_1500_half_open_requests_stop_nobody_and_do_not_stay(tmp_path: Path) -> None:
    database = tmp_path / "c.db"
    token = chainbell("token", "create", "--account", "8", database=database).stdout.strip()
    with ExitStack() as stack:
        receiver = stack.enter_context(receiving())
        base, server = stack.enter_context(serving_process(database, "--limit", "head-seconds=5"))
        hook = {"name": "h", "url": receiver.url, "events": ["task.completed"]}
        assert call(f"{base}/api/v1/webhooks", token, "POST", hook)[0] == 201
        plan = line_plan(*[1.0] * 20, account=8)
        assert call(f"{base}/api/v1/projects/1", token, "PUT", plan)[0] == 200
        before = descriptors(server.pid)
        stack.enter_context(many_descriptors())
        where = urlsplit(base)
        sockets = []
        for _ in range(HALF_OPEN):
            one = stack.enter_context(socket.create_connection((where.hostname, where.port), timeout=60))
            one.sendall(HALF)
            sockets.append(one)
        seconds = []
        for number in range(1, 21):
            began = time.perf_counter()
            change = {"kind": "task.update", "projectId": 1, "taskId": number, "status": "Completed"}
            assert call(f"{base}/api/v1/changes", token, "POST", change)[0] == 200
            seconds.append(time.perf_counter() - began)
        most = descriptors(server.pid)
        until(lambda: len(receiver.requests) == 20)
        assert most - before < 400  # one address has its share
        print(f"another account's changes: {sorted(seconds)[10]:.4f} s median, {max(seconds):.4f} s at most;", end=" ")
        print(f"file descriptors: {before} before, {most} meanwhile")
        until(lambda: descriptors(server.pid) < before + 20)
        assert call(f"{base}/readyz", "", "GET")[0] == 200


def test_100_hanging_requests_do_not_keep_the_server_from_ending(tmp_path: Path) -> None:
    """Half of them never send their bodies, half wait for a database that is locked."""
    database = tmp_path / "c.db"
    token = chainbell("token", "create", "--account", "7", database=database).stdout.strip()
    with ExitStack() as stack:
        base, server = stack.enter_context(serving_process(database, "--no-dispatch"))
        assert call(f"{base}/api/v1/projects/1", token, "PUT", line_plan())[0] == 200
        where = urlsplit(base)
        holder = stack.enter_context(closing(sqlite3.connect(database, isolation_level=None)))
        holder.execute("BEGIN IMMEDIATE")
        body = json.dumps({"kind": "task.update", "projectId": 1, "taskId": 1, "status": "InProgress"}).encode()
        head = f"POST /api/v1/changes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}".encode()
        head += b"\r\nContent-Length: %d" % len(body)
        for number in range(100):
            one = stack.enter_context(socket.create_connection((where.hostname, where.port), timeout=60))
            one.sendall(head + b"\r\n\r\n" + (body if number % 2 else body[:5]))
        assert call(f"{base}/healthz", "", "GET")[0] == 200
        began = time.perf_counter()
        server.terminate()
        assert server.wait(timeout=20) == 0  # the lock is held all the while
        print(f"ended in {time.perf_counter() - began:.1f} s")


class Served:
    """A server in this process, and connections to it."""

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self.engine, self.limits = engine, limits
        self.writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        async with serving(self.engine, socket.create_server(("127.0.0.1", 0)), limits=self.limits) as url:
            yield url
            for writer in self.writers:
                writer.close()

    async def connect(self, url: str, sends: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        where = urlsplit(url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(sends)
        self.writers.append(writer)
        await writer.drain()
        return reader, writer


async def ends(reader: asyncio.StreamReader) -> bytes:
    """What still comes before the connection ends."""
    try:
        async with asyncio.timeout(60):
            return await reader.read()
    except ConnectionResetError:
        return b""


async def answer(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(60):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.splitlines() if line.startswith(b"Content-Length"))
        return head + await reader.readexactly(length)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine(f"sqlite:///{tmp_path / 'c.db'}") as engine:
        yield engine


def test_a_head_that_does_not_come_and_a_client_that_says_nothing_more_lose_their_connections(engine: Engine) -> None:
    async def run() -> None:
        one = Served(engine, Limits(head_seconds=0.2, idle_seconds=0.2))
        async with one.running() as url:
            for half in (b"", b"GET /hea", HALF):
                reader, _ = await one.connect(url, half)
                assert await ends(reader) == b""
            reader, _ = await one.connect(url, HEALTH)
            assert (await ends(reader)).startswith(b"HTTP/1.1 200 ")

    asyncio.run(run())


def test_a_body_whose_trailer_is_broken_is_answered_within_the_deadline(engine: Engine) -> None:
    """In one segment with its head it is refused at once; in one of its own, aiohttp's parser leaves the body open."""
    head = f"POST /api/v1/changes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {engine.tokens.add(7)}\r\n".encode()
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    parts = (b"2\r\n[]\r\n", b"0\r\nX: " + b"y" * 9000 + b"\r\n\r\n")

    async def run() -> None:
        one = Served(engine, Limits(body_seconds=0.5))
        async with one.running() as url:
            reader, _ = await one.connect(url, b"".join((head, *parts)))
            assert b" 400 " in await ends(reader)
            reader, writer = await one.connect(url, head)
            for part in parts:
                await asyncio.sleep(0.1)  # most probably in a segment of its own; what follows holds either way
                writer.write(part)
            assert re.match(rb"HTTP/1.1 (400|408) ", await ends(reader))

    asyncio.run(run())


def test_a_client_that_does_not_read_its_answer_loses_its_connection(engine: Engine) -> None:
    async def run() -> None:
        one = Served(engine, Limits(answer_seconds=0.2))
        async with one.running() as url:
            where, asking = urlsplit(url), b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                deaf.setblocking(False)
                loop = asyncio.get_running_loop()
                await loop.sock_connect(deaf, (where.hostname, where.port))
                await loop.sock_sendall(deaf, asking * 200)
                closed = engine.core.metrics.connections_closed.labels("answer")
                async with asyncio.timeout(60):
                    while not next(s.value for m in closed.collect() for s in m.samples if s.name.endswith("_total")):
                        await asyncio.sleep(0.05)

    asyncio.run(run())


def test_a_connection_ends_after_so_many_requests(engine: Engine) -> None:
    async def run() -> None:
        one = Served(engine, Limits(requests_per_connection=2))
        async with one.running() as url:
            reader, writer = await one.connect(url, HEALTH)
            assert b"Connection: close" not in await answer(reader)
            writer.write(HEALTH)
            assert b"Connection: close" in await ends(reader)

    asyncio.run(run())


@pytest.mark.parametrize("limits", [Limits(connections=3), Limits(connections_per_address=3)])
def test_who_waits_longest_makes_room_and_who_is_at_work_stays(engine: Engine, limits: Limits) -> None:
    token = engine.tokens.add(7)
    working = f"POST /api/v1/changes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}".encode()
    working += b"\r\nContent-Length: 10\r\n\r\n["

    async def run() -> None:
        one = Served(engine, limits)
        async with one.running() as url:
            at_work, idle = await one.connect(url, working), await one.connect(url, HEALTH)
            await answer(idle[0])
            half = await one.connect(url, HALF)
            for _ in range(5):
                fresh = await one.connect(url, HEALTH)
                assert b" 200 " in await answer(fresh[0])
            assert await ends(idle[0]) == b""
            assert await ends(half[0]) == b""
            at_work[1].write(b"nonsense]")
            assert b" 422 " in await answer(at_work[0])
            for _ in range(3):
                await one.connect(url, working)
            await asyncio.sleep(0.2)  # their heads are there; what follows holds either way
            refused = await one.connect(url, b"")
            assert b" 503 " in (said := await ends(refused[0]))
            assert b"Retry-After: 1" in said

    asyncio.run(run())


@pytest.mark.parametrize("sends", [HEALTH, b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", b"GARBAGE\r\n\r\n"])
def test_no_answer_says_what_the_server_is_made_of(engine: Engine, sends: bytes) -> None:
    async def run() -> None:
        one = Served(engine, Limits(idle_seconds=0.5))
        async with one.running() as url:
            reader, _ = await one.connect(url, sends)
            said = await ends(reader)
            assert said.startswith(b"HTTP/1.")
            assert re.search(rb"server:(?! *\r)", said, re.IGNORECASE) is None
            assert b"aiohttp" not in said.lower()

    asyncio.run(run())
