"""`sqlite://`: one connection, which threads use in turn."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiohttp.test_utils import TestClient, TestServer

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings
from chainbell.engine import Engine
from chainbell.engine.http import create_app
from chainbell.engine.running.dispatching import run_dispatcher
from tests.contract.api_client import API, Caller
from tests.e2e.receiver import receiving
from tests.e2e.waiting import until
from tests.hosts import report
from tests.plans import MONDAY, line_plan

THREADS, REPORTS = 8, 12
URLS = ["sqlite://", "sqlite:///:memory:", "sqlite:///file:shared?mode=memory&cache=shared&uri=true"]


@pytest.mark.parametrize("url", URLS)
def test_threads_take_turns(url: str) -> None:
    with Engine(url) as engine:

        def work(project: int) -> None:
            engine.load(line_plan(project_id=project), at=MONDAY)
            for number in range(1, REPORTS + 1):
                engine.apply(report(number, project))
                assert engine.status(project).tasks[0].remaining_duration == number

        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(work, range(THREADS)))
        for project in range(THREADS):
            names = [event.name for event in engine.events(project)]
            assert names.count("task.duration_changed") == REPORTS, "each report fired once"


def test_the_api_and_a_dispatcher_share_it() -> None:
    settings = DeliverySettings(guard=LOOPBACK_ALLOWED)

    async def run(engine: Engine, url: str) -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(run_dispatcher(engine, engine.dispatcher(), stop))
        engine.webhooks.add(7, url, events=["task.ready"])
        async with TestClient(TestServer(create_app(engine))) as client:
            call = Caller(client, engine.tokens.add(7))
            plans = (call("PUT", f"{API}/projects/{n}", line_plan(project_id=n)) for n in range(THREADS))
            assert {status for status, _ in await asyncio.gather(*plans)} == {200}
        await asyncio.to_thread(until, lambda: len(receiver.requests) == THREADS)
        stop.set()
        await running

    with Engine("sqlite://", delivery=settings) as engine, receiving() as receiver:
        asyncio.run(run(engine, receiver.url))
