"""Who asks too often is told when to come again, and keeps nobody else; each request has a line and a trace."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from chainbell.engine import Engine
from chainbell.engine.http import Limits, create_app
from tests.contract.api_client import API, Client
from tests.plans import MONDAY, line_plan

TRACE = "0af7651916cd43dd8448eb211c80319c"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def get(client: Client, token: str, path: str = "/events") -> tuple[int, dict[str, str]]:
    async with client.get(API + path, headers=bearer(token)) as answer:
        await answer.read()
        return answer.status, dict(answer.headers)


def served(engine: Engine, limits: Limits, work: Callable[[Client], Awaitable[None]]) -> None:
    async def run() -> None:
        async with TestClient(TestServer(create_app(engine, limits=limits))) as client:
            await work(client)

    asyncio.run(run())


def test_one_token_s_flood_is_told_to_wait_and_slows_no_other(engine: Engine) -> None:
    flood, other = engine.tokens.add(7, "flood"), engine.tokens.add(7, "other")

    async def work(client: Client) -> None:
        found = [await get(client, flood) for _ in range(12)]
        assert [status for status, _ in found] == [200] * 10 + [429] * 2
        assert int(found[-1][1]["Retry-After"]) >= 1
        assert found[-1][1]["Content-Type"].startswith("application/problem+json")
        assert [(await get(client, other))[0] for _ in range(10)] == [200] * 10

    served(engine, Limits(requests_per_second=0.01, burst=10), work)


def test_tokens_that_are_not_known_are_limited_by_address_and_lock_out_nobody_who_is(engine: Engine) -> None:
    known, new = engine.tokens.add(7, "known"), engine.tokens.add(7, "new")

    async def work(client: Client) -> None:
        assert (await get(client, known))[0] == 200
        found = [await get(client, f"guess-{number}") for number in range(7)]
        assert [status for status, _ in found] == [401] * 5 + [429] * 2
        assert int(found[-1][1]["Retry-After"]) >= 1
        assert (await get(client, known))[0] == 200  # from the same address, behind the same proxy
        assert (await get(client, new))[0] == 429
        engine.tokens.revoke(7, "known")
        assert (await get(client, known))[0] == 401

    served(engine, Limits(failures_per_second=0.01, failure_burst=5), work)


def test_each_request_has_a_line_and_its_trace_stands_in_every_line_that_it_causes(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    token = engine.tokens.add(7, "portfolio board")
    logger = logging.getLogger("chainbell")
    kept = logger.handlers, logger.propagate, logger.level
    logger.handlers, logger.propagate = [logging.NullHandler()], True

    async def work(client: Client) -> None:
        parent = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        async with client.put(f"{API}/projects/1", json=line_plan(), headers=bearer(token) | parent) as answer:
            assert answer.status == 200
            assert answer.headers["traceparent"].startswith(f"00-{TRACE}-")
        async with client.get(f"{API}/projects/1?secret=s3cret", headers=bearer(token)) as refused:
            assert refused.status == 422
            version, trace, _, _ = refused.headers["traceparent"].split("-")
            assert (version, len(trace), trace != TRACE) == ("00", 32, True)

    try:
        with caplog.at_level(logging.INFO, "chainbell"):
            served(engine, Limits(), work)
    finally:
        logger.handlers, logger.propagate = kept[:2]
        logger.setLevel(kept[2])
    lines = [vars(record) for record in caplog.records if record.name == "chainbell"]
    of_trace = [line["msg"] for line in lines if line.get("trace_id") == TRACE]
    assert set(of_trace[:-1]) == {"chainbell.event_fired"}  # from a thread
    assert of_trace[-1] == "chainbell.request"
    put, read = (line for line in lines if line["msg"] == "chainbell.request")
    told = ("method", "route", "status", "account_id", "token_name")
    assert [put[name] for name in told] == ["PUT", f"{API}/projects/{{projectId}}", 200, 7, "portfolio board"]
    assert [read[name] for name in told][:3] == ["GET", f"{API}/projects/{{projectId}}", 422]
    assert put["duration_ms"] > 0
    assert token not in caplog.text
    assert "s3cret" not in str(lines)


def test_the_metrics_tell_of_requests_changes_and_reevaluations(engine: Engine) -> None:
    token = engine.tokens.add(7)
    engine.load(line_plan(account=7), at=MONDAY)
    engine.reevaluate()

    async def work(client: Client) -> None:
        await get(client, token, "/projects/1")
        await get(client, token, "/projects/2")
        await get(client, token, "/nowhere")
        texts = await asyncio.gather(*(told(client) for _ in range(200)))  # all of them by one task, in one thread
        assert len(set(texts)) == 1
        lines = texts[0].splitlines()
        route = 'method="GET",route="/api/v1/projects/{projectId}"'
        assert f'chainbell_http_requests_total{{{route},status="200"}} 1.0' in lines
        assert f'chainbell_http_requests_total{{{route},status="404"}} 1.0' in lines
        assert 'chainbell_http_requests_total{method="GET",route="unknown",status="404"} 1.0' in lines
        assert f"chainbell_http_request_seconds_count{{{route}}} 2.0" in lines
        assert "chainbell_apply_seconds_count 1.0" in lines
        assert "chainbell_reevaluation_succeeded 1.0" in lines
        assert any(line.startswith("chainbell_reevaluation_timestamp_seconds 1.") for line in lines)
        built = next(line for line in lines if line.startswith("chainbell_build_info{"))
        assert f'revision="{engine.database.revision()}"' in built
        assert any(line.startswith("process_open_fds ") for line in lines)

    async def told(client: Client) -> str:
        async with client.get("/metrics") as answer:
            return await answer.text()

    served(engine, Limits(), work)


def test_a_body_that_does_not_come_is_answered_408(engine: Engine) -> None:
    token = engine.tokens.add(7)

    async def work(client: Client) -> None:
        async def never() -> Any:
            yield b"["
            await asyncio.Event().wait()

        async with client.post(f"{API}/changes", data=never(), headers=bearer(token)) as answer:
            assert answer.status == 408

    served(engine, Limits(body_seconds=0.2), work)
