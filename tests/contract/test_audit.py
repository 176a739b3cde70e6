"""The audit trail: who did what, when, in the transaction of the act itself."""

import asyncio
import getpass
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from chainbell.engine import Actor, Engine, InvalidInputError, NotFoundError, Retention
from chainbell.engine.errors import ChainbellError
from chainbell.storage.metadata import PREFIX
from tests.contract.api_client import API, HOOK, Caller, served
from tests.e2e.commands import chainbell
from tests.plans import MONDAY, line_plan

URL = "http://127.0.0.1:9/hook"
ANA = Actor("ana")


def told(engine: Engine, **filters: Any) -> list[tuple[str, str, str]]:
    """Actor, action and subject of the lines, oldest first."""
    return [(line.actor, line.action, line.subject) for line in reversed(engine.audit(**filters))]


def test_every_act_has_a_line_that_says_who_and_what(engine: Engine) -> None:
    view = engine.for_account(7, actor=ANA)
    engine.load(line_plan(status="Planning"), at=MONDAY)
    webhook, secret = view.webhooks.add(URL, name="Ours", headers={"Authorization": "Bearer 123"})
    view.webhooks.update(webhook.id, url=URL + "?key=hidden", secret="another secret of ours", is_active=True)
    view.webhooks.pause(webhook.id)
    view.webhooks.pause(webhook.id)  # changes nothing
    view.webhooks.resume(webhook.id)
    view.webhooks.rotate(webhook.id)
    engine.apply({"kind": "project.update", "projectId": 1, "status": "Active", "at": MONDAY.isoformat()})
    with engine.database.write() as connection:
        connection.execute(text(f"UPDATE {PREFIX}delivery SET state = 'failed'"))  # noqa: S608
    assert view.webhooks.recover(webhook.id, datetime(2020, 1, 1, tzinfo=UTC)) == 3
    engine.tokens.add(7, "backend", scopes=["read"], actor=ANA)
    engine.tokens.revoke(7, "backend", actor=ANA)
    engine.portfolio.seal_again(actor=ANA)
    view.webhooks.delete(webhook.id)
    acts = ["registered", "changed", "paused", "resumed", "rotated", "recovered"]
    assert told(engine) == [
        *(("ana", f"webhook.{act}", webhook.id) for act in acts),
        ("ana", "token.created", "backend"),
        ("ana", "token.revoked", "backend"),
        ("ana", "keys.rotated", "keys"),
        ("ana", "webhook.deleted", webhook.id),
    ]
    details = {line.action: dict(line.details) for line in engine.audit()}
    assert details["webhook.changed"] == {"fields": ["url", "secret"]}
    assert details["webhook.recovered"] == {"since": "2020-01-01T00:00:00+00:00", "deliveries": 3}
    assert details["keys.rotated"] == {"webhooks": 1}
    assert details["token.created"] == {"scopes": ["read"]}
    everything = str(engine.audit())
    assert not [one for one in (secret, "123", "hidden", "another") if one in everything]


def test_an_act_that_is_refused_or_undone_leaves_no_line(engine: Engine) -> None:
    webhook, _ = engine.webhooks.add(7, URL)
    before = engine.audit()
    with pytest.raises(InvalidInputError):
        engine.webhooks.update(7, webhook.id, events=["nothing"])
    with pytest.raises(NotFoundError):
        engine.webhooks.delete(8, webhook.id)
    with pytest.raises(NotFoundError):
        engine.webhooks.resend(7, webhook.id, "wh_unknown")
    assert engine.audit() == before


def test_an_act_whose_line_cannot_be_written_is_not_done(engine: Engine) -> None:
    webhook, _ = engine.webhooks.add(7, URL)
    with engine.database.write() as connection:
        connection.execute(text(f"DROP TABLE {PREFIX}audit"))
    for act in (
        lambda: engine.webhooks.add(7, URL),
        lambda: engine.webhooks.pause(7, webhook.id),
        lambda: engine.webhooks.rotate(7, webhook.id),
        lambda: engine.webhooks.delete(7, webhook.id),
        lambda: engine.tokens.add(7),
        lambda: engine.portfolio.erase_account(7),
    ):
        with pytest.raises(ChainbellError):
            act()
    assert engine.webhooks.list(7) == [webhook]
    assert engine.tokens.list(7) == []


def test_the_api_names_the_token_and_shows_the_trail_by_pages(engine: Engine) -> None:
    async def work(mine: Caller, other: Caller) -> None:
        made = [(await mine("POST", f"{API}/webhooks", {**HOOK, "name": f"n{n}"}))[1]["id"] for n in range(5)]
        await mine("PATCH", f"{API}/webhooks/{made[0]}/pause")
        await other("POST", f"{API}/webhooks", HOOK)
        status, page = await mine("GET", f"{API}/audit?$top=4")
        assert status == 200
        first = page["value"][0]
        assert (first["actor"], first["via"], first["action"], first["subject"]) == (
            "token",
            "api",
            "webhook.paused",
            made[0],
        )
        seen = [*page["value"]]
        while page["next"] is not None:
            await mine("PATCH", f"{API}/webhooks/{made[1]}/pause")  # what comes meanwhile moves no page
            _, page = await mine("GET", f"{API}/audit?$top=4&before={page['next']}")
            seen += page["value"]
        assert [line["subject"] for line in seen] == [made[0], *reversed(made), "token"]
        assert len((await mine("GET", f"{API}/audit?action=webhook.registered"))[1]["value"]) == 5
        assert len((await mine("GET", f"{API}/audit?subject={made[0]}"))[1]["value"]) == 2
        soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+", "%2B")
        assert (await mine("GET", f"{API}/audit?since={soon}"))[1] == {"value": [], "next": None}
        for wrong in ("before=-1", "before=x", "before=9007199254740992", "since=2025", "action=x", "$top=1001"):
            status, problem = await mine("GET", f"{API}/audit?{wrong}")
            assert (status, problem["field"]) == (422, wrong.partition("=")[0])
        reader = Caller(mine.client, engine.tokens.add(7, "reader", scopes=["read"]))
        assert (await reader("GET", f"{API}/audit"))[0] == 403

    served(engine, work)


def test_a_key_beyond_all_lines_finds_them_all(engine: Engine) -> None:
    """Beyond all that the column holds, too: on PostgreSQL that was an error of the server's own."""

    async def work(mine: Caller, _other: Caller) -> None:
        await mine("POST", f"{API}/webhooks", HOOK)
        _, whole = await mine("GET", f"{API}/audit")
        assert len(whole["value"]) == 2
        for beyond in (2**31 - 1, 2**31, 2**53 - 1):
            assert await mine("GET", f"{API}/audit?before={beyond}") == (200, whole)

    served(engine, work)


def test_a_deleted_webhook_keeps_its_log_until_the_retention(engine: Engine) -> None:
    webhook, _ = engine.webhooks.add(7, URL, is_active=False)
    engine.load(line_plan(), at=MONDAY)
    asyncio.run(engine.webhooks.test(7, webhook.id, "task.red"))
    (attempt,) = engine.webhooks.log(7, webhook.id)
    engine.webhooks.delete(7, webhook.id)
    assert engine.webhooks.list(7) == []
    for gone in (engine.webhooks.get, engine.webhooks.pause, engine.webhooks.delete, engine.webhooks.backlog):
        with pytest.raises(NotFoundError):
            gone(7, webhook.id)
    assert engine.webhooks.log(7, webhook.id) == [attempt]
    with pytest.raises(NotFoundError):
        engine.webhooks.log(8, webhook.id)

    async def work(mine: Caller, _other: Caller) -> None:
        status, log = await mine("GET", f"{API}/webhooks/{webhook.id}/logs")
        assert (status, len(log["value"])) == (200, 1)

    served(engine, work)
    with engine.database.read() as connection:
        rows = connection.execute(text(f"SELECT * FROM {PREFIX}webhook")).mappings().all()  # noqa: S608
        states = connection.scalars(text(f"SELECT DISTINCT state FROM {PREFIX}delivery")).all()  # noqa: S608
    assert (rows[0]["secret"], rows[0]["previous_secret"]) == ("", None)
    assert set(states) <= {"failed", "expired"}
    engine.portfolio.retain()
    assert engine.webhooks.log(7, webhook.id) == [attempt]
    engine.portfolio.retain(Retention(attempts=timedelta(microseconds=1), deliveries=timedelta(microseconds=1)))
    with pytest.raises(NotFoundError):
        engine.webhooks.log(7, webhook.id)
    assert [line.action for line in engine.audit(subject=webhook.id)] == ["webhook.deleted", "webhook.registered"]
    engine.portfolio.retain(Retention(audit=timedelta(microseconds=1)))
    assert engine.audit() == []


def test_nothing_is_sent_to_a_deleted_webhook(engine: Engine) -> None:
    webhook, _ = engine.webhooks.add(7, URL)
    engine.load({**line_plan(status="Planning")}, at=MONDAY)
    engine.apply({"kind": "project.update", "projectId": 1, "status": "Active", "at": MONDAY.isoformat()})
    engine.webhooks.delete(7, webhook.id)
    engine.apply({"kind": "project.update", "projectId": 1, "status": "Frozen", "at": MONDAY.isoformat()})
    with engine.database.read() as connection:
        states = connection.scalars(text(f"SELECT state FROM {PREFIX}delivery")).all()  # noqa: S608
    assert set(states) == {"expired"}

    async def drain() -> int:
        return await engine.dispatcher().drain()

    assert asyncio.run(drain()) == 0


def test_erasing_takes_names_and_leaves_one_line(engine: Engine) -> None:
    plan = line_plan()
    plan["project"]["manager"] = {"id": 5, "name": "Ana Gómez", "email": "ana@example.com"}
    engine.load(plan, at=MONDAY)
    engine.tokens.add(7, "Ana Gómez' laptop", actor=Actor("ana gómez"))
    engine.webhooks.add(7, URL, name="For Ana Gómez", actor=Actor("ana gómez"))
    engine.portfolio.erase_person(7, 5, actor=Actor("operator"))
    trail = json.dumps([(line.actor, line.subject, line.details) for line in engine.audit()], ensure_ascii=False)
    assert "gómez" not in trail.lower()
    assert told(engine)[-1] == ("operator", "person.erased", "5")
    engine.tokens.add(8)
    engine.portfolio.erase_account(7, actor=Actor("operator"))
    assert told(engine, account=7) == [("operator", "account.erased", "7")]
    assert told(engine, account=8) == [("library", "token.created", "token")]


def test_the_command_line_names_the_user(tmp_path: Path) -> None:
    database = tmp_path / "chainbell.db"
    made = chainbell("webhooks", "add", "https://example.com/h", "--account", "7", "--json", database=database)
    webhook = json.loads(made.stdout)["id"]
    assert chainbell("webhooks", "delete", webhook, database=database).returncode == 0
    shown = chainbell("audit", "--account", "7", "--json", database=database)
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [line["action"] for line in lines] == ["webhook.deleted", "webhook.registered"]
    assert {line["via"] for line in lines} == {"cli"}
    assert {line["actor"] for line in lines} <= {getpass.getuser(), f"user {os.getuid()}"}
    assert webhook in chainbell("audit", "--limit", "1", database=database).stdout
