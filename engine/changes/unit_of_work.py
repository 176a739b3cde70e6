"""A unit of work: changes applied to projects in memory, then written together within the caller's transaction.

Nothing is written before `flush`, so a refused change leaves nothing behind and does not affect the other changes. Each
project is read once, evaluated after every change, and written once, with its events and their deliveries.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, Dialect

from chainbell.delivery.fanning_out import delivery_to
from chainbell.engine.changes.revising import revise
from chainbell.engine.changes.sameness import body_of, digest_of, is_same_plan, refuse_other
from chainbell.engine.changes.works import KeptChange, Reads, Work, Works
from chainbell.engine.documents.change import Change, ClockTick, Plan, is_for_all
from chainbell.engine.errors import EvaluationError, InvalidInputError
from chainbell.engine.planner import Planner
from chainbell.rules import CalendarRangeError, Event, HostId, Project, ProjectStatus, Rule, evaluate
from chainbell.rules.planning.differences import outline
from chainbell.storage import (
    Located,
    NewDelivery,
    StoredProject,
    events,
    fanouts,
    history,
    outbox,
    projects,
    saving,
    subscriptions,
)
from chainbell.storage.plan_rows import plan_rows
from chainbell.storage.snapshots import Snapshots
from chainbell.storage.subscriptions import Subscriber

MOST_AHEAD = timedelta(days=1)
"""How far ahead of the engine's clock a change may lie. A report with a wrong year would make all later ones stale."""

MOST_AT_ONCE = 500
"""How many deliveries to one account are written in the transaction of their events; more are only promised there."""


@dataclass(frozen=True, slots=True)
class Applied:
    """The result of a change for one project; `is_replay` if its `changeId` had already been applied.

    `refused` says why a clock tick for all projects could not be applied to the project with this `project_id`.
    """

    events: tuple[Event, ...]
    is_replay: bool = False
    refused: InvalidInputError | EvaluationError | None = None
    project_id: HostId | None = None


class UnitOfWork:
    """Applies changes; `flush` writes them, `committed` remembers the new snapshots.

    `reads` opens the connection for each thing that is read: always the same one for a unit that works within one
    transaction (`within`). `now` dates the deliveries, and what is recorded. With `only_asks` nothing is locked, and
    the future may be asked about. A unit that works `ahead` locks nothing either, and holds no transaction while it
    evaluates; `make_ready` prepares its rows, and `flush` writes them once `is_outdated` has said that nothing of what
    was read has changed.

    Raises InvalidInputError and StaleChange for a change that cannot be taken, and from `flush` the store's
    VersionConflictError; the caller rolls back.
    """

    def __init__(
        self,
        reads: Reads,
        snapshots: Snapshots,
        rules: Sequence[Rule],
        now: datetime,
        *,
        only_asks: bool = False,
        ahead: bool = False,
        planner: Planner | None = None,
    ) -> None:
        self._reads = reads
        self._snapshots = snapshots
        self._rules = rules
        self._now = now
        self._latest = None if only_asks else now + MOST_AHEAD
        self._works = Works(reads, snapshots, lock=not (only_asks or ahead), knows_webhooks=not ahead)
        self._planner = planner or Planner()
        self._written: list[StoredProject] = []

    def apply(self, change: Change) -> list[Applied]:
        """Applies a change to its project, or a clock tick without a project to every Active project."""
        if self._latest is not None and change.at > self._latest:
            raise InvalidInputError(
                "at", f"{change.at.isoformat()} lies more than a day ahead of the clock, {self._now.isoformat()}"
            )
        if not is_for_all(change):
            return [self._apply_to(self._works.target(change), change)]
        applied = []
        for found in self._works.active(change.account_id):
            if isinstance(found, EvaluationError):
                applied.append(Applied((), refused=found, project_id=found.project_id))
                continue
            try:
                applied.append(self._apply_to(found, change))
            except (InvalidInputError, EvaluationError) as error:  # one that cannot be evaluated holds up nobody
                project_id = None if found.project is None else found.project.id
                applied.append(Applied((), refused=error, project_id=project_id))
        return applied

    def reevaluate(self, key: int, at: datetime) -> Applied:
        """Re-evaluates one project; stores its state and events, but no change."""
        return self._apply_to(self._works.known(key), ClockTick(kind="clock", at=at), keep_change=False)

    def tick(self, key: int, change: Change) -> Applied:
        """Applies a clock tick that is meant for all to one of the projects."""
        return self._apply_to(self._works.known(key), change)

    def lock(self, changes: Iterable[Change]) -> None:
        """Locks the projects of a batch in a fixed order, so that two batches cannot deadlock."""
        ids = {change.plan.project.id if isinstance(change, Plan) else change.project_id for change in changes}
        with self._reads() as connection:
            projects.lock_all(connection, [project_id for project_id in ids if project_id is not None])

    def take(self, stored: Iterable[StoredProject]) -> None:
        """Takes projects that the caller has already read and locked."""
        self._works.take(stored)

    def _apply_to(self, work: Work, change: Change, *, keep_change: bool = True) -> Applied:
        digest = digest_of(change)
        known = self._known(work, change, digest)
        if known is not None:
            if not known.is_replay and change.change_id is not None:
                work.keep(KeptChange(change, body_of(change), (), digest))
            return known
        before = work.project
        after, fired = self._evaluated(work, change)
        if isinstance(change, Plan):  # a plan says what is promised; it does not move time on
            last = None if before is None else before.evaluated_at
            after = replace(after, evaluated_at=last and min(last, change.at))
        work.project = after
        if keep_change or fired:
            work.keep(KeptChange(change, body_of(change), fired, digest))
        else:
            work.looked_at = True
        return Applied(fired)

    def _known(self, work: Work, change: Change, digest: str) -> Applied | None:
        """The result of a change that was applied before or that changes nothing; None for a new change."""
        if change.change_id is not None:
            earlier = work.by_change_id.get(change.change_id)
            if earlier is not None:
                refuse_other(change, digest, earlier.digest)
                return Applied(earlier.events, is_replay=True)
            if work.found is not None:
                with self._reads() as connection:
                    known = events.find_change(connection, work.found.key, change.change_id)
                    fired = () if known is None else tuple(events.events_of_change(connection, known.key))
                if known is not None:
                    refuse_other(change, digest, known.digest)
                    return Applied(fired, is_replay=True)
        if isinstance(change, Plan) and work.project is not None:
            kept = work.plans[-1].plan if work.plans else None
            if kept is None and work.found is not None:
                with self._reads() as connection:
                    kept = history.kept_plan(connection, work.found.key, work.project.baseline)
            if kept is not None and is_same_plan(kept, change.plan):
                return Applied(())
        return None

    def _evaluated(self, work: Work, change: Change) -> tuple[Project, tuple[Event, ...]]:
        """The project after the change, and its events; remembers a new baseline and a moved fever point.

        Raises EvaluationError if anything but the input is wrong: a rule that fails, a state that it cannot handle.
        """
        revision = revise(work.project, change, self._planner)
        try:
            seen = evaluate(work.project, revision.project, change.at, revision.cause, self._rules)
            seen.project.calendar.finish_date(seen.assessment.last_finish)  # it must have a date
            planned = outline(seen.project) if isinstance(change, Plan) else {}
        except CalendarRangeError as error:
            raise InvalidInputError("change", f"moves the forecast beyond all dates: {error}") from None
        except Exception as error:
            raise EvaluationError(revision.project.id, f"{type(error).__name__}: {error}") from error
        if isinstance(change, Plan):
            plan = body_of(change)["plan"]
            number, notes = seen.project.baseline, list(revision.notes)
            work.plans.append(history.KeptBaseline(number, change.at, plan, planned, notes))
        if seen.project.status != ProjectStatus.PLANNING:
            at = seen.project.evaluated_at or change.at
            point = history.fever_point(seen.project, seen.assessment, at, self._now)
            if work.point is None or point.place != work.point.place:
                work.point = point
                work.points.append(point)
        return seen.project, seen.events

    # --- writing ----------------------------------------------------------------------------------------------------

    def make_ready(self, dialect: Dialect) -> None:
        """Prepares the rows of new baselines and of events, so that `flush` has little left to do."""
        for work in self._works.all():
            if work.plans and work.project is not None and work.ready is None:
                before = None if work.found is None else work.found.project
                work.ready = plan_rows(dialect, before, work.project), history.baseline_rows(dialect, work.plans)
            for one in work.changes:
                if one.rows is None:
                    one.rows = events.event_rows(dialect, one.events)

    def flush(self, connection: Connection) -> None:
        """Writes every changed project with its changes, events, baselines, fever points and deliveries.

        The projects are those of the connection's transaction, or the caller holds them in it at the versions that were
        read (`forget_changed`, `is_outdated`).
        """
        self.make_ready(connection.dialect)
        kept: list[tuple[int, KeptChange]] = []
        quiet: dict[datetime, list[int]] = {}
        unheard: set[int] = set()
        for work in self._works.all():
            if work.project is None or not (work.changes or work.looked_at):
                continue
            if work.found is not None and (at := work.only_looked_at) is not None:
                quiet.setdefault(at, []).append(work.found.key)
                continue
            key = self._write(connection, work, work.project)
            kept += [(key, change) for change in work.changes]
            if not work.has_webhooks and connection.dialect.name == "sqlite":  # else one may have come while we waited
                unheard.add(key)
        for at, keys in quiet.items():
            saving.touch(connection, keys, at)
        if kept:
            self._write_changes(connection, kept, unheard)

    def _write(self, connection: Connection, work: Work, project: Project) -> int:
        """Writes one project with its baselines and points; returns the key of its row."""
        if work.found is not None:
            key, version, before = work.found.key, work.found.version, work.found.project
        else:
            key, version, before = *saving.insert_project(connection, project), None
        plan, baselines = work.ready or (None, ())
        if project is not before:
            saving.save(connection, key, version, before, project, plan)
            version += 1
        history.keep_baselines(connection, key, baselines)
        history.add_fever_points(connection, key, work.points)
        self._written.append(StoredProject(key, version, project, work.point))
        return key

    def _write_changes(
        self, connection: Connection, kept: Sequence[tuple[int, KeptChange]], unheard: Container[int]
    ) -> None:
        rows = [
            events.NewChange(key, one.change.change_id, one.change.kind, one.change.at, self._now, one.body, one.digest)
            for key, one in kept
        ]
        for (key, one), change_key in zip(kept, events.add_changes(connection, rows), strict=True):
            events.add_events(connection, key, change_key, one.rows or ())
        self._enqueue(connection, [event for key, one in kept if key not in unheard for event in one.events])

    def is_outdated(self, connection: Connection) -> bool:
        """Whether another writer has changed a project since it was read; locks those of the unit."""
        return self._works.is_outdated(projects.versions(connection, sorted(self._works.found), lock=True))

    def forget_changed(self, current: Iterable[Located]) -> list[int]:
        """Drops the projects whose version has changed since they were read; returns those that still exist."""
        return self._works.forget_changed(current)

    def written_events(self) -> list[Event]:
        """The events of all changes of this unit, except those of replays."""
        return [event for work in self._works.all() for one in work.changes for event in one.events]

    def _enqueue(self, connection: Connection, fired: Sequence[Event]) -> None:
        """Creates one delivery for each event and each webhook of its account that asks for it, even a paused one.

        Many of them are only promised, and written out afterwards; then so are those of later events of the account,
        which are to come behind them.
        """
        by_account: dict[HostId, list[Event]] = {}
        for event in fired:
            by_account.setdefault(event.account_id, []).append(event)
        deliveries: list[NewDelivery] = []
        for account, theirs in by_account.items():
            names = {event.name for event in theirs}
            asking: dict[str, list[Subscriber]] = {}
            for one in subscriptions.subscribers(connection, account, names, MOST_AT_ONCE + 1):
                asking.setdefault(one.event, []).append(one)
            count = sum(len(asking.get(event.name, ())) for event in theirs)
            if count > MOST_AT_ONCE or (count and subscriptions.is_promised(connection, account)):
                heard = [event for event in theirs if event.name in asking or count > MOST_AT_ONCE]
                fanouts.promise(connection, account, heard, self._now)
            else:
                deliveries += [delivery_to(one, event) for event in theirs for one in asking.get(event.name, ())]
        outbox.enqueue(connection, deliveries, self._now)

    def committed(self) -> None:
        """Call this after the commit: what was written may then be read from memory."""
        for stored in self._written:
            self._snapshots.put(stored)
