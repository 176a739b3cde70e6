"""The values of custom headers: sealed where they are kept, masked where they are read, true where they are sent."""

import asyncio
import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings
from chainbell.engine import Engine, InvalidInputError
from chainbell.storage import METADATA, Database, DeliveryState, KeyRing, generate_key
from chainbell.storage.metadata import PREFIX
from chainbell.storage.webhooks import MASK
from tests.contract.api_client import API, HOOK, Caller, served
from tests.e2e.commands import chainbell
from tests.e2e.receiver import Receiver, receiving
from tests.plans import MONDAY, line_plan

VALUE = "Bearer of-nobody-else"
HEADERS = {"Authorization": VALUE, "X-Team": "blue"}
LOOPBACK = DeliverySettings(guard=LOOPBACK_ALLOWED)


def everything(engine: Engine) -> str:
    with engine.database.read() as connection:
        return str([connection.execute(select(table)).all() for table in METADATA.tables.values()])


def sent(engine: Engine, webhook_id: str, receiver: Receiver) -> dict[str, str]:
    """The custom headers that arrive."""
    attempt = asyncio.run(engine.webhooks.test(7, webhook_id, "task.red"))
    assert attempt.succeeded, attempt
    return {name: value for name, value in receiver.requests[-1].headers.items() if name in HEADERS}


def test_values_are_sealed_masked_and_sent_as_they_are(engine: Engine) -> None:
    with receiving() as receiver:
        webhook, _ = engine.webhooks.add(7, receiver.url, headers=HEADERS)
        assert engine.webhooks.get(7, webhook.id).headers == {"Authorization": MASK, "X-Team": MASK}
        assert VALUE not in everything(engine)
        assert VALUE not in str(engine.webhooks.list(7))
        assert sent(engine, webhook.id, receiver) == HEADERS


@pytest.mark.parametrize("act", ["add", "update", "rotate"])
def test_what_is_no_text_cannot_be_sealed(engine: Engine, act: str) -> None:
    """Half a surrogate pair, as JSON can write it, was an error of the server's own."""
    webhook, _ = engine.webhooks.add(7, "http://127.0.0.1:9/")
    call = partial(getattr(engine.webhooks, act), 7, webhook.url if act == "add" else webhook.id)
    odd: dict[str, dict[str, Any]] = {
        "headers.X-A": {"headers": {"X-A": "\ud800"}},
        "secret": {"secret": "\ud800" * 20},
    }
    for field, given in odd.items():
        if act != "rotate" or field == "secret":
            with pytest.raises(InvalidInputError) as refused:
                call(**given)
            assert refused.value.field == field
    assert engine.webhooks.list(7) == [webhook]


def test_what_is_read_can_be_written_back_and_changes_nothing(engine: Engine) -> None:
    async def work(mine: Caller, _other: Caller) -> None:
        status, made = await mine("POST", f"{API}/webhooks", {**HOOK, "headers": HEADERS})
        assert (status, made["headers"]) == (201, {"Authorization": MASK, "X-Team": MASK})
        one = f"{API}/webhooks/{made['id']}"
        _, read = await mine("GET", one)
        before = engine.webhooks.get(7, made["id"])
        await mine("PUT", one, {"headers": read["headers"]})
        assert engine.webhooks.get(7, made["id"]) == before
        _, changed = await mine("PUT", one, {"headers": {"authorization": MASK, "X-Other": "new"}})
        assert changed["headers"] == {"authorization": MASK, "X-Other": MASK}
        kept = engine.webhooks.get(7, made["id"]).sealed_headers
        opened = {name: engine.core.keys.open(value) for name, value in kept.items()}
        assert opened == {"authorization": VALUE, "X-Other": "new"}
        for wrong in ({"X-New": MASK}, {"X-Other": MASK + "x"}, {"X-Other": MASK[:-1]}):
            status, problem = await mine("PUT", one, {"headers": wrong})
            assert (status, problem["field"]) == (422, f"headers.{next(iter(wrong))}")
        status, problem = await mine("POST", f"{API}/webhooks", {**HOOK, "headers": {"X-A": MASK}})
        assert (status, problem["field"]) == (422, "headers.X-A")

    served(engine, work)


def test_values_from_before_are_sealed_by_the_first_engine_that_opens_the_database(database_url: str) -> None:
    key, database = generate_key(), Database(database_url)
    database.upgrade("0006")
    with receiving() as receiver:
        row: dict[str, Any] = {
            "id": "wh_1",
            "account_id": "7",
            "name": "Old",
            "url": receiver.url,
            "events": '["task.red"]',
        }
        row |= {"secret": KeyRing([key]).seal("a secret of old"), "headers": json.dumps(HEADERS)}
        row |= {"body_format": "compact", "created_at": datetime(2025, 3, 3, tzinfo=UTC)}
        row |= {"total_calls": 0, "successful_calls": 0, "failed_calls": 0, "is_active": True}
        names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
        with database.write() as connection:
            connection.execute(text(f"INSERT INTO {PREFIX}webhook ({names}) VALUES ({values})"), row)  # noqa: S608
        database.upgrade()
        database.close()
        with Engine(database_url, keys=[key], delivery=LOOPBACK) as engine:
            assert VALUE not in everything(engine)
            assert engine.webhooks.get(7, "wh_1").headers == {"Authorization": MASK, "X-Team": MASK}
            assert sent(engine, "wh_1", receiver) == HEADERS


def test_sealing_again_leaves_no_value_that_only_an_old_key_opens(database_url: str) -> None:
    old, new = generate_key(), generate_key()
    with Engine(database_url, keys=[old]) as engine:
        webhook, _ = engine.webhooks.add(7, "https://example.com/h", headers=HEADERS)
    with Engine(database_url, keys=[new, old]) as engine:
        assert engine.portfolio.seal_again() == 1
    with Engine(database_url, keys=[new]) as engine:
        sealed = engine.webhooks.get(7, webhook.id).sealed_headers
        assert {name: engine.core.keys.open(value) for name, value in sealed.items()} == HEADERS


def test_a_value_that_no_key_opens_is_no_blame_of_the_endpoint(database_url: str) -> None:
    first, second = generate_key(), generate_key()
    with receiving() as receiver:
        with Engine(database_url, keys=[first], delivery=LOOPBACK) as engine:
            webhook, _ = engine.webhooks.add(7, receiver.url)
            lost, _ = engine.webhooks.add(7, receiver.url)
        with Engine(database_url, keys=[second, first], delivery=LOOPBACK) as engine:
            engine.webhooks.update(7, lost.id, headers=HEADERS)
        with Engine(database_url, keys=[first], delivery=LOOPBACK) as engine:
            attempt = asyncio.run(engine.webhooks.test(7, lost.id, "task.red"))
            assert (attempt.outcome, receiver.requests) == ("not_sent", [])
            found = engine.webhooks.get(7, lost.id)
            assert (found.total_calls, found.failed_calls, found.failing_since) == (0, 0, None)
            assert asyncio.run(engine.webhooks.test(7, webhook.id, "task.red")).succeeded


def test_a_database_with_sealed_headers_asks_for_its_key(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'chainbell.db'}"
    with Engine(url) as engine:
        engine.webhooks.add(7, "https://example.com/h", headers=HEADERS)
    (tmp_path / "chainbell.db.key").unlink()
    with pytest.raises(InvalidInputError, match=r"chainbell\.db\.key is missing"):
        Engine(url)


def test_neither_the_command_line_nor_the_log_shows_a_value(tmp_path: Path) -> None:
    database = tmp_path / "chainbell.db"
    header = ("--header", f"Authorization: {VALUE}")
    made = chainbell("webhooks", "add", "https://example.com/h", "--account", "7", *header, database=database)
    listed = chainbell("webhooks", "list", "--json", "--log-level", "debug", database=database)
    trail = chainbell("audit", "--json", database=database)
    shown = [made.stdout, made.stderr, listed.stdout, listed.stderr, trail.stdout, trail.stderr]
    assert (made.returncode, listed.returncode, VALUE in "".join(shown)) == (0, 0, False)


def test_a_pending_delivery_waits_for_the_key_of_its_header(database_url: str) -> None:
    """It spends no try: the delivery stays pending, and goes out once the key is there."""
    first, second = generate_key(), generate_key()
    with receiving() as receiver:
        with Engine(database_url, keys=[first], delivery=LOOPBACK) as engine:
            webhook, _ = engine.webhooks.add(7, receiver.url, events=["project.started"])
            engine.load(line_plan(status="Planning"), at=MONDAY)
            engine.apply({"kind": "project.update", "projectId": 1, "status": "Active", "at": MONDAY.isoformat()})
        with Engine(database_url, keys=[second, first], delivery=LOOPBACK) as engine:
            engine.webhooks.update(7, webhook.id, headers=HEADERS)

        async def drain(engine: Engine) -> None:
            await engine.dispatcher().drain()

        with Engine(database_url, keys=[first], delivery=LOOPBACK) as engine:
            asyncio.run(drain(engine))
            assert engine.webhooks.backlog(7, webhook.id)[DeliveryState.PENDING] == 1
        assert receiver.requests == []
