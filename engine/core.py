"""What every part of the engine uses: database, keys, rules, clock, signals, metrics."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from blinker import Namespace, Signal
from sqlalchemy import Connection

from chainbell.delivery.settings import Clock, DeliverySettings, system_clock
from chainbell.engine.documents.registration import all_sealed
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.logs import log, log_event
from chainbell.engine.metrics import Metrics
from chainbell.rules import CATALOGUE, Event, FieldError, Rule
from chainbell.storage import (
    Act,
    Actor,
    Database,
    KeyRing,
    KeyRingError,
    StorageError,
    audit,
    generate_key,
    key_file_beside,
    webhooks,
)
from chainbell.storage.secrets import key_file_of
from chainbell.storage.snapshots import Snapshots

KEYS = "CHAINBELL_KEYS"
"""The environment variable of the keys, separated by commas: the first one seals, all of them open."""
SAMPLE = 10
"""How many sealed secrets are tried when a database is opened."""
EVENT_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
LONGEST_EVENT_NAME = 64
SEALED_AT_ONCE = 100
"""Registrations whose headers are sealed in one transaction."""


class Signals:
    """The blinker signals of one engine, sent after commit; a failing subscriber is logged and stops no other.

    `sender`, the engine, is the first argument of every handler. `enqueued` is sent after a commit that may have made
    deliveries due; `deactivated` is sent with `webhook_id` and `reason` when a webhook is deactivated.
    """

    def __init__(self, event_names: Iterable[str]) -> None:
        self.sender: Any = None
        self._names = tuple(event_names)
        self._signals = Namespace()
        self.enqueued = Signal()
        self.deactivated = Signal()

    def of_event(self, name: str) -> Signal:
        """The signal of one event name, sent with `event`; raises InvalidInputError if the name is unknown."""
        if name not in self._names:
            raise InvalidInputError("event", f"{name!r} is none of {', '.join(self._names)}")
        return self._signals.signal(name)

    def fired(self, event: Event) -> None:
        """Tells the subscribers of an event name that this event has been committed."""
        self._send(self._signals.signal(event.name), event.name, event=event)

    def have_enqueued(self) -> None:
        """Tells subscribers that deliveries may be due."""
        self._send(self.enqueued, "enqueued")

    def have_deactivated(self, webhook_id: str, reason: str) -> None:
        """Tells subscribers that a webhook has been deactivated, and why."""
        self._send(self.deactivated, "deactivated", webhook_id=webhook_id, reason=reason)

    def _send(self, signal: Signal, name: str, **fields: Any) -> None:
        for receiver in signal.receivers_for(self.sender):
            try:
                receiver(self.sender, **fields)
            except Exception as error:  # noqa: BLE001  a failing subscriber stops nobody
                log.error("chainbell.subscriber_failed", signal=name, error=repr(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """An open database with the keys to its secrets, the rules, a clock, the signals and the metrics."""

    database: Database
    keys: KeyRing
    rules: tuple[Rule, ...]
    clock: Clock
    delivery: DeliverySettings
    signals: Signals
    key_file: Path | None = None
    metrics: Metrics = field(default_factory=Metrics)
    snapshots: Snapshots = field(default_factory=Snapshots)

    def now(self) -> datetime:
        """The current instant, according to the engine's clock."""
        return self.clock()

    def record(self, connection: Connection, actor: Actor, act: Act) -> None:
        """Writes a line of the audit trail, in the transaction of the act that it tells of."""
        audit.write(connection, actor, act, self.now())

    @property
    def event_names(self) -> tuple[str, ...]:
        """The names of the events that may fire, in the order of the rules."""
        return tuple(rule.event for rule in self.rules)

    def announce(self, fired: Sequence[Event]) -> None:
        """Reports committed events to the log, the metrics and the subscribers."""
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
    """Opens the database and creates its tables if it is empty; raises InvalidInputError if an argument is unusable.

    Unless another clock is given, that of the database server counts, where there is one.
    """
    checked = _checked(rules)
    try:
        of_environment = [key for key in os.environ.get(KEYS, "").split(",") if key.strip()]
        given = KeyRing([key.strip() for key in keys or of_environment]) if keys or of_environment else None
        database = Database(database_url)
        if given is None and not database.is_sqlite:
            raise KeyRingError("PostgreSQL needs keys of your own; set CHAINBELL_KEYS")
    except FieldError as error:
        raise InvalidInputError(error.field, error.reason) from None
    try:
        database.prepare()
        ring = _checked_keys(database, given)
        _seal_headers(database, ring)
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
        clock=database.now if clock is system_clock else clock,
        delivery=delivery or DeliverySettings(),
        key_file=key_file_of(Path(str(database.url.database))) if given is None and not database.is_in_memory else None,
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


def _checked_keys(database: Database, given: KeyRing | None) -> KeyRing:
    """The keys that were given, or those beside a SQLite file, created with it; a database in memory has its own.

    Raises KeyRingError where the database has sealed secrets, and no key for them: deliveries could not be signed.
    """
    path = database.url.database
    if given is None and database.is_in_memory:
        return KeyRing([generate_key()])
    with database.read() as connection:
        sealed = webhooks.sealed_secrets(connection, SAMPLE)
    ring = given or key_file_beside(Path(str(path)), creates=not sealed)
    if sealed and not any(ring.opens(secret) for secret in sealed):
        where = KEYS if given is not None else key_file_of(Path(str(path))).name
        raise KeyRingError(f"none of those in {where} opens the secrets of this database")
    return ring


def _seal_headers(database: Database, keys: KeyRing) -> None:
    """Seals the header values that stand open from before they were sealed: a migration has no keys."""
    with database.read() as connection:
        is_done = not webhooks.has_open_headers(connection)
    while not is_done:
        with database.write() as connection:
            found = webhooks.with_open_headers(connection, SEALED_AT_ONCE)
            for webhook in found:
                sealed = all_sealed(webhook, keys)
                webhooks.change_webhook(connection, webhook.id, {"headers": {}, "sealed_headers": sealed})
        is_done = len(found) < SEALED_AT_ONCE
