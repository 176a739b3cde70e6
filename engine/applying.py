"""Changes in: one, several, a batch, joined to the host's transaction, or only asked about."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from random import uniform
from time import sleep
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from chainbell.engine.changes import Change, Plan, dated, read_change
from chainbell.engine.commit import Applied, UnitOfWork
from chainbell.engine.documents import invalid
from chainbell.engine.errors import ConflictError, InvalidInputError, StorageError
from chainbell.engine.foundation import Foundation
from chainbell.engine.logs import log
from chainbell.engine.plan_documents import PlanDocument, read_plan
from chainbell.engine.sessions import joined_connection, wait_for_commit
from chainbell.engine.watching import watch
from chainbell.rules import Event
from chainbell.storage import (
    VersionConflictError,
    is_conflict,
)

ATTEMPTS_ON_CONFLICT = 8
PAUSE_ON_CONFLICT = 0.005
"""Seconds, doubled with each attempt; a random share of it is waited."""
T = TypeVar("T")


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


class Applying(Foundation):
    """The part of `Engine` that takes changes in."""

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
        parsed = [self._read(change) for change in changes]
        if session is not None:
            return self._apply_joined(parsed, session)
        unit, applied = self._retrying(lambda unit: [one for change in parsed for one in unit.apply(change)])
        self._after_commit(unit, applied)
        return [event for one in applied for event in one.events]

    def _read(self, change: Change | dict[str, Any]) -> Change:
        """A checked change with its instant."""
        return dated(read_change(change), self._clock())

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
        read = [self._read_or_refuse(change) for change in changes]

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

    def _read_or_refuse(self, change: Change | dict[str, Any]) -> tuple[Change | None, InvalidInputError | None]:
        try:
            return self._read(change), None
        except InvalidInputError as error:
            return None, error

    def preview(self, change: Change | dict[str, Any]) -> list[Event]:
        """What the change would fire; nothing is kept. The future may be asked about, too."""
        parsed = self._read(change)
        with self.database.read() as connection:
            unit = UnitOfWork(connection, self._snapshots, self.rules, self._clock(), only_asks=True)
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
                    raise StorageError(f"the database refused: {error.orig}") from error
                conflict = error
                sleep(uniform(0, PAUSE_ON_CONFLICT * 2**attempt))  # noqa: S311  so that two writers part
        raise ConflictError(f"other writers kept changing the project; nothing was kept ({conflict})")

    def _after_commit(self, unit: UnitOfWork, applied: Iterable[Applied]) -> None:
        fired: list[Event] = []
        for one in applied:
            if one.refused is not None:
                refused = {"field": one.refused.field, "reason": one.refused.reason}
                log.error("chainbell.evaluation_refused", project_id=one.project_id, **refused)
            if not one.is_replay:
                fired += one.events
        self._announce(fired)
