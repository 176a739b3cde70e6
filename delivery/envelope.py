"""The body of a webhook: the reference's envelope around an event's data, made once and sent as it was kept."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid5

from chainbell.delivery import javascript_json
from chainbell.rules import Event
from chainbell.rules.payload import wire_instant

VERSION = "1.0"
BodyFormat = Literal["compact", "spaced"]
_MESSAGES = UUID("b9a4c7d2-51e6-5f3a-8c0b-2e7f4d6a9135")
_UNTRIED = b"0}}"


def message_id(event_id: str, occurred_at: datetime, webhook_id: str) -> str:
    """The `webhookId` of the body: one for each event and webhook, the same on every retry and re-send.

    It begins with the milliseconds of the event's time, like a version 7 UUID (RFC 9562), so that what is written
    together stands together in the database's indexes.
    """
    milliseconds = max(0, int(occurred_at.timestamp() * 1000))
    return f"wh_{milliseconds:012x}{uuid5(_MESSAGES, f'{event_id} {webhook_id}').hex[:20]}"


def compose(event: Event, webhook_id: str, body_format: str = "compact") -> bytes:
    """The bytes to keep of `event` for one webhook, with a retry count of 0.

    Raises ValueError for NaN and infinities in its data, TypeError for what JSON cannot hold.
    """
    envelope: dict[str, Any] = {
        "webhookId": message_id(event.id, event.occurred_at, webhook_id),
        "event": event.name,
        "timestamp": wire_instant(event.occurred_at),
        "accountId": event.account_id,
        "data": event.data,
        "metadata": {"version": VERSION, "retryCount": 0},
    }
    encode = javascript_json.spaced if body_format == "spaced" else javascript_json.compact
    return encode(envelope)


def with_retry_count(body: bytes, retries: int) -> bytes:
    """The kept bytes with `metadata.retryCount` set, the only thing that an attempt changes."""
    return body.removesuffix(_UNTRIED) + b"%d}}" % retries
