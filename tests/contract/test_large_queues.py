"""Claims from queues that are longer than what is looked at together, and from what was committed late."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from chainbell.engine import Engine
from chainbell.storage import Claim, DeliveryState, NewDelivery, Settlement, claiming, due, outbox, settling
from chainbell.storage.turns import Turns

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = timedelta(seconds=40)
URL = "http://127.0.0.1:1/"


def enqueue(engine: Engine, webhook: str, numbers: range, at: datetime = NOW) -> None:
    made = [NewDelivery(f"{webhook}_{n:04}", webhook, f"{n}", "task.red", b'{"a":0}}') for n in numbers]
    with engine.database.write() as connection:
        outbox.enqueue(connection, made, at)


def claim(
    engine: Engine, limit: int, turns: Turns, now: datetime = NOW, *, per_webhook: int | None = None
) -> list[Claim]:
    with engine.database.write() as connection:
        return claiming.claim(connection, now, now + LEASE, limit, turns=turns, per_webhook=per_webhook)


def deliver(engine: Engine, claims: list[Claim], state: DeliveryState = DeliveryState.DELIVERED) -> None:
    settled = [
        Settlement(claim=one, state=state, started_at=NOW, duration_ms=1, outcome="answered", http_status=200,
                   next_attempt_at=NOW if state is DeliveryState.PENDING else None) for one in claims
    ]  # fmt: skip
    with engine.database.write() as connection:
        assert all(settling.settle_all(connection, settled))


def test_a_long_queue_of_one_leaves_the_others_their_turns(engine: Engine) -> None:
    """Six hundred of one webhook are due before those of a hundred others; each of these is served in the first two."""
    long, *others = [engine.webhooks.add(7, URL)[0].id for _ in range(101)]
    enqueue(engine, long, range(600), NOW - timedelta(hours=1))
    for other in others:
        enqueue(engine, other, range(4))
    turns, served = Turns(), Counter[str]()
    for _ in range(2):
        claims = claim(engine, 60, turns)
        served.update(one.webhook_id for one in claims)
        deliver(engine, claims)
    assert set(others) <= set(served)
    assert served.total() == 120


def test_everything_of_everybody_is_claimed_once_within_the_caps(engine: Engine) -> None:
    hooks = [engine.webhooks.add(7, URL)[0].id for _ in range(12)]
    for number, hook in enumerate(hooks):
        enqueue(engine, hook, range(20 + 5 * number), NOW - timedelta(seconds=number))
    turns, seen = Turns(), Counter[str]()
    while claims := claim(engine, 50, turns, per_webhook=9):
        assert max(Counter(one.webhook_id for one in claims).values()) <= 9
        seen.update(one.id for one in claims)
        deliver(engine, claims)
    assert len(seen) == sum(20 + 5 * number for number in range(12))
    assert set(seen.values()) == {1}


def test_first_attempts_go_before_retries_in_a_long_queue(engine: Engine) -> None:
    hook = engine.webhooks.add(7, URL)[0].id
    turns = Turns()
    enqueue(engine, hook, range(300), NOW - timedelta(hours=1))
    deliver(engine, claim(engine, 300, turns), DeliveryState.PENDING)
    enqueue(engine, hook, range(300, 320))
    first = claim(engine, 30, turns)
    assert [one.attempts for one in first] == [0] * 20 + [1] * 10


def test_what_a_paused_webhook_holds_hides_nothing(engine: Engine) -> None:
    """More held deliveries than are looked at in the order of time, all of them older."""
    paused, active = (engine.webhooks.add(7, URL)[0].id for _ in range(2))
    enqueue(engine, paused, range(600), NOW - timedelta(days=1))
    enqueue(engine, active, range(3), NOW - timedelta(minutes=1))
    engine.webhooks.pause(7, paused)
    with engine.database.read() as connection:
        assert due.oldest_due(connection, NOW) == due.next_due(connection, NOW) == NOW - timedelta(minutes=1)
    turns = Turns()
    claims = claim(engine, 10, turns)
    assert {one.webhook_id for one in claims} == {active}
    assert len(claims) == 3
    with engine.database.read() as connection:
        assert due.next_due(connection, NOW) == NOW + LEASE
    deliver(engine, claims)
    with engine.database.read() as connection:
        assert due.next_due(connection, NOW) is due.oldest_due(connection, NOW) is None
    engine.webhooks.resume(7, paused)
    assert len(claim(engine, 300, turns)) == 300


@pytest.mark.parametrize("how", ["committed late", "given back"])
def test_what_comes_back_from_before_is_found_again(engine: Engine, how: str) -> None:
    """A dispatcher looks from where its last look ended, and now and then from the beginning."""
    hook = engine.webhooks.add(7, URL)[0].id
    turns, later = Turns(), NOW + timedelta(minutes=1)
    enqueue(engine, hook, range(5))
    claims = claim(engine, 5, turns)
    deliver(engine, claims[1:])
    assert claim(engine, 5, turns, NOW + timedelta(seconds=30)) == []
    assert turns.lookback.since > NOW
    if how == "committed late":
        enqueue(engine, hook, range(5, 6), NOW - timedelta(minutes=1))
    with engine.database.write() as connection:
        claiming.give_back(connection, claims[:1])
    found: set[str] = set()
    wanted = {f"{hook}_0000"} | ({f"{hook}_0005"} if how == "committed late" else set())
    for _ in range(10_000):  # each look shorter than a fiftieth of the wait for the next one from the beginning
        found |= {one.id for one in claim(engine, 5, turns, later)}
        if found == wanted:
            break
    assert found == wanted
