"""What must hold of a history and of what is kept, whatever happened: pure functions that yield what is wrong.

While work goes on, `EARLIER` holds for a history that was read before what is kept, `LATER` for one that was read
after it. `AT_THE_END` holds when nothing is left to do.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from chainbell.delivery import message_id
from chainbell.delivery.envelope import with_retry_count
from chainbell.delivery.retry import OURS
from chainbell.engine import Engine
from tests.faults.history import History
from tests.faults.kept import Kept, Row, kept_by

Checker = Callable[[History, Kept], Iterator[str]]


def acknowledged_changes_are_kept(history: History, kept: Kept) -> Iterator[str]:
    there = {change["change_id"] for change in kept.changes}
    yield from (f"change {one} was acknowledged and is gone" for one in history.acknowledged if one not in there)


def kept_changes_were_sent(history: History, kept: Kept) -> Iterator[str]:
    for change in kept.changes:
        if change["change_id"] is not None and change["change_id"] not in history.invoked:
            yield f"change {change['change_id']} was invented"


def acknowledged_events_are_kept(history: History, kept: Kept) -> Iterator[str]:
    there = {event["id"] for event in kept.events}
    for change, events in history.acknowledged.items():
        yield from (f"event {one} of {change} is gone" for one in events if one not in there)


def events_fire_once(history: History, _: Kept) -> Iterator[str]:
    """No two changes were answered with the same event."""
    fired = Counter(event for events in history.acknowledged.values() for event in events)
    yield from (f"event {event} was fired {count} times" for event, count in fired.items() if count > 1)


def events_belong_to_changes(_: History, kept: Kept) -> Iterator[str]:
    changes = {change["key"] for change in kept.changes}
    yield from (f"event {one['id']} is of no change" for one in kept.events if one["change_key"] not in changes)


def each_event_has_one_delivery_a_webhook(_: History, kept: Kept) -> Iterator[str]:
    expected = {
        message_id(event["id"], event["occurred_at"], webhook["id"])
        for event in kept.events
        for webhook in kept.webhooks
        if event["name"] in webhook["events"] and event["account_id"] == webhook["account_id"]
    }
    there = {delivery["id"] for delivery in kept.deliveries}
    yield from (f"delivery {one} is missing" for one in sorted(expected - there))
    yield from (f"delivery {one} is of no event and webhook" for one in sorted(there - expected))


def bodies_say_what_happened(_: History, kept: Kept) -> Iterator[str]:
    data = {event["id"]: event["data"] for event in kept.events}
    for delivery in kept.deliveries:
        body = json.loads(delivery["body"])
        if body["webhookId"] != delivery["id"]:
            yield f"the body of {delivery['id']} has another id"
        if delivery["event_id"] in data and body["data"] != data[delivery["event_id"]]:
            yield f"the body of {delivery['id']} does not say what its event says"


def attempts_are_numbered_without_gaps(_: History, kept: Kept) -> Iterator[str]:
    numbers = defaultdict(list)
    for attempt in kept.attempts:
        numbers[attempt["delivery_id"]].append(attempt["number"])
    for delivery in kept.deliveries:
        if sorted(numbers[delivery["id"]]) != list(range(1, delivery["attempts"] + 1)):
            yield f"attempts of {delivery['id']}: {sorted(numbers[delivery['id']])}, counted {delivery['attempts']}"


def counters_equal_the_log(_: History, kept: Kept) -> Iterator[str]:
    """Of what the endpoints did; what was our own doing counts in no statistics."""
    log: dict[str, list[Row]] = defaultdict(list)
    for attempt in kept.attempts:
        if attempt["outcome"] not in OURS:
            log[attempt["webhook_id"]].append(attempt)
    for webhook in kept.webhooks:
        of_it = log[webhook["id"]]
        succeeded = sum(attempt["http_status"] == 200 for attempt in of_it)
        counters = (webhook["total_calls"], webhook["successful_calls"], webhook["failed_calls"])
        logged = (len(of_it), succeeded, len(of_it) - succeeded)
        if counters != logged:
            yield f"webhook {webhook['id']} counts {counters}, its log says {logged}"


def delivered_messages_were_received(history: History, kept: Kept) -> Iterator[str]:
    got = {one.message for one in history.received if one.status == 200}
    for delivery in kept.deliveries:
        if delivery["state"] == "delivered" and delivery["id"] not in got:
            yield f"{delivery['id']} counts as delivered and was never received"


def received_messages_were_signed(history: History, _: Kept) -> Iterator[str]:
    """A receiver answers 401 to what is not signed with its secret."""
    yield from (f"message {one.message} was not signed" for one in history.received if one.status == 401)


def received_messages_were_kept(history: History, kept: Kept) -> Iterator[str]:
    """Byte for byte, but for the count of retries."""
    bodies = {delivery["id"]: (delivery["body"], delivery["attempts"]) for delivery in kept.deliveries}
    for one in history.received:
        if one.message not in bodies:
            yield f"message {one.message} was invented"
            continue
        body, attempts = bodies[one.message]
        if one.body not in (with_retry_count(body, retries) for retries in range(attempts + 2)):
            yield f"message {one.message} was received with other bytes"


def recorded_attempts_were_made(history: History, kept: Kept) -> Iterator[str]:
    """A request may be unrecorded, where its dispatcher was killed before it could; never the other way round."""
    got = Counter(one.message for one in history.received)
    answered = Counter(one["delivery_id"] for one in kept.attempts if one["http_status"] is not None)
    for delivery, count in answered.items():
        if count > got[delivery]:
            yield f"{delivery} has {count} answered attempts in its log, and {got[delivery]} requests came"


def everything_has_ended(_: History, kept: Kept) -> Iterator[str]:
    """Delivered, or failed for everybody to see: by its log, the last attempt failed."""
    last: dict[str, Row] = {}
    for attempt in sorted(kept.attempts, key=lambda one: int(one["number"])):
        last[attempt["delivery_id"]] = attempt
    for delivery in kept.deliveries:
        has_failed = delivery["state"] == "failed" and delivery["id"] in last
        if delivery["state"] != "delivered" and not has_failed:
            yield f"{delivery['id']} is {delivery['state']}"
        if has_failed and last[delivery["id"]]["http_status"] == 200:
            yield f"{delivery['id']} is failed, and its log says that it was taken"


def replay_gives_the_same_events(_: History, kept: Kept) -> Iterator[str]:
    """The kept log of changes, applied in a fresh engine, fires the same events with the same ids.

    A tick of the clock for all projects is kept with each project that it told something; there it is for that one.
    """
    ids = {one["key"]: {"accountId": one["account_id"], "projectId": one["id"]} for one in kept.projects}
    with Engine("sqlite://") as fresh:
        for change in sorted(kept.changes, key=lambda one: int(one["key"])):
            of_one = ids[change["project_key"]] if change["kind"] == "clock" else {}
            fresh.apply(change["body"] | of_one)
        replayed = {event.id: event.name for event in fresh.events()}
    fired = {event["id"]: event["name"] for event in kept.events}
    yield from (f"{fired[one]} {one} does not fire in a replay" for one in sorted(fired.keys() - replayed.keys()))
    yield from (f"{replayed[one]} {one} fires only in a replay" for one in sorted(replayed.keys() - fired.keys()))


EARLIER: tuple[Checker, ...] = (
    acknowledged_changes_are_kept,
    acknowledged_events_are_kept,
    events_fire_once,
    received_messages_were_signed,
    received_messages_were_kept,
)
LATER: tuple[Checker, ...] = (
    kept_changes_were_sent,
    events_belong_to_changes,
    each_event_has_one_delivery_a_webhook,
    bodies_say_what_happened,
    attempts_are_numbered_without_gaps,
    counters_equal_the_log,
    delivered_messages_were_received,
    recorded_attempts_were_made,
)
AT_THE_END: tuple[Checker, ...] = (*EARLIER, *LATER, everything_has_ended, replay_gives_the_same_events)
OF_THE_DATABASE: tuple[Checker, ...] = (
    events_belong_to_changes,
    each_event_has_one_delivery_a_webhook,
    bodies_say_what_happened,
    attempts_are_numbered_without_gaps,
    counters_equal_the_log,
)
"""Those that look at no history."""
NOTHING = History(invoked=frozenset(), acknowledged={}, received=())


def faults(checkers: tuple[Checker, ...], history: History, kept: Kept) -> list[str]:
    """All that is wrong, each with the name of its checker."""
    return [f"{checker.__name__}: {wrong}" for checker in checkers for wrong in checker(history, kept)]


def check_kept(engine: Engine) -> None:
    """Raises AssertionError where what the engine's database holds does not belong together."""
    assert faults(OF_THE_DATABASE, NOTHING, kept_by(engine)) == []
