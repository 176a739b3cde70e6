"""Applies changes: one, several, a batch, within the host's transaction, or only as a preview."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
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
from chainbell.engine.core import Core
from chainbell.engine.documents.change import Change, Plan, dated, read_change
from chainbell.engine.documents.change_types import ChangeFields
from chainbell.engine.documents.fields import invalid
from chainbell.engine.documents.plan import PlanDocument, read_plan
from chainbell.engine.errors import ConflictError, EvaluationError, InvalidInputError
from chainbell.engine.hosts.sessions import joined_connection, wait_for_commit
from chainbell.engine.hosts.watching import watch
from chainbell.engine.logs import log
from chainbell.engine.planner import Planner
from chainbell.rules import Event
from chainbell.storage import VersionConflictError

ATTEMPTS_ON_CONFLICT = 8
ATTEMPTS_AHEAD = 6
"""How many of them are made without a lock."""
LARGE_PLAN = 200
"""Tasks beyond which a plan is planned in no transaction at all."""
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
GivenChange = Change | ChangeFields | Document
"""A change as a host passes it: already checked, typed, or as parsed from JSON."""


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
        plans = [change for change in parsed if isinstance(change, Plan)]

        def work(unit: UnitOfWork) -> list[Applied]:
            return [one for change in parsed for one in unit.apply(change)]

        unit, applied = self._retrying_ahead(work, plans) if plans else self._retrying(work)
        self._after_commit(unit, applied)
        return [event for one in applied for event in one.events]

    def apply_each(self, changes: Iterable[GivenChange]) -> list[Outcome]:
        """Applies several changes in one transaction, each by itself: a refused one does not affect the others."""
        read = [self._read_or_refuse(change) for change in changes]
        plans = [change for change, _ in read if isinstance(change, Plan)]

        def work(unit: UnitOfWork) -> list[tuple[list[Applied], InvalidInputError | EvaluationError | None]]:
            if not plans:
                unit.lock(change for change, _ in read if change is not None)
            found: list[tuple[list[Applied], InvalidInputError | EvaluationError | None]] = []
            for change, error in read:
                try:
                    found.append(([], error) if change is None else (unit.apply(change), None))
                except (InvalidInputError, EvaluationError) as refused:
                    found.append(([], refused))
            return found

        unit, found = self._retrying_ahead(work, plans) if plans else self._retrying(work)
        self._after_commit(unit, [one for applied, _ in found for one in applied])
        return [Outcome(tuple(event for one in applied for event in one.events), error) for applied, error in found]

    def preview(self, change: GivenChange) -> list[Event]:
        """The events that the change would fire; nothing is stored. The change may lie in the future."""
        parsed, planner = self._read(change), Planner()
        if isinstance(parsed, Plan):
            self._plan_before(parsed, planner)
        with self._core.database.read() as connection:
            unit = self._unit(connection, only_asks=True, planner=planner)
            return [event for one in unit.apply(parsed) for event in one.events]

    def watch(self, sessions: Any) -> None:
        """Applies the host's edits of chainbell's own rows through these ORM sessions as changes, in the same flush."""
        watch(sessions, lambda changes, session: self.apply_all(changes, session=session), self._core.now)

    def _unit(self, connection: Connection, **how: Any) -> UnitOfWork:
        core = self._core
        return UnitOfWork(connection, core.snapshots, core.rules, core.now(), **how)

    def _read(self, change: GivenChange) -> Change:
        """A checked change with its instant."""
        return dated(read_change(change), self._core.now())

    def _read_or_refuse(self, change: GivenChange) -> tuple[Change | None, InvalidInputError | None]:
        try:
            return self._read(change), None
        except InvalidInputError as error:
            return None, error

    def _apply_joined(self, changes: list[Change], session: Session | Connection) -> list[Event]:
        unit = self._unit(joined_connection(session))
        try:
            applied = [one for change in changes for one in unit.apply(change)]
            unit.flush()
        except (VersionConflictError, IntegrityError) as error:
            raise ConflictError(f"another writer came first; roll back and try again ({error})") from error
        if isinstance(session, Session):
            wait_for_commit(session, partial(self._announce_joined, unit, applied))
        return [event for one in applied for event in one.events]

    def _announce_joined(self, unit: UnitOfWork, applied: Iterable[Applied]) -> None:
        unit.committed()
        self._after_commit(unit, applied)

    def _retrying(self, work: Work[T]) -> tuple[UnitOfWork, T]:
        """The work done and committed in one transaction, under the locks of its projects."""
        return self._until_committed(lambda _: self._locked(work))

    def _retrying_ahead(self, work: Work[T], plans: Sequence[Plan]) -> tuple[UnitOfWork, T]:
        """The work done in a transaction that only reads, and then written in a short one, if nothing has changed.

        Large plans are planned before, in no transaction at all. So a plan, however long it takes to level and
        evaluate, keeps no other writer waiting but for its rows. Where others keep changing its project, the last
        attempts are made under the lock, with what was planned already.
        """
        planner = Planner()
        for plan in plans:
            self._plan_before(plan, planner)

        def attempt(number: int) -> tuple[UnitOfWork, T]:
            if number >= ATTEMPTS_AHEAD:
                return self._locked(work, planner)
            with self._core.database.read() as connection:
                unit = self._unit(connection, ahead=True, planner=planner)
                result = work(unit)
            with self._core.database.write() as connection:
                if unit.is_outdated(connection):
                    raise ConflictError("another writer changed the project meanwhile")
                unit.flush(connection)
            return unit, result

        return self._until_committed(attempt)

    def _plan_before(self, change: Plan, planner: Planner) -> None:
        """Plans a large plan that says something new; what is refused is refused where its turn comes."""
        if len(change.plan.tasks) <= LARGE_PLAN:
            return
        with suppress(InvalidInputError, EvaluationError):
            with self._core.database.read() as connection:
                is_new, status = self._unit(connection, ahead=True).to_plan(change)
            if is_new:
                planner(change.plan, change.at, status)

    def _locked(self, work: Work[T], planner: Planner | None = None) -> tuple[UnitOfWork, T]:
        with self._core.database.write() as connection:
            unit = self._unit(connection, planner=planner)
            result = work(unit)
            unit.flush()
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

    def _after_commit(self, unit: UnitOfWork, applied: Iterable[Applied]) -> None:
        fired: list[Event] = []
        for one in applied:
            if one.refused is not None:
                refused = {"field": one.refused.field, "reason": one.refused.reason}
                log.error("chainbell.evaluation_refused", project_id=one.project_id, **refused)
                self._core.metrics.refused.inc()
            if not one.is_replay:
                fired += one.events
        self._core.announce(fired)
