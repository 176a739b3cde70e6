"""What every part of the engine stands on: database, keys, rules, clock, signals, metrics."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from blinker import Namespace, Signal

from chainbell.delivery.settings import Clock, DeliverySettings, system_clock
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.logs import log, log_event
from chainbell.engine.metrics import Metrics
from chainbell.rules import CATALOGUE, Event, FieldError, Rule
from chainbell.storage import Database, KeyRing, KeyRingError, StorageError, generate_key, key_file_beside, webhooks
from chainbell.storage.snapshots import Snapshots

EVENT_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
LONGEST_EVENT_NAME = 64


class Signals:
    """blinker's signals of one engine, sent by it after commit; one that fails is logged and stops nobody.

    `sender` is what handlers get first: the engine. `enqueued` is sent after a commit that may have left deliveries
    due, `deactivated` when a webhook is switched off, with `webhook_id` and `reason`.
    """

    def __init__(self, event_names: Iterable[str]) -> None:
        self.sender: Any = None
        self._names = tuple(event_names)
        self._signals = Namespace()
        self.enqueued = Signal()
        self.deactivated = Signal()

    def of_event(self, name: str) -> Signal:
        """The signal of one event name, sent with `event`; raises InvalidInputError for an unknown name."""
        if name not in self._names:
            raise InvalidInputError("event", f"{name!r} is none of {', '.join(self._names)}")
        return self._signals.signal(name)

    def fired(self, event: Event) -> None:
        """Tells the subscribers of an event that it has been committed."""
        self._send(self._signals.signal(event.name), event.name, event=event)

    def have_enqueued(self) -> None:
        """Tells that deliveries may be due."""
        self._send(self.enqueued, "enqueued")

    def have_deactivated(self, webhook_id: str, reason: str) -> None:
        """Tells that a webhook has been switched off, and why."""
        self._send(self.deactivated, "deactivated", webhook_id=webhook_id, reason=reason)

    def _send(self, signal: Signal, name: str, **fields: Any) -> None:
        for receiver in signal.receivers_for(self.sender):
            try:
                receiver(self.sender, **fields)
            except Exception as error:  # noqa: BLE001  a failing subscriber stops nobody
                log.error("chainbell.subscriber_failed", signal=name, error=repr(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """An open database with the keys to its secrets, the rules, a clock, and who is told of what happens."""

    database: Database
    keys: KeyRing
    rules: tuple[Rule, ...]
    clock: Clock
    delivery: DeliverySettings
    signals: Signals
    metrics: Metrics = field(default_factory=Metrics)
    snapshots: Snapshots = field(default_factory=Snapshots)

    def now(self) -> datetime:
        """The present, by the clock that was given."""
        return self.clock()

    @property
    def event_names(self) -> tuple[str, ...]:
        """The names of the events that may fire, in the order of the rules."""
        return tuple(rule.event for rule in self.rules)

    def announce(self, fired: Sequence[Event]) -> None:
        """Tells log, metrics and subscribers of events that have been committed."""
        for event in fired:
            log_event(event)
            self.metrics.event_fired(event)
            self.signals.fired(event)
        if fired:
            self.signals.have_enqueued()


def open_core(
    database_url: str,
    *,
    keys: Sequence[str] = (),
    delivery: DeliverySettings | None = None,
    clock: Clock = system_clock,
    rules: Sequence[Rule] = CATALOGUE,
) -> Core:
    """Opens the database, makes its tables if it is empty; raises InvalidInputError for what cannot be used."""
    checked = _checked(rules)
    try:
        given = KeyRing(list(keys)) if keys else None
        database = Database(database_url)
        if given is None and not database.is_sqlite:
            raise KeyRingError("PostgreSQL needs keys of your own; set CHAINBELL_KEYS")
    except FieldError as error:
        raise InvalidInputError(error.field, error.reason) from None
    try:
        database.prepare()
        ring = given or _key_file(database)
    except FieldError as error:
        database.close()
        raise InvalidInputError(error.field, error.reason) from None
    except OSError as error:
        database.close()
        raise InvalidInputError("database", f"{error.filename}: {error.strerror}") from None
    except StorageError as error:
        database.close()
        raise InvalidInputError("database", f"cannot be opened: {error}") from None
    return Core(
        database=database,
        keys=ring,
        rules=checked,
        clock=clock,
        delivery=delivery or DeliverySettings(),
        signals=Signals(rule.event for rule in checked),
    )


def _checked(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    names = [rule.event for rule in rules]
    for number, name in enumerate(names):
        if not EVENT_NAME.fullmatch(name) or len(name) > LONGEST_EVENT_NAME:
            raise InvalidInputError(f"rules[{number}].event", f"{name!r} is not words joined by dots, such as task.red")
        if name in names[:number]:
            raise InvalidInputError(f"rules[{number}].event", f"two rules have the event {name!r}")
    return tuple(rules)


def _key_file(database: Database) -> KeyRing:
    """The key beside a SQLite file, made with it; a database in memory has a key of its own."""
    path = database.url.database
    if path in (None, "", ":memory:"):
        return KeyRing([generate_key()])
    with database.read() as connection:
        has_secrets = webhooks.any_is_registered(connection)
    return key_file_beside(Path(str(path)), creates=not has_secrets)
