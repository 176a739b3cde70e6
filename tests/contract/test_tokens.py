"""Tokens: what each may do, until when, and when it was used last."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer

from chainbell.engine import Engine, InvalidInputError
from chainbell.engine.http import create_app
from chainbell.engine.http.openapi import ROUTES
from chainbell.storage import generate_key
from tests.contract.api_client import API, Caller
from tests.plans import line_plan

NOW = datetime(2025, 3, 3, 9, tzinfo=UTC)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def test_a_token_may_do_what_its_scopes_say_and_nothing_else(engine: Engine) -> None:
    engine.load(line_plan(account=7), at=NOW)
    paths = {"webhookId": "wh_none", "logId": "log_a_1", "projectId": "1", "eventId": "none"}

    async def run() -> None:
        async with TestClient(TestServer(create_app(engine))) as client:
            for scope in ("read", "report", "webhooks"):
                limited = Caller(client, engine.tokens.add(7, scopes=[scope]))
                for route in ROUTES:
                    if route.scope is not None:
                        status, _ = await limited(route.method.upper(), route.path.format(**paths), {})
                        assert (status == 403) is (route.scope != scope), (scope, route.operation)
            everything = Caller(client, engine.tokens.add(7))
            assert (await everything("GET", f"{API}/webhooks"))[0] == 200
            status, problem = await Caller(client, engine.tokens.add(7, scopes=["read"]))("GET", f"{API}/webhooks")
            assert (status, problem["detail"]) == (403, "the token needs the scope 'webhooks'")

    asyncio.run(run())


def test_a_token_expires(database_url: str) -> None:
    clock = Clock()
    with Engine(database_url, keys=[generate_key()], clock=clock) as engine:
        token = engine.tokens.add(7, expires_at=NOW + timedelta(days=1))
        assert engine.tokens.account_of(token) == 7
        clock.now += timedelta(days=1)
        assert engine.tokens.account_of(token) is None
        with pytest.raises(InvalidInputError, match="expiresAt"):
            engine.tokens.add(7, expires_at=NOW)


def test_tokens_are_listed_with_their_last_use_and_never_themselves(database_url: str) -> None:
    clock = Clock()
    with Engine(database_url, keys=[generate_key()], clock=clock) as engine:
        token = engine.tokens.add(7, "backend", scopes=["report", "read"])
        engine.tokens.add(8)

        async def run() -> None:
            async with TestClient(TestServer(create_app(engine))) as client:
                assert (await Caller(client, token)("GET", f"{API}/events"))[0] == 200
                while engine.tokens.list(7)[0].last_used_at is None:
                    await asyncio.sleep(0.01)

        asyncio.run(run())
        (kept,) = engine.tokens.list(7)
        assert (kept.name, kept.scopes, kept.last_used_at) == ("backend", ("report", "read"), NOW)
        assert token not in repr(kept)
        clock.now += timedelta(minutes=9)
        assert not engine.tokens.is_to_mark(token, kept)  # not so soon again
        clock.now += timedelta(minutes=2)
        assert engine.tokens.is_to_mark(token, kept)
        assert not engine.tokens.is_to_mark(token, kept)  # even if it was not written


@pytest.mark.parametrize(("scopes", "name"), [([], "a"), (["write"], "a"), (["read"], ""), (["read"], "a" * 201)])
def test_a_token_that_cannot_be_is_refused(sqlite_engine: Engine, scopes: list[str], name: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        sqlite_engine.tokens.add(7, name, scopes=scopes)  # type: ignore[arg-type]
    assert refused.value.field in ("scopes", "name")
    assert sqlite_engine.tokens.list(7) == []
