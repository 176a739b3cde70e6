"""The front door: changes in, events out."""

import re
import secrets as token_source
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from random import uniform
from time import sleep
from typing import Any, TypeVar
from uuid import uuid4

from blinker import Namespace, Signal
from pydantic import ValidationError
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from chainbell.delivery import (
    Clock,
    DeliverySettings,
    Dispatcher,
    RefusedEndpointError,
    check_headers,
    check_url,
    system_clock,
)
from chainbell.engine.baselines import Baseline, baselines_of
from chainbell.engine.batch import CHUNK, BatchReport, ChunkReport, Job
from chainbell.engine.batch import run as run_batch
from chainbell.engine.changes import Change, Plan, read_change
from chainbell.engine.commit import Applied, UnitOfWork
from chainbell.engine.documents import invalid
from chainbell.engine.errors import ConflictError, InvalidInputError
from chainbell.engine.logs import log, log_event, log_fenced, log_settled
from chainbell.engine.plan_documents import PlanDocument, read_plan
from chainbell.engine.sessions import joined_connection, wait_for_commit
from chainbell.engine.snapshots import Snapshots
from chainbell.engine.status import FeverPoint, ProjectReport, report
from chainbell.engine.watching import watch
from chainbell.rules import CATALOGUE, CalendarRangeError, Event, HostId, Rule
from chainbell.storage import (
    AmbiguousProjectError,
    Database,
    KeyRing,
    VersionConflictError,
    Webhook,
    events,
    generate_key,
    history,
    is_conflict,
    key_file_beside,
    webhooks,
)
from chainbell.storage import projects as store
from chainbell.storage.migrations import RevisionError
from chainbell.storage.types import decode_host_id

ATTEMPTS_ON_CONFLICT = 8
PAUSE_ON_CONFLICT = 0.005
"""Seconds, doubled with each attempt; a random share of it is waited."""
T = TypeVar("T")
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one change of a batch brought: its events, or why it was refused; `is_kept` if it was committed."""

    events: tuple[Event, ...]
    error: InvalidInputError | None
    is_kept: bool


class _RefusedError(Exception):
    """A batch that is refused whole, with what was found of each change."""

    def __init__(self, found: list[tuple[list[Applied], InvalidInputError | None]]) -> None:
        super().__init__()
        self.found = found


def _read_or_refuse(change: Change | dict[str, Any]) -> tuple[Change | None, InvalidInputError | None]:
    try:
        return read_change(change), None
    except InvalidInputError as error:
        return None, error


class Engine:
    """A chainbell database with its rules.

    `database_url` is SQLAlchemy's (`sqlite:///chainbell.db`, `postgresql://...`). `keys` seal webhook secrets; without
    them a SQLite file gets a key file beside it. `clock` says what time it is for deliveries; changes bring their own
    time. `rules` are the events that may fire, in their order: the ten of
    `CATALOGUE` and any of the host's own. Raises InvalidInputError for a URL, keys or rules that cannot be used.
    """

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
        self._signals = Namespace()
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

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- changes in -------------------------------------------------------------------------------------------------

    def load(self, plan: PlanDocument | dict[str, Any], *, at: datetime | None = None) -> list[Event]:
        """Loads or re-plans a project. A plan equal to the current baseline's changes nothing."""
        document = read_plan(plan)
        try:
            change = Plan(kind="plan", at=at or self._clock(), plan=document)
        except ValidationError as error:
            raise invalid(error) from None
        return self.apply(change)

    def apply(self, change: Change | dict[str, Any], *, session: Session | Connection | None = None) -> list[Event]:
        """Applies one change durably and returns its events; with a `changeId` seen before, those it brought then.

        With a `session` (or a connection) the change joins the host's transaction: nothing is committed here, a
        rollback of the host takes state, events and deliveries along, and signals wait for the session's commit.

        Raises InvalidInputError (and StaleChange) naming field and reason, ConflictError when other writers keep
        winning; nothing of the change is then written.
        """
        return self.apply_all([change], session=session)

    def apply_all(
        self, changes: Iterable[Change | dict[str, Any]], *, session: Session | Connection | None = None
    ) -> list[Event]:
        """Applies several changes in one transaction: all of them, or none and the first one's error."""
        parsed = [read_change(change) for change in changes]
        if session is not None:
            return self._apply_joined(parsed, session)
        unit, applied = self._retrying(lambda unit: [one for change in parsed for one in unit.apply(change)])
        self._after_commit(unit, applied)
        return [event for one in applied for event in one.events]

    def _apply_joined(self, changes: list[Change], session: Session | Connection) -> list[Event]:
        unit = UnitOfWork(joined_connection(session), self._snapshots, self.rules, self._clock())
        try:
            applied = [one for change in changes for one in unit.apply(change)]
            unit.flush()
        except (VersionConflictError, IntegrityError) as error:
            raise ConflictError(f"another writer came first; roll back and try again ({error})") from error
        if isinstance(session, Session):
            wait_for_commit(session, self._announce_joined, unit, applied)
        return [event for one in applied for event in one.events]

    def _announce_joined(self, unit: UnitOfWork, applied: Iterable[Applied]) -> None:
        unit.committed()
        self._after_commit(unit, applied)

    def watch(self, sessions: Any) -> None:
        """Applies what a host edits on chainbell's own rows through these ORM sessions, in the same flush.

        `sessions` is a Session class, a sessionmaker or one session. `TaskRow.status`, `.remaining` and `.percent`,
        `ProjectRow.status` and `MilestoneRow.achieved_at` may be edited; InvalidInputError from the flush refuses the
        rest. `session.info["chainbell_by"]` may name the person.
        """
        watch(sessions, lambda changes, session: self.apply_all(changes, session=session), self._clock)

    def apply_many(self, changes: Iterable[Change | dict[str, Any]], *, keep_good: bool = True) -> list[Outcome]:
        """Applies many changes in one transaction and says of each what it brought or why it was refused.

        With `keep_good` the others stand; without, one refused change refuses all (`Outcome.is_kept` tells).
        """
        read = [_read_or_refuse(change) for change in changes]

        def work(unit: UnitOfWork) -> list[tuple[list[Applied], InvalidInputError | None]]:
            unit.lock(change for change, _ in read if change is not None)
            found: list[tuple[list[Applied], InvalidInputError | None]] = []
            for change, error in read:
                try:
                    found.append(([], error) if change is None else (unit.apply(change), None))
                except InvalidInputError as refused:
                    found.append(([], refused))
            if not keep_good and any(error for _, error in found):
                raise _RefusedError(found)
            return found

        try:
            unit, found = self._retrying(work)
        except _RefusedError as refused:
            return [Outcome((), error, is_kept=False) for _, error in refused.found]
        self._after_commit(unit, [one for applied, _ in found for one in applied])
        return [
            Outcome(tuple(event for one in applied for event in one.events), error, is_kept=error is None)
            for applied, error in found
        ]

    def reevaluate(
        self,
        as_of: datetime | None = None,
        *,
        accounts: Sequence[HostId] | None = None,
        projects: Sequence[HostId] | None = None,
        workers: int = 1,
        dask: str | None = None,
        dry_run: bool = False,
        on_chunk: Callable[[ChunkReport], None] = lambda report: None,
    ) -> BatchReport:
        """Lets time pass for all Active projects, or those named: as of now, or of an instant.

        `workers` are processes on this machine, `dask` is the address of a cluster (PostgreSQL only). Projects already
        evaluated at that instant are left out, so a second run adds nothing. `on_chunk` hears of each chunk written.
        Raises InvalidInputError naming the argument.
        """
        at = as_of or self._clock()
        if at.tzinfo is None:
            raise InvalidInputError("asOf", "an instant needs a time zone")
        if workers < 1:
            raise InvalidInputError("workers", f"{workers} is less than 1")
        if self.database.url.database in (None, "", ":memory:") and (workers > 1 or dask):
            raise InvalidInputError("workers", "a database in memory belongs to one process")
        if self.database.is_sqlite and dask:
            raise InvalidInputError("dask", "a cluster needs PostgreSQL: a SQLite file belongs to one machine")
        job = Job(self.database.url.render_as_string(hide_password=False), at, self.rules, self._clock(), dry_run)
        if workers == 1 and dask is None:
            job = replace(job, database=self.database)

        def announce(report: ChunkReport) -> None:
            for project_id, reason in report.refused:
                log.error("chainbell.evaluation_refused", project_id=project_id, reason=reason)
            if not dry_run:
                self._announce(list(report.events))
            on_chunk(report)

        return run_batch(job, self._chunks(at, accounts, projects), announce, workers=workers, dask=dask)

    def count_to_reevaluate(
        self, as_of: datetime, accounts: Sequence[HostId] | None = None, projects: Sequence[HostId] | None = None
    ) -> int:
        """How many projects `reevaluate` would look at."""
        with self.database.read() as connection:
            return store.count_to_evaluate(connection, as_of, accounts, projects)

    def _chunks(
        self, as_of: datetime, accounts: Sequence[HostId] | None, project_ids: Sequence[HostId] | None
    ) -> Iterator[list[int]]:
        last = -1
        while True:
            with self.database.read() as connection:
                keys = store.keys_to_evaluate(connection, as_of, last, CHUNK, accounts, project_ids)
            if not keys:
                return
            yield keys
            last = keys[-1]

    def preview(self, change: Change | dict[str, Any]) -> list[Event]:
        """What the change would fire; nothing is kept."""
        parsed = read_change(change)
        with self.database.read() as connection:
            unit = UnitOfWork(connection, self._snapshots, self.rules, self._clock(), lock=False)
            return [event for one in unit.apply(parsed) for event in one.events]

    def _retrying(self, work: Callable[[UnitOfWork], T]) -> tuple[UnitOfWork, T]:
        """The work done and committed; done anew where another writer came first, a bounded number of times."""
        for attempt in range(ATTEMPTS_ON_CONFLICT):
            try:
                with self.database.write() as connection:
                    unit = UnitOfWork(connection, self._snapshots, self.rules, self._clock())
                    result = work(unit)
                    unit.flush()
                unit.committed()
                return unit, result
            except (VersionConflictError, IntegrityError, OperationalError) as error:
                if isinstance(error, OperationalError) and not is_conflict(error):
                    raise
                conflict = error
                sleep(uniform(0, PAUSE_ON_CONFLICT * 2**attempt))  # noqa: S311  so that two writers part
        raise ConflictError(f"other writers kept changing the project; nothing was kept ({conflict})")

    def _after_commit(self, unit: UnitOfWork, applied: Iterable[Applied]) -> None:
        fired: list[Event] = []
        for one in applied:
            if one.refused is not None:
                log.error("chainbell.evaluation_refused", field=one.refused.field, reason=one.refused.reason)
            if not one.is_replay:
                fired += one.events
        self._announce(fired)

    # --- signals out ------------------------------------------------------------------------------------------------

    def signal(self, event_name: str) -> Signal:
        """The blinker signal of one event name, sent after commit as `handler(engine, event=Event)`."""
        known = [rule.event for rule in self.rules]
        if event_name not in known:
            raise InvalidInputError("event", f"{event_name!r} is none of {', '.join(known)}")
        return self._signals.signal(event_name)

    def _announce(self, fired: list[Event]) -> None:
        for event in fired:
            log_event(event)
            self._send(self._signals.signal(event.name), name=event.name, event=event)
        if fired:
            self._send(self.enqueued, name="enqueued")

    def _send(self, signal: Signal, *, name: str, **fields: Any) -> None:
        for receiver in signal.receivers_for(self):
            try:
                receiver(self, **fields)
            except Exception as error:  # noqa: BLE001  a failing subscriber stops nobody
                log.error("chainbell.subscriber_failed", name=name, error=repr(error))

    # --- reading ----------------------------------------------------------------------------------------------------

    def events(
        self,
        project: HostId | None = None,
        *,
        account: HostId | None = None,
        name: str | None = None,
        limit: int | None = None,
    ) -> list[Event]:
        """Kept events, oldest first; with a limit the newest of them."""
        with self.database.read() as connection:
            return events.find_events(connection, account_id=account, project_id=project, name=name, limit=limit)

    def event(self, event_id: str) -> Event:
        """One kept event with its `why`; raises InvalidInputError if there is none of this id."""
        with self.database.read() as connection:
            found = events.find_event(connection, event_id)
        if found is None:
            raise InvalidInputError("event", f"there is no event {event_id!r}")
        return found

    def status(self, project: HostId, *, account: HostId | None = None, as_of: datetime | None = None) -> ProjectReport:
        """The state of a project at `as_of`; by default at its last evaluation, before any at its start."""
        with self.database.read() as connection:
            key = self._project_key(connection, project, account)
            stored = store.read(connection, key).project
            trail = tuple(FeverPoint(**point) for point in history.fever_points(connection, key))
        at = as_of or stored.evaluated_at or stored.calendar.opening(stored.start_date)
        if at.tzinfo is None:
            raise InvalidInputError("asOf", "an instant needs a time zone")
        try:
            return report(stored, at, trail)
        except (CalendarRangeError, OverflowError) as error:
            raise InvalidInputError("asOf", f"the forecast leaves all dates: {error}") from None

    def baselines(self, project: HostId, *, account: HostId | None = None) -> list[Baseline]:
        """Every baseline of a project, the first one first, each with what it changed."""
        with self.database.read() as connection:
            kept = history.baselines(connection, self._project_key(connection, project, account))
        return baselines_of(kept)

    def _project_key(self, connection: Connection, project: HostId, account: HostId | None) -> int:
        try:
            located = store.locate(connection, project, account)
        except AmbiguousProjectError:
            raise InvalidInputError("account", f"several accounts have a project {project!r}; name one") from None
        if located is None:
            raise InvalidInputError("projectId", f"there is no project {project!r}")
        return located.key

    def resolve_project_id(self, text: str) -> HostId:
        """A project id as typed by a person: the integer if it is one and such a project exists, else the string."""
        candidates: list[HostId] = [decode_host_id(text), text]
        with self.database.read() as connection:
            for candidate in candidates:
                try:
                    if store.locate(connection, candidate, None) is not None:
                        return candidate
                except AmbiguousProjectError:
                    return candidate
        raise InvalidInputError("projectId", f"there is no project {text!r}")

    # --- webhooks ---------------------------------------------------------------------------------------------------

    def add_webhook(
        self,
        account: HostId,
        url: str,
        *,
        name: str = "webhook",
        events: Sequence[str] | None = None,
        secret: str | None = None,
        headers: dict[str, str] | None = None,
        body_format: str = "compact",
        is_active: bool = True,
    ) -> tuple[Webhook, str]:
        """Registers an endpoint, for all events unless some are named; returns it with its secret, shown this once.

        Raises InvalidInputError for a URL or header that the guard refuses, an unknown event, an empty secret.
        """
        known = [rule.event for rule in self.rules]
        wanted = list(known if events is None else dict.fromkeys(events))
        for number, event in enumerate(wanted):
            if event not in known:
                raise InvalidInputError(f"events[{number}]", f"{event!r} is none of {', '.join(known)}")
        if not wanted:
            raise InvalidInputError("events", "name at least one event")
        if secret == "":
            raise InvalidInputError("secret", "is empty")
        if body_format not in ("compact", "spaced"):
            raise InvalidInputError("bodyFormat", f"{body_format!r} is neither 'compact' nor 'spaced'")
        try:
            check_url(url, self.delivery.guard)
            check_headers(headers or {}, self.delivery.header_prefix)
        except RefusedEndpointError as error:
            field, _, reason = str(error).partition(": ")
            raise InvalidInputError(field, reason) from None
        plain = secret or token_source.token_urlsafe(32)
        webhook = Webhook(
            id="wh_" + uuid4().hex[:20],
            account_id=account,
            name=name,
            url=url,
            events=tuple(wanted),
            sealed_secret=self._keys.seal(plain),
            created_at=self._clock(),
            headers=headers or {},
            body_format=body_format,
            is_active=is_active,
        )
        with self.database.write() as connection:
            webhooks.add_webhook(connection, webhook)
        return webhook, plain

    def webhooks(self, account: HostId | None = None) -> list[Webhook]:
        with self.database.read() as connection:
            return webhooks.webhooks(connection, account)

    def webhook_log(self, webhook_id: str, limit: int = 50) -> list[dict[str, Any]]:
        """The attempts of one webhook, newest first; raises InvalidInputError if there is no such webhook."""
        with self.database.read() as connection:
            if webhooks.find_webhook(connection, webhook_id) is None:
                raise InvalidInputError("webhook", f"there is no webhook {webhook_id!r}")
            return webhooks.attempt_log(connection, webhook_id, limit)

    def dispatcher(self, settings: DeliverySettings | None = None) -> Dispatcher:
        """A dispatcher for this database; make it inside a running event loop."""
        return Dispatcher(
            self.database,
            self._keys,
            settings or self.delivery,
            clock=self._clock,
            on_settled=log_settled,
            on_fenced=log_fenced,
        )
