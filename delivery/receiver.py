"""For receivers: does this body come from the sender we share a secret with, what does it say, did it come before?

Nothing here knows a web framework: headers and the raw body go in, a status and a text come out. `receiver_app.py` puts
it behind aiohttp.
"""

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from chainbell.delivery.signature import HEADER_PREFIX, is_signed, is_standard_signed, key_length
from chainbell.rules import CATALOGUE, HostId, Rule
from chainbell.rules.payload import MalformedPayloadError, unwire

TOLERANCE = timedelta(minutes=5)
"""How far a delivery's timestamp may lie from the receiver's clock, as Standard Webhooks recommends."""
SHORTEST_SECRET = 8
"""Bytes; a shorter secret is guessed."""


class InvalidSignatureError(ValueError):
    """The body carries no signature made with the secret, or only one older or newer than the tolerance allows."""


class MalformedDeliveryError(ValueError):
    """A genuine body that does not fit the payload of its event; the message names the field."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery, parsed.

    `id` is the same on every retry of the message; `data` is the event's payload (`TaskRed` ...) or, for an unknown
    event, the plain dictionary; `retry_count` counts from 0.
    """

    id: str
    event: str
    timestamp: datetime
    account_id: HostId
    data: Any
    retry_count: int


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secret: str,
    *,
    prefix: str = HEADER_PREFIX,
    tolerance: timedelta | None = TOLERANCE,
    now: datetime | None = None,
) -> dict[str, Any]:
    """The envelope of a genuine delivery, as parsed JSON.

    `body` is the raw bytes as received. The Standard Webhooks signature is required, and its timestamp must lie within
    the `tolerance` of `now` (the present, unless given), so that an old recording cannot be replayed; with None the hex
    signature alone is enough, of whatever age. A genuine delivery can still come more than once: its `webhookId` is the
    same then. Raises InvalidSignatureError for a body that is not genuine, whatever its headers hold, and
    MalformedDeliveryError for one that is not a JSON object.
    """
    if tolerance is None:
        is_genuine = is_signed(headers, body, secret, prefix)
    else:
        is_genuine = is_standard_signed(headers, body, secret, tolerance, now or datetime.now(UTC))
    if not is_genuine:
        raise InvalidSignatureError("the signature does not match the body")
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedDeliveryError("the body is not JSON") from None
    if not isinstance(envelope, dict):
        raise MalformedDeliveryError("the body is not a JSON object")
    return envelope


def parse(envelope: Mapping[str, Any], rules: Sequence[Rule] = CATALOGUE) -> Delivery:
    """The delivery in an envelope, its data as its event's payload class; raises MalformedDeliveryError."""
    try:
        event, data = str(envelope["event"]), envelope["data"]
        payload = next((rule.payload for rule in rules if rule.event == event), None)
        return Delivery(
            str(envelope["webhookId"]),
            event,
            unwire(datetime, envelope["timestamp"], "timestamp"),
            unwire(HostId, envelope["accountId"], "accountId"),
            data if payload is None or _is_test(data) else unwire(payload, data, "data"),
            int(envelope["metadata"]["retryCount"]),
        )
    except MalformedPayloadError as error:
        raise MalformedDeliveryError(str(error)) from None
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedDeliveryError(f"the envelope is not whole: {error!r}") from None


def _is_test(data: Any) -> bool:
    return bool(data == {"test": True})


class Seen(Protocol):
    """Remembers which messages have been handled: it is asked before a message is handled, and told after it."""

    def __contains__(self, message_id: object, /) -> bool: ...

    def add(self, message_id: str, /) -> None:
        """Remembers a message whose handlers have returned."""


class SeenInMemory:
    """Remembers the newest `most` messages of this process."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._seen: OrderedDict[object, None] = OrderedDict()
        self._lock = Lock()

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._seen

    def add(self, message_id: str) -> None:
        """Remembers a message, and forgets the oldest ones beyond `most`."""
        with self._lock:
            self._seen[message_id] = None
            while len(self._seen) > self._most:
                self._seen.popitem(last=False)


class SeenInFile:
    """Remembers the messages of the last 30 days (`keep`), in a SQLite file that several processes may share."""

    def __init__(self, path: Path | str, keep: timedelta = timedelta(days=30)) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._keep = keep
        self._lock = Lock()
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, at TEXT NOT NULL)")
        self._connection.execute("CREATE INDEX IF NOT EXISTS seen_at ON seen (at)")

    def __contains__(self, message_id: object) -> bool:
        with self._lock:
            row: object = self._connection.execute("SELECT 1 FROM seen WHERE id = ?", [message_id]).fetchone()
        return row is not None

    def add(self, message_id: str) -> None:
        """Remembers a message as seen now, and forgets those that were seen longer than `keep` ago."""
        now = datetime.now(UTC)
        with self._lock:
            self._connection.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", [message_id, now.isoformat()])
            self._connection.execute("DELETE FROM seen WHERE at < ?", [(now - self._keep).isoformat()])

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer: an HTTP status and a plain text."""

    status: int
    text: str


Handler = Callable[[Delivery], object]


class Receiver:
    """Verifies and parses deliveries, drops duplicates, calls handlers, answers as the sender's retry table expects.

    A message counts as seen once its handlers have returned. If one raises, the answer is 500 and the message comes
    again, so handlers must tolerate being called twice for one message.

    A delivery older or newer than the `tolerance` by the `clock` is not genuine; None switches that off. Raises
    ValueError for a secret of fewer than 8 bytes.
    """

    def __init__(
        self,
        secret: str,
        *,
        seen: Seen | None = None,
        rules: Sequence[Rule] = CATALOGUE,
        prefix: str = HEADER_PREFIX,
        tolerance: timedelta | None = TOLERANCE,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_error: Callable[[Delivery, Exception], None] = lambda delivery, error: None,
    ) -> None:
        if key_length(secret) < SHORTEST_SECRET:
            raise ValueError(f"secret: has {key_length(secret)} bytes, at least {SHORTEST_SECRET} are needed")
        self._secret = secret
        self._clock = clock
        self._seen: Seen = SeenInMemory() if seen is None else seen
        self._rules = rules
        self._prefix = prefix
        self._tolerance = tolerance
        self._on_error = on_error
        self._handlers: dict[str | None, list[Handler]] = {}

    def on(self, event: str | None = None) -> Callable[[Handler], Handler]:
        """Registers the decorated function for one event, or for all; ValueError for an event that no rule has."""
        if event is not None and event not in [rule.event for rule in self._rules]:
            raise ValueError(f"{event!r} is no event of these rules")

        def register(handler: Handler) -> Handler:
            self._handlers.setdefault(event, []).append(handler)
            return handler

        return register

    def receive(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Handles one request.

        The answer is 200 for a delivery that was handled, was seen before, or is a test event without data of its own;
        401 for one that is not genuine, 400 for one that is not understood, and 500 for one that should be sent again.
        """
        try:
            envelope = verify(
                headers, body, self._secret, prefix=self._prefix, tolerance=self._tolerance, now=self._clock()
            )
            delivery = parse(envelope, self._rules)
        except InvalidSignatureError as error:
            return Reply(401, str(error))
        except MalformedDeliveryError as error:
            return Reply(400, str(error))
        if _is_test(delivery.data):
            return Reply(200, "a test event")
        if delivery.id in self._seen:
            return Reply(200, "seen before")
        try:
            for handler in (*self._handlers.get(delivery.event, ()), *self._handlers.get(None, ())):
                handler(delivery)
            self._seen.add(delivery.id)
        except Exception as error:  # noqa: BLE001  whatever it was, the message is wanted again
            self._on_error(delivery, error)
            return Reply(500, "not handled")
        return Reply(200, "handled")
