"""The management API over real sockets on loopback: the reference's routes and names, one account never another's."""

import asyncio
import io
import json
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from chainbell.delivery import is_signed
from chainbell.engine import Engine
from chainbell.engine.http import create_app
from tests.contract.api_client import API, HOOK, Caller, served
from tests.e2e.receiver import Answer, receiving
from tests.e2e.receiver import status as answer_with
from tests.plans import MONDAY, line_plan, task_update


def test_a_webhook_s_life(engine: Engine) -> None:
    async def work(call: Caller, _other: Caller) -> None:
        status, made = await call("POST", f"{API}/webhooks", {**HOOK, "headers": {"X-Custom-Header": "value"}})
        assert (status, len(made["secret"]) >= 32, made["isActive"]) == (201, True, True)
        hook = f"{API}/webhooks/{made['id']}"
        _, listed = await call("GET", f"{API}/webhooks")
        assert list(listed["value"][0]) == [
            "id", "name", "url", "events", "isActive", "createdAt", "lastTriggered", "statistics"
        ]  # fmt: skip
        assert listed["value"][0]["statistics"] == {"totalCalls": 0, "successfulCalls": 0, "failedCalls": 0}
        status, changed = await call("PUT", hook, {"name": "Updated", "events": ["task.red"]})
        assert (status, changed["name"], changed["events"], changed["url"]) == (
            200,
            "Updated",
            ["task.red"],
            HOOK["url"],
        )
        assert "secret" not in changed
        assert (await call("PATCH", f"{hook}/pause"))[1]["isActive"] is False
        assert (await call("PATCH", f"{hook}/resume"))[1]["isActive"] is True
        assert (await call("DELETE", hook))[0] == 204
        assert (await call("GET", hook))[0] == 404
        status, given = await call("POST", f"{API}/webhooks", {**HOOK, "secret": "my own secret"})
        assert (status, "secret" in given) == (201, False)

    served(engine, work)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "ftp://example.com"}, "url"),
        ({"url": "https://user:pass@example.com/"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["task.blue"]}, "events[0]"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"secret": ""}, "secret"),
        ({"isActive": "maybe"}, "isActive"),
        ({"headers": {"Host": "evil"}}, "headers"),
        ({"headers": {"X-A": "a\r\nb"}}, "headers"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_registration_that_cannot_be_names_the_field(engine: Engine, change: dict[str, Any], field: str) -> None:
    async def work(call: Caller, _other: Caller) -> None:
        status, problem = await call("POST", f"{API}/webhooks", {**HOOK, **change})
        assert status == 422
        assert problem["field"].startswith(field)
        assert (await call("GET", f"{API}/webhooks"))[1] == {"value": []}

    served(engine, work)


def test_one_account_never_sees_another_s(engine: Engine) -> None:
    async def work(call: Caller, other: Caller) -> None:
        _, made = await call("POST", f"{API}/webhooks", HOOK)
        hook = f"{API}/webhooks/{made['id']}"
        await call("PUT", f"{API}/projects/1", line_plan())
        _, events = await call("GET", f"{API}/events")
        assert (await other("GET", f"{API}/webhooks"))[1] == {"value": []}
        for method, path, body in (
            ("GET", hook, None), ("PUT", hook, {"name": "x"}), ("DELETE", hook, None), ("PATCH", f"{hook}/pause", None),
            ("POST", f"{hook}/test", {"event": "task.red"}), ("GET", f"{hook}/logs", None),
            ("POST", f"{hook}/rotate-secret", None), ("POST", f"{hook}/recover", {"since": "2025-01-01T00:00:00Z"}),
            ("POST", f"{hook}/logs/log_x_1/resend", None), ("GET", f"{API}/events/{events['value'][0]['id']}", None),
        ):  # fmt: skip
            assert (await other(method, path, body))[0] == 404, path
        assert (await other("GET", f"{API}/events"))[1] == {"value": []}
        started = task_update(1, MONDAY.isoformat(), status="InProgress")
        assert (await other("GET", f"{API}/projects/1"))[0] == 404
        assert (await other("POST", f"{API}/changes", started))[1]["field"] == "projectId"
        theirs = {**started, "accountId": 7}
        assert (await other("POST", f"{API}/changes", theirs))[1]["field"] == "accountId"
        assert (await call("GET", hook))[0] == 200

    served(engine, work)


@pytest.mark.parametrize("authorization", [None, "Bearer nonsense", "Basic Og==", "Bearer ", "Bearer \udcff\udcfe"])
def test_nothing_is_told_without_a_token(engine: Engine, authorization: str | None) -> None:
    async def run() -> None:
        async with TestClient(TestServer(create_app(engine))) as client:
            headers = {} if authorization is None else {"Authorization": authorization}
            for path in (f"{API}/webhooks", f"{API}/events", "/nowhere"):
                response = await client.get(path, headers=headers)
                assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")
            for path in ("/healthz", "/readyz", "/metrics", "/openapi.json"):
                assert (await client.get(path)).status == 200

    asyncio.run(run())


def test_what_is_no_request_gets_a_problem_document(engine: Engine) -> None:
    async def work(call: Caller, _other: Caller) -> None:
        assert (await call("POST", f"{API}/webhooks", raw=b"{"))[0] == 422
        assert (await call("POST", f"{API}/webhooks", [1]))[1]["field"] == "body"
        assert (await call("DELETE", f"{API}/webhooks"))[0] == 405
        assert (await call("GET", f"{API}/nothing"))[0] == 404
        assert (await call("POST", f"{API}/changes", raw=io.BytesIO(b" " * (17 * 1024 * 1024))))[0] == 413
        _, made = await call("POST", f"{API}/webhooks", HOOK)
        for query in ("$top=-1", "$top=many", "$skip=1.5", "status=maybe", "colour=red", "event=task.red&event=a.b"):
            status, problem = await call("GET", f"{API}/webhooks/{made['id']}/logs?{query}")
            assert (status, problem["field"]) == (422, query.partition("=")[0])
        assert (await call("GET", f"{API}/webhooks?colour=red"))[1]["field"] == "colour"
        for query in ("top=1", "project_id=7"):  # a parameter has one name
            assert (await call("GET", f"{API}/events?{query}"))[0] == 422
        for path in ("events/%00", "webhooks/%00", "webhooks/%00/logs", f"webhooks/{made['id']}/logs/%00/resend"):
            method = "POST" if path.endswith("resend") else "GET"
            assert (await call(method, f"{API}/{path}"))[0] == 404, path

    served(engine, work)


def test_projects_changes_previews_and_events(engine: Engine) -> None:
    async def work(call: Caller, _other: Caller) -> None:
        status, loaded = await call("PUT", f"{API}/projects/1", line_plan(status="Planning"))
        assert (status, loaded["baseline"], loaded["events"]) == (200, 1, [])
        start = {"kind": "project.update", "projectId": 1, "status": "Active", "at": MONDAY.isoformat()}
        _, previewed = await call("POST", f"{API}/projects/1/preview", start)
        status, applied = await call("POST", f"{API}/changes", [start])
        assert (status, previewed) == (200, applied)
        assert applied["events"][0]["event"] == "project.started"
        _, one = await call("GET", f"{API}/events/{applied['events'][0]['id']}")
        assert one["why"]["previousStatus"] == "Planning"
        _, state = await call("GET", f"{API}/projects/1")
        assert (state["status"], state["zones"]["policy"], len(state["tasks"])) == ("Active", "static", 3)
        stale = {**start, "status": "Frozen", "at": "2025-03-01T09:00:00Z"}
        assert (await call("POST", f"{API}/changes", stale))[0] == 409
        _, found = await call("GET", f"{API}/events?event=task.ready&projectId=1")
        assert [event["taskId"] for event in found["value"]] == [1]

    served(engine, work)


def failing_first(count: int, code: int = 500) -> Answer:
    """Answers the first so many requests with this status, the rest with 200."""

    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        answer_with(code if number < count else 200)(handler, number)

    return answer


def test_a_test_event_is_delivered_at_once_and_logged(engine: Engine) -> None:
    async def work(call: Caller, _other: Caller) -> None:
        with receiving(failing_first(1)) as receiver:
            _, made = await call("POST", f"{API}/webhooks", {**HOOK, "url": receiver.url, "secret": "s3cret-of-ours"})
            hook = f"{API}/webhooks/{made['id']}"
            await call("PATCH", f"{hook}/pause")
            example = {"event": "task.red", "data": {"taskId": 123, "taskName": "Test Task", "bufferConsumption": 95}}
            _, failed = await call("POST", f"{hook}/test", example)
            assert (failed["status"], failed["httpStatus"], failed["retries"]) == ("failed", 500, 0)
            status, entry = await call("POST", f"{hook}/test", example)
            assert (status, entry["status"], entry["httpStatus"]) == (200, "success", 200)
            assert list(entry) == [
                "id", "webhookId", "event", "timestamp", "status", "httpStatus", "responseTime", "retries"
            ]  # fmt: skip
            got = receiver.requests[1]
            assert is_signed(got.headers, got.body, "s3cret-of-ours")
            assert json.loads(got.body)["data"] == example["data"]
            _, log = await call("GET", f"{hook}/logs?$top=1")
            assert log == {"value": [entry]}
            assert (await call("GET", f"{hook}/logs?status=failed"))[1] == {"value": [failed]}
            assert (await call("GET", f"{hook}/logs?event=project.started"))[1] == {"value": []}
            _, shown = await call("GET", hook)
            assert shown["statistics"] == {
                "totalCalls": 0,
                "successfulCalls": 0,
                "failedCalls": 0,
            }  # tests count nowhere
            assert (shown["lastTriggered"], shown["failingSince"]) == (None, None)
            assert (await call("POST", f"{hook}/test", {"event": "task.blue"}))[0] == 422
        assert await engine.dispatcher().drain() == 0  # a test is never retried

    served(engine, work)


def test_failed_deliveries_are_sent_again_one_by_one_or_since_an_instant(engine: Engine) -> None:
    async def work(call: Caller, _other: Caller) -> None:
        with receiving(failing_first(3, 400)) as receiver:
            _, made = await call("POST", f"{API}/webhooks", {**HOOK, "url": receiver.url, "events": ["task.ready"]})
            hook = f"{API}/webhooks/{made['id']}"
            for project in (1, 2, 3):
                await call("PUT", f"{API}/projects/{project}", line_plan(project_id=project))
            assert await engine.dispatcher().drain() == 3
            _, log = await call("GET", f"{hook}/logs")
            status, again = await call("POST", f"{hook}/logs/{log['value'][0]['id']}/resend")
            assert (status, again["status"]) == (202, "pending")
            assert (await call("POST", f"{hook}/logs/{log['value'][0]['id']}/resend"))[0] == 404  # it is pending now
            assert await engine.dispatcher().drain() == 1
            _, recovered = await call("POST", f"{hook}/recover", {"since": "2025-01-01T00:00:00Z"})
            assert recovered["recovered"] == 2
            assert (await call("POST", f"{hook}/recover", {"since": "2025-01-01T00:00:00Z"}))[1]["recovered"] == 0
            assert await engine.dispatcher().drain() == 2
            assert len({json.loads(got.body)["webhookId"] for got in receiver.requests}) == 3
            assert [json.loads(got.body)["metadata"]["retryCount"] for got in receiver.requests] == [0, 0, 0, 1, 1, 1]
            _, log = await call("GET", f"{hook}/logs?status=success")
            assert [entry["retries"] for entry in log["value"]] == [1, 1, 1]

    served(engine, work)


def test_both_secrets_sign_while_one_is_rotated_out(engine: Engine) -> None:
    async def work(call: Caller, _other: Caller) -> None:
        with receiving() as receiver:
            _, made = await call("POST", f"{API}/webhooks", {**HOOK, "url": receiver.url, "secret": "the old secret"})
            hook = f"{API}/webhooks/{made['id']}"
            _, rotated = await call("POST", f"{hook}/rotate-secret")
            assert (len(rotated["secret"]) >= 32, rotated["overlapHours"]) == (True, 24)
            await call("POST", f"{hook}/test", {"event": "task.red"})
            await call("POST", f"{hook}/rotate-secret", {"secret": "the newest secret", "overlapHours": 0})
            await call("POST", f"{hook}/test", {"event": "task.red"})
            both, one = receiver.requests
            assert is_signed(both.headers, both.body, "the old secret")
            assert is_signed(both.headers, both.body, rotated["secret"])
            assert both.headers["webhook-signature"].count("v1,") == 2
            assert is_signed(one.headers, one.body, "the newest secret")
            assert not is_signed(one.headers, one.body, rotated["secret"])

    served(engine, work)
