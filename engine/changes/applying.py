"""Applies changes: one, several, a batch, within the host's transaction, or only as a preview."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import partial
from random import uniform
from time import sleep
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from chainbell.engine.changes.unit_of_work import Applied, UnitOfWork
from chainbell.engine.changes.works import Reads, within
from chainbell.engine.core import Core
from chainbell.engine.documents.change import Change, Plan, dated, is_for_all, read_change
from chainbell.engine.documents.change_types import ChangeFields
from chainbell.engine.documents.fields import invalid
from chainbell.engine.documents.plan import PlanDocument, read_plan
from chainbell.engine.errors import ConflictError, EvaluationError, InvalidInputError, StorageError
from chainbell.engine.hosts.sessions import joined, wait_for_commit
from chainbell.engine.hosts.watching import watch
from chainbell.engine.logs import log
from chainbell.engine.planner import Planner
from chainbell.rules import Event, HostId
from chainbell.storage import VersionConflictError, projects
from chainbell.storage.errors import translated

ATTEMPTS_ON_CONFLICT = 8
ATTEMPTS_AHEAD = 6
"""How many of them are made without a lock."""
PAUSE_ON_CONFLICT = 0.005
"""Seconds, doubled with each attempt; the pause is a random fraction of it."""
T = TypeVar("T")
Work = Callable[[UnitOfWork], T]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one of several changes: its events, or why it was refused."""

    events: tuple[Event, ...]
    error: InvalidInputError | EvaluationError | None = None

    @property
    def is_kept(self) -> bool:
        """Whether the change was applied."""
        return self.error is None


Document = dict[str, Any]
Read = tuple[Change | None, InvalidInputError | None]
"""A change that was read, or why it cannot be."""
GivenChange = Change | ChangeFields | Document
"""A change as a host passes it: already checked, typed, or as parsed from JSON."""


def not_written(project_id: HostId, error: StorageError) -> EvaluationError:
    """What is told of a project that was evaluated and that the database does not take."""
    return EvaluationError(project_id, f"it cannot be written: {error}")


class Changes:
    """Applies changes: one, several, within the host's transaction, or only as a preview."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def load(self, plan: PlanDocument | Document, *, at: date | None = None) -> list[Event]:
        """Loads or re-plans a project; a date means the opening of that day.

        A plan equal to that of the current baseline changes nothing.
        """
        document = read_plan(plan)
        try:
            made_at = self._core.now() if at is None else document.instant(at)
            change = Plan(kind="plan", at=made_at, plan=document)
        except ValidationError as error:
            raise invalid(error) from None
        return self.apply_all([change])

    def apply_all(self, changes: Iterable[GivenChange], *, session: Session | Connection | None = None) -> list[Event]:
        """Applies several changes in one transaction, all or none; raises the error of the first that is refused."""
        parsed = [self._read(change) for change in changes]
        if session is not None:
            return self._apply_joined(parsed, session)
        has_plan = any(isinstance(change, Plan) for change in parsed)

        def work(unit: UnitOfWork) -> list[Applied]:
            return [one for change in parsed for one in unit.apply(change)]

        try:
            _, applied = self._retrying_ahead(work) if has_plan else self._retrying(work)
        except StorageError as error:
            if error.is_passing or len(parsed) != 1 or not is_for_all(parsed[0]):
                raise
            return [event for one in self._tick_alone(parsed[0]) for event in one.events]
        self._after_commit(applied)
        return [event for one in applied for event in one.events]

    def apply_each(self, changes: Iterable[GivenChange]) -> list[Outcome]:
        """Applies several changes in one transaction, each by itself: a refused one does not affect the others.

        Where one cannot be written, the others are written in smaller transactions.
        """
        return self._each([self._read_or_refuse(change) for change in changes])

    def _each(self, read: list[Read]) -> list[Outcome]:
        try:
            return self._each_together(read)
        except StorageError as error:
            if error.is_passing:
                raise
            half = len(read) // 2
            return [*self._each(read[:half]), *self._each(read[half:])] if half else [self._alone(read[0][0], error)]

    def _alone(self, change: Change | None, error: StorageError) -> Outcome:
        """The outcome of a change that cannot be written, by itself neither."""
        if change is not None and is_for_all(change):
            return Outcome(tuple(event for one in self._tick_alone(change) for event in one.events))
        project_id = change.plan.project.id if isinstance(change, Plan) else getattr(change, "project_id", 0)
        refused = not_written(project_id, error)
        self._tell_of_refused(Applied((), refused=refused, project_id=project_id))
        return Outcome((), refused)

    def _tick_alone(self, change: Change) -> list[Applied]:
        """A tick for all, each project in a transaction of its own: one that cannot be written holds up nobody."""
        with self._core.database.read() as connection:
            ids = {key: projects.id_of(connection, key) for key in projects.active_keys(connection, change.account_id)}
        done = []
        for key, project_id in ids.items():
            try:
                _, applied = self._retrying(partial(UnitOfWork.tick, key=key, change=change))
            except LookupError:  # erased meanwhile
                continue
            except (InvalidInputError, EvaluationError) as error:
                applied = Applied((), refused=error, project_id=project_id)
            except StorageError as error:
                if error.is_passing:
                    raise
                applied = Applied((), refused=not_written(project_id, error), project_id=project_id)
            self._after_commit([applied])
            done.append(applied)
        return done

    def _each_together(self, read: list[Read]) -> list[Outcome]:
        has_plan = any(isinstance(change, Plan) for change, _ in read)

        def work(unit: UnitOfWork) -> list[tuple[list[Applied], InvalidInputError | EvaluationError | None]]:
            if not has_plan:
                unit.lock(change for change, _ in read if change is not None)
            found: list[tuple[list[Applied], InvalidInputError | EvaluationError | None]] = []
            for change, error in read:
                try:
                    found.append(([], error) if change is None else (unit.apply(change), None))
                except (InvalidInputError, EvaluationError) as refused:
                    found.append(([], refused))
            return found

        _, found = self._retrying_ahead(work) if has_plan else self._retrying(work)
        self._after_commit([one for applied, _ in found for one in applied])
        return [Outcome(tuple(event for one in applied for event in one.events), error) for applied, error in found]

    def preview(self, change: GivenChange) -> list[Event]:
        """The events that the change would fire; nothing is stored. The change may lie in the future."""
        unit = self._unit(self._core.database.read, only_asks=True)
        return [event for one in unit.apply(self._read(change)) for event in one.events]

    def watch(self, sessions: Any) -> None:
        """Applies the host's edits of chainbell's own rows through these ORM sessions as changes, in the same flush."""
        watch(sessions, lambda changes, session: self.apply_all(changes, session=session), self._core.now)

    def _unit(self, reads: Reads, **how: Any) -> UnitOfWork:
        core = self._core
        return UnitOfWork(reads, core.snapshots, core.rules, core.now(), **how)

    def _read(self, change: GivenChange) -> Change:
        """A checked change with its instant."""
        return dated(read_change(change), self._core.now())

    def _read_or_refuse(self, change: GivenChange) -> Read:
        try:
            return self._read(change), None
        except InvalidInputError as error:
            return None, error

    def _apply_joined(self, changes: list[Change], session: Session | Connection) -> list[Event]:
        try:
            with translated(), joined(session) as connection:
                self._core.database.look_at_clock(connection)
                unit = self._unit(within(connection))
                applied = [one for change in changes for one in unit.apply(change)]
                unit.flush(connection)
        except (VersionConflictError, IntegrityError, ConflictError) as error:
            raise ConflictError(f"another writer came first; roll back and try again ({error})") from error
        wait_for_commit(session, partial(self._announce_joined, unit, applied))
        return [event for one in applied for event in one.events]

    def _announce_joined(self, unit: UnitOfWork, applied: Iterable[Applied]) -> None:
        unit.committed()
        self._after_commit(applied)

    def _retrying(self, work: Work[T]) -> tuple[UnitOfWork, T]:
        """The work done and committed in one transaction, under the locks of its projects."""
        return self._until_committed(lambda _: self._locked(work))

    def _retrying_ahead(self, work: Work[T]) -> tuple[UnitOfWork, T]:
        """The work done in no transaction, and then written in a short one, if nothing of what it read has changed.

        So a plan, however long it takes to level and evaluate, keeps no other writer waiting but for its rows. Where
        others keep changing its project, the last attempts are made under the lock, with what was planned already.
        """
        planner, database = Planner(), self._core.database

        def attempt(number: int) -> tuple[UnitOfWork, T]:
            if number >= ATTEMPTS_AHEAD:
                return self._locked(work, planner)
            unit = self._unit(database.read, ahead=True, planner=planner)
            result = work(unit)
            unit.make_ready(database.engine.dialect)
            with database.write() as connection:
                if unit.is_outdated(connection):
                    raise ConflictError("another writer changed the project meanwhile")
                unit.flush(connection)
            return unit, result

        return self._until_committed(attempt)

    def _locked(self, work: Work[T], planner: Planner | None = None) -> tuple[UnitOfWork, T]:
        with self._core.database.write() as connection:
            unit = self._unit(within(connection), planner=planner)
            result = work(unit)
            unit.flush(connection)
        return unit, result

    def _until_committed(self, attempt: Callable[[int], tuple[UnitOfWork, T]]) -> tuple[UnitOfWork, T]:
        """Does it anew where another writer came first, a bounded number of times; then ConflictError."""
        for number in range(ATTEMPTS_ON_CONFLICT):
            try:
                with self._core.metrics.apply_seconds.time():
                    unit, result = attempt(number)
                unit.committed()
                return unit, result
            except (VersionConflictError, IntegrityError, ConflictError) as error:
                conflict = error
                sleep(uniform(0, PAUSE_ON_CONFLICT * 2**number))  # noqa: S311  so that two writers part
        raise ConflictError(f"other writers kept changing the project; nothing was kept ({conflict})")

    def _tell_of_refused(self, one: Applied) -> None:
        if one.refused is not None:
            refused = {"field": one.refused.field, "reason": one.refused.reason}
            log.error("chainbell.evaluation_refused", project_id=one.project_id, **refused)
            self._core.metrics.refused.inc()

    def _after_commit(self, applied: Iterable[Applied]) -> None:
        fired: list[Event] = []
        for one in applied:
            self._tell_of_refused(one)
            if not one.is_replay:
                fired += one.events
        self._core.announce(fired)
