"""A hundred thousand requests of all kinds of nonsense (a share in `make test`): never an error of the server's own."""

import asyncio
import json
import logging
import math
import os
import random
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from chainbell.engine import Engine
from chainbell.engine.http import Limits, serving
from chainbell.storage import METADATA
from tests.contract.fuzzed_requests import Known, request
from tests.plans import MONDAY, line_plan, task_update
from tests.soak import SOAK

REQUESTS = 100_000 if SOAK else 750
OF_ONE_ACCOUNT = 500
"""Then another account goes on, so that no list grows long."""
SEED = int(os.environ.get("CHAINBELL_SEED", "12"))
LIMITS = Limits(head_seconds=2.0, body_seconds=2.0)
"""A head or a body that the server still waits for ends by these: of a chunked body whose trailer is broken and comes
in a segment of its own, aiohttp's parser tells nobody, and whoever reads the body waits."""
ANSWER_SECONDS = 60
"""Far beyond the deadlines, even of a busy machine: who is not answered by then is never answered."""


class Wire:
    """A connection that is opened again whenever the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._kept: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, raw: bytes) -> tuple[int | None, bytes]:
        """Status and body of the answer; None where the server closes a new connection without one.

        A kept one may have been closed meanwhile, since the server did not read the last body. Raises TimeoutError
        where the server does neither.
        """
        if self._kept is not None:
            status, body = await self._ask(*self._kept, raw)
            if status is not None:
                return status, body
        return await self._ask(*await asyncio.open_connection("127.0.0.1", self._port), raw)

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, raw: bytes
    ) -> tuple[int | None, bytes]:
        self._kept = None
        is_kept = False
        try:
            writer.write(raw)
            async with asyncio.timeout(ANSWER_SECONDS):
                await writer.drain()
                status, headers, body = await self._answer(reader, raw.startswith(b"HEAD "))
            is_kept = headers.get("connection") != "close" and status < 400
            return status, body
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            return None, b""
        finally:
            if is_kept:
                self._kept = reader, writer
            else:  # what of the request the server has not read would be taken for the next one
                writer.close()

    async def _answer(self, reader: asyncio.StreamReader, is_head: bool) -> tuple[int, dict[str, str], bytes]:
        status = 100
        while status == 100:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            status = int(lines[0].split()[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = 0 if is_head else int(headers.get("content-length", "0"))
        return status, headers, await reader.readexactly(length)

    async def close(self) -> None:
        if self._kept is not None:
            self._kept[1].close()


def known_account(engine: Engine, account: str) -> Known:
    """An account with a project, an event and a webhook."""
    webhook, _ = engine.webhooks.add(account, "http://127.0.0.1:9/hook")
    engine.load(line_plan(account=account), at=MONDAY)
    change = {**task_update(1, MONDAY.isoformat(), status="InProgress"), "accountId": account}
    (event, *_) = engine.apply(change)
    return Known(engine.tokens.add(account), webhook.id, event.id)


def is_own_fault(status: int | None, raw: bytes) -> bool:
    """Whether the server is to blame; /readyz says 503 by itself, of what waits."""
    return status is not None and status >= 500 and not (status == 503 and b"/readyz" in raw)


def finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(finite, value))
    return not isinstance(value, float) or math.isfinite(value)


@pytest.mark.soak
def test_no_request_whatever_it_holds_is_answered_with_an_error_of_ours(engine: Engine) -> None:
    print(f"seed {SEED}; CHAINBELL_SEED sets another")
    rng = random.Random(SEED)
    other = known_account(engine, "other")
    own_faults = 0
    answers: dict[int | None, int] = {}

    async def run() -> None:
        nonlocal own_faults
        async with serving(engine, socket.create_server(("127.0.0.1", 0)), limits=LIMITS) as url:
            port = int(urlsplit(url).port or 0)
            wire, bystander, known = Wire(port), Wire(port), other
            lines = ("GET /api/v1/projects/1 HTTP/1.1", "Host: a", f"Authorization: Bearer {other.token}", "", "")
            plain = "\r\n".join(lines).encode()
            for number in range(REQUESTS):
                if number % OF_ONE_ACCOUNT == 0:
                    known = known_account(engine, f"account {number}")
                raw = request(rng, known)
                status, body = await wire.ask(raw)
                answers[status] = answers.get(status, 0) + 1
                if is_own_fault(status, raw):
                    print(number, raw[:2000], body)
                    own_faults += 1
                if number % 100 == 0:
                    assert (await bystander.ask(plain))[0] == 200, "another account's request"
            assert (await bystander.ask(plain))[0] == 200
            await wire.close()
            await bystander.close()

    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # it has a line for each request that it cannot read
    asyncio.run(run())
    print(dict(sorted(answers.items(), key=str)))
    assert own_faults == 0, "they are printed above"
    assert None not in answers, "each is answered"
    assert {200, 401, 404, 422} <= answers.keys(), "some of it is valid"
    assert answers.get(200, 0) + answers.get(201, 0) > REQUESTS / 20
    with engine.database.read() as connection:
        for table in METADATA.sorted_tables:
            for row in connection.execute(select(table)):
                assert finite(tuple(row)), (table.name, row)
                json.dumps([value for value in row if isinstance(value, (dict, list))], allow_nan=False)
    assert engine.portfolio.reevaluate(dry_run=True).refused == ()
