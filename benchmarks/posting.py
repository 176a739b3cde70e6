"""Where the benchmarks post to, and the yardstick: a bare aiohttp client that signs, posts and keeps nothing."""

import asyncio
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import aiohttp
from certificates import self_signed
from measuring import Rate, Stopwatch

from chainbell.delivery import compose, signed_headers
from chainbell.rules import Event

SECRET = "benchmark"  # noqa: S105
DATA = {"taskId": 234, "taskName": "Backend Development", "projectId": 789, "bufferConsumption": 92.5}
NOW = datetime(2025, 3, 3, tzinfo=UTC)
BODY = compose(Event("e", "task.red", 1, 1, 1, NOW, DATA, {}), "wh")


@dataclass(frozen=True)
class Sink:
    """Its URL, what it prints, and the certificate (PEM) that it shows."""

    url: str
    lines: IO[str]
    certificate: str | None = None


@contextmanager
def sinking(delay: float = 0.0, *, stamps: bool = False, tls: bool = False) -> Iterator[Sink]:
    """A sink in a process of its own that answers after `delay` seconds; see `sink.py`."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sink.pem"
        certificate = self_signed(path) if tls else None
        options = [*(["--stamps"] if stamps else []), *(["--tls", str(path)] if tls else [])]
        command = [sys.executable, str(Path(__file__).with_name("sink.py")), str(delay), *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            yield Sink(f"{'https' if tls else 'http'}://127.0.0.1:{port}/", process.stdout, certificate)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


async def signed_post(url: str, client: aiohttp.ClientSession, number: int) -> None:
    """One post of the body, signed."""
    async with client.post(url, data=BODY, headers=signatures(number)) as response:
        await response.read()


def signatures(number: int) -> dict[str, str]:
    """The headers that sign the body as the message of this number."""
    return signed_headers(
        [SECRET], message_id=str(number), subscription_id="wh", event="task.red", timestamp=0, body=BODY
    )


async def bare(sink: Sink, count: int, in_flight: int) -> Rate:
    """Signed posts of a client that keeps nothing."""
    numbers = iter(range(count))
    trusted = ssl.create_default_context(cadata=sink.certificate) if sink.certificate else True

    async def worker(client: aiohttp.ClientSession) -> None:
        for number in numbers:
            await signed_post(sink.url, client, number)

    connector = aiohttp.TCPConnector(limit=in_flight, ssl=trusted)
    async with aiohttp.ClientSession(connector=connector) as client:
        watch = Stopwatch()
        await asyncio.gather(*(worker(client) for _ in range(in_flight)))
        return watch.rate(count)
