"""The service around the API: its OpenAPI document, metrics, readiness, and mounting it in a host."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from chainbell.engine import Engine
from chainbell.engine.http import create_app
from chainbell.engine.http.docs import FILES
from chainbell.storage import generate_key
from tests.contract.api_client import API, HOOK, Caller, served
from tests.e2e.receiver import receiving
from tests.plans import MONDAY, line_plan


def test_the_openapi_document_names_every_route_and_every_event(engine: Engine) -> None:
    async def run() -> None:
        app = create_app(engine)
        async with TestClient(TestServer(app)) as client:
            document = await (await client.get("/openapi.json")).json()
        served_routes = {
            (route.method.lower(), route.resource.canonical)
            for route in app.router.routes()
            if route.resource is not None and route.method != "HEAD"
        } - {("get", path) for path in ("/openapi.json", *FILES)}
        assert {(method, path) for path, item in document["paths"].items() for method in item} == served_routes
        assert list(document["webhooks"]) == [rule.event for rule in engine.core.rules]
        red = document["webhooks"]["task.red"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert "bufferConsumption" in red["properties"]["data"]["properties"]
        text = json.dumps(document)
        for name in set(re.findall(r"#/components/schemas/(\w+)", text)):
            assert name in document["components"]["schemas"], name

    asyncio.run(run())


def test_the_metrics_count_what_happened(engine: Engine) -> None:
    async def work(call: Caller, _other: Caller) -> None:
        with receiving() as receiver:
            events = {"events": ["task.ready"]}
            _, made = await call("POST", f"{API}/webhooks", {**HOOK, **events, "url": receiver.url})
            _, failing = await call("POST", f"{API}/webhooks", {**HOOK, **events, "url": "http://127.0.0.1:1/"})
            await call("PUT", f"{API}/projects/1", line_plan())
            assert await engine.dispatcher().drain() == 2
            async with call.client.get("/metrics") as response:
                text = await response.text()
        assert 'chainbell_events_total{event="task.ready"} 1.0' in text
        assert 'chainbell_attempts_total{outcome="2xx",state="delivered"} 1.0' in text
        assert 'chainbell_attempts_total{outcome="connection_failure",state="pending"} 1.0' in text
        assert 'chainbell_webhooks{state="active"} 1.0' in text
        assert 'chainbell_webhooks{state="failing"} 1.0' in text
        assert f'chainbell_webhook_failing_seconds{{state="active",webhook="{failing["id"]}"}}' in text
        assert made["id"] not in text  # an endpoint in good order has no labels of its own
        assert "chainbell_attempts_in_flight 0.0" in text
        assert 'chainbell_projects{status="active"} 1.0' in text

    served(engine, work)


def test_readiness_ends_when_deliveries_do_not_move(engine: Engine, database_url: str) -> None:
    later = Engine(database_url, keys=[generate_key()], clock=lambda: datetime.now(UTC) + timedelta(minutes=10))
    engine.webhooks.add(7, HOOK["url"])
    engine.load(line_plan(), at=MONDAY)

    async def ready(of: Engine) -> int:
        async with TestClient(TestServer(create_app(of))) as client:
            return (await client.get("/readyz")).status

    assert asyncio.run(ready(engine)) == 200
    assert asyncio.run(ready(later)) == 503
    later.close()


def test_it_may_be_mounted_in_a_host_s_application(engine: Engine) -> None:
    async def run() -> None:
        host = web.Application()
        host.add_subapp("/ccpm", create_app(engine))
        headers = {"Authorization": f"Bearer {engine.tokens.add(7)}"}
        async with TestClient(TestServer(host)) as client:
            assert (await client.get("/ccpm/healthz")).status == 200
            assert (await client.get(f"/ccpm{API}/webhooks")).status == 401
            made = await client.post(f"/ccpm{API}/webhooks", json=HOOK, headers=headers)
            assert made.status == 201
            assert (await client.get(made.headers["Location"], headers=headers)).status == 200

    asyncio.run(run())


def test_the_metrics_are_asked_of_the_database_once_in_a_while(engine: Engine) -> None:
    async def work(call: Caller, _other: Caller) -> None:
        async def told() -> str:
            async with call.client.get("/metrics") as response:
                return await response.text()

        first = await told()
        await call("PUT", f"{API}/projects/1", line_plan())
        assert await told() == first

    served(engine, work)


def test_a_plan_over_http_is_bounded_by_a_setting(engine: Engine) -> None:
    async def run() -> None:
        async with TestClient(TestServer(create_app(engine, largest_plan=2))) as client:
            call = Caller(client, engine.tokens.add(7))
            plan = line_plan()
            for status, problem in (
                await call("PUT", f"{API}/projects/1", plan),
                await call("POST", f"{API}/changes", [{"kind": "plan", "plan": plan}]),
                await call("POST", f"{API}/projects/1/preview", {"kind": "plan", "plan": plan}),
            ):
                assert (status, problem["field"], problem["reason"]) == (
                    422,
                    "tasks",
                    "are 3; over HTTP a plan has at most 2",
                )
            assert (await call("GET", f"{API}/projects/1"))[0] == 404

    asyncio.run(run())
