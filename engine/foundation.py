"""What every part of the engine stands on: database, keys, rules, clock, signals."""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from blinker import Namespace, Signal
from sqlalchemy.exc import DatabaseError

from chainbell.delivery import (
    Clock,
    DeliverySettings,
    system_clock,
)
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.logs import log, log_event
from chainbell.engine.metrics import Metrics
from chainbell.engine.snapshots import Snapshots
from chainbell.rules import CATALOGUE, Event, Rule
from chainbell.storage import (
    Database,
    KeyRing,
    generate_key,
    key_file_beside,
)
from chainbell.storage.migrations import RevisionError

EVENT_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
LONGEST_EVENT_NAME = 64


def _checked(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    names = [rule.event for rule in rules]
    for number, name in enumerate(names):
        if not EVENT_NAME.fullmatch(name) or len(name) > LONGEST_EVENT_NAME:
            raise InvalidInputError(f"rules[{number}].event", f"{name!r} is not words joined by dots, such as task.red")
        if name in names[:number]:
            raise InvalidInputError(f"rules[{number}].event", f"two rules have the event {name!r}")
    return tuple(rules)


class Foundation:
    """An open database with its rules; see `Engine`."""

    def __init__(
        self,
        database_url: str,
        *,
        keys: Sequence[str] = (),
        delivery: DeliverySettings | None = None,
        clock: Clock = system_clock,
        rules: Sequence[Rule] = CATALOGUE,
    ) -> None:
        try:
            self.database = Database(database_url)
            self._keys = KeyRing(list(keys)) if keys else self._default_keys()
        except ValueError as error:
            field, _, reason = str(error).partition(": ")
            raise InvalidInputError(field, reason or field) from None
        except OSError as error:
            raise InvalidInputError("database", f"{error.filename}: {error.strerror}") from None
        self.delivery = delivery or DeliverySettings()
        self.rules = _checked(rules)
        self._clock = clock
        self._snapshots = Snapshots()
        self.metrics = Metrics()
        self._signals = Namespace()
        self.deactivated = Signal("Sent when a webhook is switched off, as `handler(engine, webhook_id, reason)`.")
        self.enqueued = Signal(
            "Sent after a commit that may have left deliveries due, with no arguments but the engine."
        )
        try:
            self.database.prepare()
        except RevisionError as error:
            self.database.close()
            raise InvalidInputError("database", str(error)) from None
        except DatabaseError as error:
            self.database.close()
            raise InvalidInputError("database", f"cannot be opened: {error.orig}") from None

    def _default_keys(self) -> KeyRing:
        path = self.database.url.database
        if not self.database.is_sqlite:
            raise ValueError("keys: PostgreSQL needs keys of your own; set CHAINBELL_KEYS")
        if path in (None, "", ":memory:"):
            return KeyRing([generate_key()])
        return key_file_beside(Path(str(path)))

    def now(self) -> datetime:
        """The present, by the engine's clock."""
        return self._clock()

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def signal(self, event_name: str) -> Signal:
        """The blinker signal of one event name, sent after commit as `handler(engine, event=Event)`."""
        known = [rule.event for rule in self.rules]
        if event_name not in known:
            raise InvalidInputError("event", f"{event_name!r} is none of {', '.join(known)}")
        return self._signals.signal(event_name)

    def _announce(self, fired: list[Event]) -> None:
        for event in fired:
            log_event(event)
            self.metrics.event_fired(event)
            self._send(self._signals.signal(event.name), name=event.name, event=event)
        if fired:
            self._send(self.enqueued, name="enqueued")

    def _send(self, signal: Signal, *, name: str, **fields: Any) -> None:
        for receiver in signal.receivers_for(self):
            try:
                receiver(self, **fields)
            except Exception as error:  # noqa: BLE001  a failing subscriber stops nobody
                log.error("chainbell.subscriber_failed", name=name, error=repr(error))
