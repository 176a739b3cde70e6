"""Deliveries to many webhooks: promised in the event's transaction, written out in portions, exactly those."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from chainbell.delivery import compose, fanning_out, message_id
from chainbell.delivery.ledger import Ledger, Wanted
from chainbell.engine import Engine
from chainbell.engine.changes import unit_of_work
from chainbell.storage import NewDelivery, events, fanouts, outbox, subscriptions
from chainbell.storage.tables import DeliveryRow, table
from tests.plans import line_plan, task_update

DELIVERIES = table(DeliveryRow)
FIRST = "2025-03-04T09:00:00Z"


class CutOffError(Exception):
    """A transaction ends in the middle."""


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a handful of webhooks passes."""
    monkeypatch.setattr(unit_of_work, "MOST_AT_ONCE", 3)
    monkeypatch.setattr(fanning_out, "PORTION", 2)


def kept(engine: Engine) -> dict[str, tuple[str, str, bytes]]:
    """What is in the outbox: by id, the webhook, the event and the body."""
    with engine.database.read() as connection:
        columns = (DELIVERIES.c[name] for name in ("id", "webhook_id", "event_id", "body"))
        return {row[0]: tuple(row[1:]) for row in connection.execute(select(*columns))}


def promised(engine: Engine) -> int:
    with engine.database.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(fanouts.FANOUTS)) or 0)


def write_out(engine: Engine) -> list[int]:
    """Writes everything out; how many deliveries there were after each portion."""
    writing, counts = fanning_out.FanningOut(engine.database), []
    while writing.write_portion():
        counts.append(len(kept(engine)))
    return counts


def expected(engine: Engine, asking: list[str]) -> dict[str, tuple[str, str, bytes]]:
    """One delivery for each event of the account and each of these webhooks."""
    return {
        message_id(event.id, event.occurred_at, webhook): (webhook, event.id, compose(event, webhook))
        for event in engine.events(account=7)
        for webhook in asking
    }


def apply_and_roll_back(engine: Engine) -> None:
    with engine.database.write() as connection:
        engine.apply(task_update(1, FIRST, status="InProgress"), session=connection)
        raise CutOffError


def write_half(engine: Engine) -> None:
    """A portion that is cut off before its commit."""
    with engine.database.write() as connection:
        fanout = fanouts.take(connection, None)
        assert fanout is not None
        event = events.find_event(connection, fanout.event_id)
        assert event is not None
        asking = subscriptions.subscribers_at(connection, 7, event.name, fanout.revision, fanout.written_to, 2)
        outbox.enqueue(connection, [fanning_out.delivery_to(one, event) for one in asking], fanout.made_at)
        raise CutOffError


@pytest.mark.usefixtures("few_are_many")
def test_many_deliveries_are_promised_and_written_out_in_portions(engine: Engine) -> None:
    engine.load(line_plan())
    hooks = [engine.webhooks.add(7, "http://127.0.0.1:1/")[0].id for _ in range(5)]
    before = {event.id for event in engine.events(account=7)}
    engine.apply(task_update(1, FIRST, status="InProgress"))
    assert (kept(engine), promised(engine)) == ({}, 1)
    assert write_out(engine) == [2, 4, 5]
    assert promised(engine) == 0
    assert kept(engine) == {key: row for key, row in expected(engine, hooks).items() if row[1] not in before}


@pytest.mark.usefixtures("few_are_many")
def test_who_asked_when_the_event_was_committed_gets_it_and_nobody_else(engine: Engine) -> None:
    """Registrations that come, go, are paused or ask for something else before it is written out change nothing."""
    engine.load(line_plan())
    hooks = [engine.webhooks.add(7, "http://127.0.0.1:1/", events=["task.status_changed"])[0].id for _ in range(5)]
    engine.apply(task_update(1, FIRST, status="InProgress"))
    engine.webhooks.add(7, "http://127.0.0.1:1/")
    engine.webhooks.pause(7, hooks[0])
    engine.webhooks.update(7, hooks[1], events=["task.red"])
    engine.webhooks.update(7, hooks[2], events=["task.red"])
    engine.webhooks.update(7, hooks[2], events=["task.status_changed"])
    engine.webhooks.delete(7, hooks[3])
    write_out(engine)
    assert sorted(row[0] for row in kept(engine).values()) == sorted(set(hooks) - {hooks[3]})
    with engine.database.read() as connection:
        ended = subscriptions.SUBSCRIPTIONS.c.until.is_not(None)
        assert connection.execute(select(subscriptions.SUBSCRIPTIONS).where(ended)).all() == []  # nobody needs them


@pytest.mark.usefixtures("few_are_many")
def test_later_events_of_the_account_stay_behind_those_that_are_promised(engine: Engine) -> None:
    engine.load(line_plan())
    hooks = [engine.webhooks.add(7, "http://127.0.0.1:1/", events=["task.status_changed"])[0].id for _ in range(5)]
    one, _ = engine.webhooks.add(7, "http://127.0.0.1:1/", events=["task.duration_changed"])
    engine.apply(task_update(1, FIRST, status="InProgress"))
    engine.apply(task_update(1, "2025-03-04T10:00:00Z", remainingDuration=7))
    assert (kept(engine), promised(engine)) == ({}, 2)
    assert write_out(engine) == [2, 4, 5, 6]
    with engine.database.read() as connection:
        in_order = connection.execute(
            select(DELIVERIES.c.event, DELIVERIES.c.webhook_id).order_by(DELIVERIES.c.next_attempt_at)
        ).all()
    assert [row.webhook_id for row in in_order][-1] == one.id
    assert len(hooks) == len(in_order) - 1


@pytest.mark.usefixtures("few_are_many")
def test_a_promise_goes_with_its_transaction(engine: Engine) -> None:
    engine.load(line_plan())
    for _ in range(5):
        engine.webhooks.add(7, "http://127.0.0.1:1/")
    with pytest.raises(CutOffError):
        apply_and_roll_back(engine)
    assert (promised(engine), write_out(engine)) == (0, [])


@pytest.mark.usefixtures("few_are_many")
def test_a_portion_that_is_cut_off_is_written_again_and_nothing_twice(engine: Engine) -> None:
    engine.load(line_plan())
    hooks = [engine.webhooks.add(7, "http://127.0.0.1:1/", events=["task.status_changed"])[0].id for _ in range(5)]
    engine.apply(task_update(1, FIRST, status="InProgress"))
    fanning_out.FanningOut(engine.database).write_portion()
    with pytest.raises(CutOffError):
        write_half(engine)
    assert write_out(engine) == [4, 5]
    assert {row[0] for row in kept(engine).values()} == set(hooks)


@pytest.mark.usefixtures("few_are_many")
def test_the_accounts_take_turns(engine: Engine) -> None:
    for account in (7, 8, 9):
        engine.load(line_plan(account=account, project_id=account))
        for _ in range(5):
            engine.webhooks.add(account, "http://127.0.0.1:1/", events=["task.status_changed"])
        engine.apply(task_update(1, FIRST, account, status="InProgress", accountId=account))
    writing, seen = fanning_out.FanningOut(engine.database), []
    accounts = {hook.id: hook.account_id for hook in engine.portfolio.webhooks()}
    known: set[str] = set()
    for _ in range(3):
        writing.write_portion()
        new = kept(engine).keys() - known
        seen.append({accounts[kept(engine)[one][0]] for one in new})
        known |= new
    assert sorted(seen, key=str) == [{7}, {8}, {9}]


@pytest.mark.usefixtures("few_are_many")
def test_draining_delivers_what_is_promised(engine: Engine) -> None:
    engine.load(line_plan())
    for _ in range(5):
        engine.webhooks.add(7, "http://127.0.0.1:1/", events=["task.status_changed"])
    engine.apply(task_update(1, FIRST, status="InProgress"))
    assert engine.portfolio.oldest_due().total_seconds() > 0

    async def drain() -> int:
        return await engine.dispatcher().drain()

    assert asyncio.run(drain()) == 5  # refused connections, each recorded
    assert promised(engine) == 0


@pytest.mark.usefixtures("few_are_many")
def test_one_that_cannot_be_written_keeps_nothing_else_from_being_delivered(sqlite_engine: Engine) -> None:
    """By some accident its event holds what no body can; it is told, and the other account's is written."""
    engine = sqlite_engine
    for account in (7, 8):
        engine.load(line_plan(account=account, project_id=account))
        for _ in range(4):
            engine.webhooks.add(account, "http://127.0.0.1:1/", events=["task.status_changed"])
        engine.apply(task_update(1, FIRST, account, status="InProgress", accountId=account))
    with engine.database.write() as connection:
        connection.execute(text("UPDATE chainbell_event SET data = '{\"figure\": NaN}' WHERE account_id = '7'"))
    errors: list[BaseException] = []
    ledger = Ledger(engine.database, engine.core.delivery, engine.now, errors.append)
    claims = [claim for _ in range(6) for claim in ledger.exchange([], Wanted(100, 100))[1]]
    assert len(claims) == 4
    assert {type(error) for error in errors} == {ValueError}


@pytest.mark.usefixtures("few_are_many")
def test_one_that_cannot_be_written_is_told_of_and_keeps_no_dispatcher_busy(engine: Engine) -> None:
    hooks = [engine.webhooks.add(7, "http://127.0.0.1:1/", events=["task.status_changed"])[0].id for _ in range(4)]
    engine.load(line_plan())
    engine.apply(task_update(1, FIRST, status="InProgress"))
    assert promised(engine) == 1
    (event,) = engine.events(name="task.status_changed")
    taken = message_id(event.id, event.occurred_at, min(hooks))
    with engine.database.write() as connection:  # whoever did it: its id is taken
        outbox.enqueue(connection, [NewDelivery(taken, min(hooks), None, "test", b"{}")], engine.now())
        connection.execute(update(DELIVERIES).values(next_attempt_at=engine.now() + timedelta(days=1)))
    told: list[BaseException] = []
    ledger = Ledger(engine.database, engine.core.delivery, engine.now, told.append)
    assert ledger.is_anything_due()
    assert ledger.exchange([], Wanted(10, 10)) == ([], [], {})
    assert len(told) == 1
    assert (ledger.next_due() or engine.now()) > engine.now() + timedelta(hours=1)
    assert not ledger.is_anything_due()
    assert promised(engine) == 1, "and it is tried again"
