"""Every checker finds what it is there for: a sound run, broken in one place, is found broken by that checker."""

import asyncio
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings
from chainbell.engine import Engine
from tests.e2e.receiver import receiving
from tests.faults import checkers
from tests.faults.checkers import AT_THE_END, EARLIER, LATER, OF_THE_DATABASE, Checker, faults
from tests.faults.history import History, Received, Recorder, read
from tests.faults.kept import Kept, kept_by
from tests.plans import MONDAY, line_plan, task_update

Sound = tuple[History, Kept]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """Three changes of a real engine, delivered by a real dispatcher."""
    folder = tmp_path_factory.mktemp("sound")
    recorder, settings = Recorder(folder / "history"), DeliverySettings(guard=LOOPBACK_ALLOWED)
    with receiving() as receiver, Engine(f"sqlite:///{folder / 's.db'}", delivery=settings) as engine:
        engine.webhooks.add(7, receiver.url)
        for number, change in enumerate(changes()):
            change["changeId"] = f"c-{number}"
            recorder.invoked(f"c-{number}")
            recorder.acknowledged(f"c-{number}", [event.id for event in engine.apply(change)])

        async def drain() -> None:
            await engine.dispatcher().drain()

        asyncio.run(drain())
        for request in receiver.requests:
            recorder.received(request.headers["webhook-id"], request.body, 200)
        recorder.close()
        return read(recorder.path), kept_by(engine)


def changes() -> list[dict[str, Any]]:
    at = MONDAY.isoformat()
    return [
        {"kind": "plan", "at": at, "plan": line_plan()},
        task_update(1, at, status="InProgress"),
        task_update(1, at, remainingDuration=30),
    ]


def without_change(history: History, kept: Kept) -> Sound:
    return history, replace(kept, changes=kept.changes[:-1])


def unsent_change(history: History, kept: Kept) -> Sound:
    return replace(history, invoked=history.invoked - {"c-1"}), kept


def without_event(history: History, kept: Kept) -> Sound:
    return history, replace(kept, events=kept.events[:-1])


def event_of_another(history: History, kept: Kept) -> Sound:
    kept.events[0]["change_key"] = 99
    return history, kept


def fired_twice(history: History, kept: Kept) -> Sound:
    return replace(history, acknowledged={**history.acknowledged, "c-9": history.acknowledged["c-2"]}), kept


def without_delivery(history: History, kept: Kept) -> Sound:
    return history, replace(kept, deliveries=kept.deliveries[1:])


def other_body(history: History, kept: Kept) -> Sound:
    kept.events[0]["data"] = {}
    return history, kept


def gap(history: History, kept: Kept) -> Sound:
    kept.attempts[0]["number"] = 2
    return history, kept


def counted_once_more(history: History, kept: Kept) -> Sound:
    kept.webhooks[0]["total_calls"] += 1
    return history, kept


def never_received(history: History, kept: Kept) -> Sound:
    return replace(history, received=history.received[1:]), kept


def unsigned(history: History, kept: Kept) -> Sound:
    first, *rest = history.received
    return replace(history, received=(replace(first, status=401), *rest)), kept


def other_bytes(history: History, kept: Kept) -> Sound:
    first, *rest = history.received
    return replace(history, received=(replace(first, body=first.body.replace(b",", b", ", 1)), *rest)), kept


def invented_message(history: History, kept: Kept) -> Sound:
    return replace(history, received=(*history.received, Received("wh_none", b"{}", 200))), kept


def still_pending(history: History, kept: Kept) -> Sound:
    kept.deliveries[0]["state"] = "pending"
    return history, kept


def failed_though_taken(history: History, kept: Kept) -> Sound:
    kept.deliveries[0]["state"] = "failed"
    return history, kept


def other_change(history: History, kept: Kept) -> Sound:
    kept.changes[-1]["body"]["remainingDuration"] = 5
    return history, kept


BREAKS: dict[Checker, list[Callable[[History, Kept], Sound]]] = {
    checkers.acknowledged_changes_are_kept: [without_change],
    checkers.acknowledged_events_are_kept: [without_event],
    checkers.events_fire_once: [fired_twice],
    checkers.received_messages_were_signed: [unsigned],
    checkers.received_messages_were_kept: [other_bytes, invented_message],
    checkers.kept_changes_were_sent: [unsent_change],
    checkers.events_belong_to_changes: [event_of_another],
    checkers.each_event_has_one_delivery_a_webhook: [without_delivery, without_event],
    checkers.bodies_say_what_happened: [other_body],
    checkers.attempts_are_numbered_without_gaps: [gap],
    checkers.counters_equal_the_log: [counted_once_more],
    checkers.delivered_messages_were_received: [never_received],
    checkers.recorded_attempts_were_made: [never_received],
    checkers.everything_has_ended: [still_pending, failed_though_taken],
    checkers.replay_gives_the_same_events: [without_event, other_change],
}


def test_a_sound_run_is_found_sound(sound: Sound) -> None:
    history, there = sound
    assert faults(AT_THE_END, history, there) == []
    assert len(history.received) == len(there.deliveries) == len(there.attempts) > 2


def test_every_checker_is_used_somewhere_and_tested_here() -> None:
    assert set(BREAKS) == set(AT_THE_END)
    assert {*EARLIER, *LATER, *OF_THE_DATABASE} < set(AT_THE_END)


@pytest.mark.parametrize(
    ("checker", "broken"),
    [(checker, one) for checker, ways in BREAKS.items() for one in ways],
    ids=lambda f: f.__name__,
)
def test_a_broken_run_is_found_broken(sound: Sound, checker: Checker, broken: Callable[..., Sound]) -> None:
    assert list(checker(*broken(*deepcopy(sound)))) != []
