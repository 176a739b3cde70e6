"""Verifying, parsing, dropping duplicates: headers and bytes in, a reply out."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chainbell.delivery import compose, signed_headers
from chainbell.delivery.receiver import (
    Delivery,
    InvalidSignatureError,
    MalformedDeliveryError,
    Receiver,
    Seen,
    SeenInFile,
    SeenInMemory,
    parse,
    verify,
)
from chainbell.rules import Event
from chainbell.rules.events.task_red import TaskRed

NOW = datetime(2025, 3, 3, 9, tzinfo=UTC)
SECRET = "a secret of ours"
DATA: dict[str, Any] = {
    "taskId": 234,
    "taskName": "Backend",
    "projectId": "p-7",
    "projectName": "Launch",
    "assignedTo": None,
    "bufferConsumption": 92.5,
    "remainingDuration": 8,
    "dueDate": "2025-03-10",
    "previousStatus": "Yellow",
    "criticalChainImpact": True,
}


def message(data: dict[str, Any] = DATA, event: str = "task.red", event_id: str = "e") -> tuple[dict[str, str], bytes]:
    body = compose(Event(event_id, event, 1, 1, 1, NOW, data, {}), "wh")
    names = {"message_id": json.loads(body)["webhookId"], "subscription_id": "wh", "event": event}
    return signed_headers([SECRET], timestamp=int(NOW.timestamp()), body=body, **names), body


def test_a_delivery_is_its_event_s_payload_class() -> None:
    headers, body = message()
    delivery = parse(verify(headers, body, SECRET, tolerance=None))
    assert (delivery.event, delivery.account_id, delivery.retry_count, delivery.timestamp) == ("task.red", 1, 0, NOW)
    assert delivery.data == TaskRed(
        task_id=234,
        task_name="Backend",
        project_id="p-7",
        project_name="Launch",
        assigned_to=None,
        buffer_consumption=92.5,
        remaining_duration=8,
        due_date=date(2025, 3, 10),
        previous_status="Yellow",
        critical_chain_impact=True,
    )


@pytest.mark.parametrize(
    "hostile",
    [
        {},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-timestamp": "\udcff", "webhook-id": "\udcff", "webhook-signature": "v1,\udcff"},
        {"X-Exepron-Signature": "\udcff\udcfe"},
        {"webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": "v1," + "x" * 100_000},
    ],
)
@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[" * 100_000, b"\x00" * 10])
def test_whatever_comes_unsigned_is_answered_401(hostile: dict[str, str], body: bytes) -> None:
    assert Receiver(SECRET, clock=lambda: NOW).receive(hostile, body).status == 401
    assert Receiver(SECRET, tolerance=None).receive(hostile, body).status == 401


def test_an_old_recording_is_not_genuine_unless_the_tolerance_is_switched_off() -> None:
    later = NOW + timedelta(minutes=6)
    assert Receiver(SECRET, clock=lambda: later).receive(*message()).status == 401
    assert Receiver(SECRET, clock=lambda: later, tolerance=None).receive(*message()).status == 200


@pytest.mark.parametrize("secret", ["", "short", "1234567", "whsec_AA=="])
def test_a_secret_that_is_guessed_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="at least 8"):
        Receiver(secret)


def test_what_is_unknown_stays_as_it_came() -> None:
    headers, body = message({"anything": [1]}, "buffer.exhausted")
    assert parse(verify(headers, body, SECRET, tolerance=None)).data == {"anything": [1]}
    headers, body = message({**DATA, "added": "by a newer sender"})
    assert isinstance(parse(verify(headers, body, SECRET, tolerance=None)).data, TaskRed)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"dueDate": "tomorrow"}, "data.dueDate"),
        ({"bufferConsumption": "92"}, "data.bufferConsumption"),
        ({"criticalChainImpact": 1}, "data.criticalChainImpact"),
        ({"taskId": 1.5}, "data.taskId"),
        ({"assignedTo": {"id": 1}}, "data.assignedTo.name"),
    ],
)
def test_a_payload_that_is_not_whole_names_the_field(change: dict[str, Any], field: str) -> None:
    headers, body = message({**DATA, **change})
    with pytest.raises(MalformedDeliveryError, match=field):
        parse(verify(headers, body, SECRET, tolerance=None))


def test_the_tolerance_asks_for_the_timestamped_signature() -> None:
    headers, body = message()
    tolerance = timedelta(minutes=5)
    for minutes in (-5, 0, 5):
        verify(headers, body, SECRET, tolerance=tolerance, now=NOW + timedelta(minutes=minutes))
    for late in (timedelta(minutes=-6), timedelta(minutes=6)):
        with pytest.raises(InvalidSignatureError):
            verify(headers, body, SECRET, tolerance=tolerance, now=NOW + late)
    newer = {**headers, "webhook-timestamp": str(int(NOW.timestamp()) + 3600)}
    with pytest.raises(InvalidSignatureError):  # the timestamp is signed
        verify(newer, body, SECRET, tolerance=tolerance, now=NOW + timedelta(hours=1))
    without = {name: value for name, value in headers.items() if name != "webhook-signature"}
    with pytest.raises(InvalidSignatureError):
        verify(without, body, SECRET, tolerance=tolerance, now=NOW)


@pytest.mark.parametrize("kind", [SeenInMemory, SeenInFile])
def test_a_duplicate_is_answered_and_not_handled(kind: type[Any], tmp_path: Path) -> None:
    seen: Seen = SeenInMemory() if kind is SeenInMemory else SeenInFile(tmp_path / "seen.db")
    handled: list[Delivery] = []
    for _ in range(2):  # in the file also after a restart
        receiver = Receiver(SECRET, clock=lambda: NOW, seen=seen)
        receiver.on("task.red")(handled.append)
        assert receiver.receive(*message()).status == 200
    assert len(handled) == 1
    assert receiver.receive(*message(event_id="another")).status == 200
    assert len(handled) == 2
    if isinstance(seen, SeenInFile):
        seen.close()


def test_memory_is_bounded() -> None:
    seen = SeenInMemory(most=2)
    for name in "abc":
        seen.add(name)
    assert ("a" in seen, "b" in seen, "c" in seen) == (False, True, True)


def test_what_a_handler_could_not_handle_is_wanted_again() -> None:
    failures = [ValueError("not now")]
    handled, errors = [], []
    receiver = Receiver(SECRET, clock=lambda: NOW, on_error=lambda delivery, error: errors.append((delivery.id, error)))

    @receiver.on()
    def handle(delivery: Delivery) -> None:
        if failures:
            raise failures.pop()
        handled.append(delivery.event)

    assert [receiver.receive(*message()).status for _ in range(3)] == [500, 200, 200]
    assert handled == ["task.red"]
    assert [str(error) for _, error in errors] == ["not now"]


def test_each_refusal_has_its_status() -> None:
    receiver = Receiver(SECRET, clock=lambda: NOW)
    headers, body = message()
    assert receiver.receive(headers, body + b" ").status == 401
    assert receiver.receive({}, body).status == 401
    assert receiver.receive(*message({"taskId": 1})).status == 400
    assert receiver.receive(*message({"test": True})).status == 200
    with pytest.raises(ValueError, match="no event"):
        receiver.on("task.blue")
