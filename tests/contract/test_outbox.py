"""Claiming by lease and fence; an attempt, its delivery and the counters change together."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from chainbell.engine import Engine
from chainbell.storage import Claim, DeliveryState, Settlement, claiming, due, generate_key, outbox, settling
from tests.plans import line_plan

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = timedelta(seconds=40)


@pytest.fixture
def webhook_id(engine: Engine) -> str:
    """A webhook with three deliveries that are due."""
    webhook, _ = engine.webhooks.add(7, "http://127.0.0.1:1/")
    deliveries = [outbox.NewDelivery(f"wh_{n}", webhook.id, f"event-{n}", "task.red", b"{0}}") for n in range(3)]
    with engine.database.write() as connection:
        outbox.enqueue(connection, deliveries, NOW)
    return webhook.id


def claim(engine: Engine, now: datetime = NOW, limit: int = 10) -> list[Claim]:
    with engine.database.write() as connection:
        return claiming.claim(connection, now, now + LEASE, limit)


def settle(engine: Engine, settlement: Settlement) -> bool:
    with engine.database.write() as connection:
        return settling.settle(connection, settlement)


def delivered(claimed: Claim) -> Settlement:
    return Settlement(
        claim=claimed,
        state=DeliveryState.DELIVERED,
        started_at=NOW,
        duration_ms=12,
        outcome="answered",
        http_status=200,
        error=None,
        response="OK",
    )


@pytest.mark.usefixtures("webhook_id")
def test_what_is_leased_is_not_claimed_again_before_the_lease_ends(engine: Engine) -> None:
    assert [c.id for c in claim(engine, limit=2)] == ["wh_0", "wh_1"]
    assert [c.id for c in claim(engine)] == ["wh_2"]
    assert claim(engine, NOW + LEASE - timedelta(seconds=1)) == []
    again = claim(engine, NOW + LEASE)
    assert [(c.id, c.fence, c.attempts) for c in again] == [("wh_0", 2, 0), ("wh_1", 2, 0), ("wh_2", 2, 0)]


def test_who_lost_the_lease_writes_nothing(engine: Engine, webhook_id: str) -> None:
    stale = claim(engine)[0]
    current = claim(engine, NOW + LEASE)[0]
    assert not settle(engine, delivered(stale))
    assert engine.webhooks.log(7, webhook_id) == []
    assert settle(engine, delivered(current))
    assert not settle(engine, delivered(current))
    assert [entry.number for entry in engine.webhooks.log(7, webhook_id)] == [1]


def test_the_counters_equal_the_log(engine: Engine, webhook_id: str) -> None:
    first, second, third = claim(engine)
    later = NOW + timedelta(seconds=10)
    settle(engine, delivered(first))
    settle(engine, replace(delivered(second), state=DeliveryState.PENDING, http_status=500, next_attempt_at=later))
    settle(engine, replace(delivered(third), state=DeliveryState.FAILED, http_status=410, deactivate_webhook=True))
    (webhook,) = engine.webhooks.list(7)
    assert (webhook.total_calls, webhook.successful_calls, webhook.failed_calls) == (3, 1, 2)
    assert (webhook.is_active, webhook.last_triggered) == (False, NOW)
    assert len(engine.webhooks.log(7, webhook_id)) == 3
    assert claim(engine, later) == []  # an inactive webhook holds its deliveries


@pytest.mark.usefixtures("webhook_id")
def test_first_attempts_go_before_retries(engine: Engine) -> None:
    (first,) = claim(engine, limit=1)
    settle(engine, replace(delivered(first), state=DeliveryState.PENDING, http_status=500, next_attempt_at=NOW))
    assert [(c.id, c.attempts) for c in claim(engine)] == [("wh_1", 0), ("wh_2", 0), ("wh_0", 1)]


@pytest.mark.usefixtures("webhook_id")
def test_the_next_due_time_is_a_retry_s_or_the_end_of_a_lease(engine: Engine) -> None:
    with engine.database.read() as connection:
        assert due.next_due(connection, NOW) == NOW
    for claimed in claim(engine):
        if claimed.id != "wh_2":
            settle(engine, delivered(claimed))
    with engine.database.read() as connection:
        assert due.next_due(connection, NOW) == NOW + LEASE
        assert due.oldest_due(connection, NOW) == NOW


def test_one_event_is_delivered_once_to_one_webhook(engine: Engine, webhook_id: str) -> None:
    twin = outbox.NewDelivery("wh_other", webhook_id, "event-0", "task.red", b"{}")
    with pytest.raises(IntegrityError), engine.database.write() as connection:
        outbox.enqueue(connection, [twin], NOW)


def test_secrets_are_sealed_at_rest(engine: Engine) -> None:
    webhook, secret = engine.webhooks.add(7, "http://127.0.0.1:1/")
    engine.load(line_plan())
    assert secret not in webhook.sealed_secret
    assert secret not in repr(engine.webhooks.list(7))


def test_many_may_open_a_new_database_at_once(database_url: str) -> None:
    keys = [] if database_url.startswith("sqlite") else [generate_key()]

    def seal(number: int) -> str:
        with Engine(database_url, keys=keys) as engine:
            engine.webhooks.add(number, "https://example.com/")
            return repr([webhook.account_id for webhook in engine.webhooks.list(number)])

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(seal, range(6))) == [f"[{number}]" for number in range(6)]


def failed(claimed: Claim, at: datetime) -> Settlement:
    return Settlement(
        claim=claimed,
        state=DeliveryState.FAILED,
        started_at=at,
        duration_ms=12,
        outcome="answered",
        http_status=400,
        error="Bad Request",
        response="no",
    )


def test_an_endpoint_that_has_failed_everything_for_days_is_switched_off_once(engine: Engine, webhook_id: str) -> None:
    """Its deliveries are held, and a success in between starts the count anew."""
    first, second, third = claim(engine)
    settle(engine, failed(first, NOW))
    settle(engine, delivered(second))
    assert engine.webhooks.get(7, webhook_id).failing_since is None
    settle(engine, failed(third, NOW + timedelta(hours=1)))
    assert engine.webhooks.get(7, webhook_id).failing_since == NOW + timedelta(hours=1)
    with engine.database.write() as connection:
        assert not settling.deactivate_failing(connection, webhook_id, NOW, "gone")
        assert settling.deactivate_failing(connection, webhook_id, NOW + timedelta(hours=1), "gone")
        assert not settling.deactivate_failing(connection, webhook_id, NOW + timedelta(hours=1), "gone")
    webhook = engine.webhooks.get(7, webhook_id)
    assert (webhook.is_active, webhook.deactivation) == (False, "gone")
    assert engine.webhooks.recover(7, webhook_id, NOW) == 2
    assert claim(engine, NOW + timedelta(days=9000)) == []  # held
    engine.webhooks.resume(7, webhook_id)
    again = claim(engine, NOW + timedelta(days=9000))
    assert [(c.attempts, c.attempt) for c in again] == [(1, 1), (1, 1)]  # a new series of tries
    assert engine.webhooks.get(7, webhook_id).deactivation is None


def test_a_heartbeat_renews_and_a_stop_gives_back_only_what_is_still_ours(engine: Engine) -> None:
    webhook, _ = engine.webhooks.add(7, "http://127.0.0.1:1/")
    deliveries = [outbox.NewDelivery(f"wh_{n}", webhook.id, None, "task.red", b"{0}}") for n in range(3)]
    with engine.database.write() as connection:
        outbox.enqueue(connection, deliveries, NOW)
    first, second, third = claim(engine)
    settle(engine, delivered(third))
    taken = claim(engine, NOW + LEASE, limit=1)
    later = NOW + 3 * LEASE
    with engine.database.write() as connection:
        assert claiming.renew(connection, [first, second, third], later) == {"wh_1"}
    assert claim(engine, later - timedelta(seconds=1)) != taken  # wh_0's own lease has ended, wh_1's has not
    with engine.database.write() as connection:
        assert claiming.give_back(connection, [first, second, third]) == {"wh_1"}
    assert [c.id for c in claim(engine, NOW + LEASE)] == ["wh_1"]


def test_attempts_settled_together_are_recorded_each_by_its_own_fence(engine: Engine, webhook_id: str) -> None:
    first, second, third = claim(engine)
    current = claim(engine, NOW + LEASE, limit=1)
    with engine.database.write() as connection:
        settled = settling.settle_all(
            connection,
            [
                delivered(first),
                replace(delivered(second), state=DeliveryState.FAILED, http_status=404),
                delivered(third),
            ],
        )
    assert (settled, current[0].id) == ([False, True, True], "wh_0")
    webhook = engine.webhooks.get(7, webhook_id)
    assert (webhook.total_calls, webhook.successful_calls, webhook.failed_calls) == (2, 1, 1)
    assert engine.webhooks.backlog(7, webhook_id) == {"pending": 1, "failed": 1, "expired": 0}
    assert engine.portfolio.statistics().deliveries == {"delivered": 1, "failed": 1, "pending": 1, "expired": 0}


@pytest.mark.usefixtures("webhook_id")
def test_webhooks_take_turns_whoever_queued_first(engine: Engine) -> None:
    other, _ = engine.webhooks.add(8, "http://127.0.0.1:1/")
    late = [outbox.NewDelivery(f"wh_late_{n}", other.id, None, "task.red", b"{0}}") for n in range(9)]
    with engine.database.write() as connection:
        outbox.enqueue(connection, late, NOW + timedelta(seconds=1))
        claims = claiming.claim(connection, NOW + LEASE, NOW + 2 * LEASE, 4)
        assert Counter(c.webhook_id for c in claims) == {claims[0].webhook_id: 2, claims[-1].webhook_id: 2}
        rest = claiming.claim(connection, NOW + LEASE, NOW + 2 * LEASE, 100, rooms={other.id: 5}, held={other.id: 2})
    assert Counter(c.webhook_id == other.id for c in rest) == {False: 1, True: 3}


def test_few_places_go_round_all_webhooks_that_wait(engine: Engine) -> None:
    """Forty endpoints and ten places at a time: after four rounds everybody has had one, after forty ten."""
    for _ in range(40):
        webhook, _ = engine.webhooks.add(7, "http://127.0.0.1:1/")
        mine = [outbox.NewDelivery(f"{webhook.id}_{n}", webhook.id, None, "task.red", b"{0}}") for n in range(12)]
        with engine.database.write() as connection:
            outbox.enqueue(connection, mine, NOW)
    held: Counter[str] = Counter()
    for number in range(1, 41):
        with engine.database.write() as connection:
            claims = claiming.claim(connection, NOW, NOW + LEASE, 10, held=held, per_webhook=64)
        held.update(claim.webhook_id for claim in claims)
        if number % 4 == 0:
            assert set(held.values()) == {number // 4}
    assert len(held) == 40
