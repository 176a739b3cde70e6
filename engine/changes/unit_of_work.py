"""A unit of work: changes applied to projects in memory, then written together within the caller's transaction.

Nothing is written before `flush`, so a refused change leaves nothing behind and does not affect the other changes. Each
project is read once, evaluated after every change, and written once, with its events and their deliveries.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from chainbell.delivery import compose, message_id
from chainbell.engine.changes.revising import revise
from chainbell.engine.changes.sameness import body_of, digest_of, is_same_plan, refuse_other
from chainbell.engine.changes.works import KeptChange, Work, Works
from chainbell.engine.documents.change import Change, ClockTick, Plan, is_for_all
from chainbell.engine.errors import EvaluationError, InvalidInputError
from chainbell.engine.planner import Planner
from chainbell.rules import CalendarRangeError, Event, HostId, Project, ProjectStatus, Rule, evaluate
from chainbell.rules.planning.differences import outline
from chainbell.storage import Located, NewDelivery, StoredProject, events, history, outbox, projects, saving
from chainbell.storage.snapshots import Snapshots
from chainbell.storage.webhooks import webhooks

MOST_AHEAD = timedelta(days=1)
"""How far ahead of the engine's clock a change may lie. A report with a wrong year would make all later ones stale."""


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
    """Applies changes within one transaction; `flush` writes them, `committed` remembers the new snapshots.

    `now` dates the deliveries, and what is recorded. With `only_asks` nothing is locked, and the future may be asked
    about. A unit that works `ahead` reads without locking as well; `flush` writes it with a connection of its own, once
    `is_outdated` has said that nothing of it has changed.

    Raises InvalidInputError and StaleChange for a change that cannot be taken, and from `flush` the store's
    VersionConflictError; the caller rolls back.
    """

    def __init__(
        self,
        connection: Connection,
        snapshots: Snapshots,
        rules: Sequence[Rule],
        now: datetime,
        *,
        only_asks: bool = False,
        ahead: bool = False,
        planner: Planner | None = None,
    ) -> None:
        self._connection = connection
        self._snapshots = snapshots
        self._rules = rules
        self._now = now
        self._latest = None if only_asks else now + MOST_AHEAD
        self._works = Works(connection, snapshots, lock=not (only_asks or ahead), knows_webhooks=not ahead)
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

    def to_plan(self, change: Plan) -> tuple[bool, ProjectStatus | None]:
        """Whether a plan says anything new, and the status of the project that it is for (None: a new one)."""
        work = self._works.target(change)
        is_new = self._known(work, change, digest_of(change)) is None
        return is_new, None if work.project is None else work.project.status

    def reevaluate(self, key: int, at: datetime) -> Applied:
        """Re-evaluates one project; stores its state and events, but no change."""
        return self._apply_to(self._works.known(key), ClockTick(kind="clock", at=at), keep_change=False)

    def tick(self, key: int, change: Change) -> Applied:
        """Applies a clock tick that is meant for all to one of the projects."""
        return self._apply_to(self._works.known(key), change)

    def lock(self, changes: Iterable[Change]) -> None:
        """Locks the projects of a batch in a fixed order, so that two batches cannot deadlock."""
        ids = {change.plan.project.id if isinstance(change, Plan) else change.project_id for change in changes}
        projects.lock_all(self._connection, [project_id for project_id in ids if project_id is not None])

    def take(self, stored: Iterable[StoredProject]) -> None:
        """Takes projects that the caller has already read and locked."""
        self._works.take(stored)

    def _apply_to(self, work: Work, change: Change, *, keep_change: bool = True) -> Applied:
        digest = digest_of(change)
        known = self._known(work, change, digest)
        if known is not None:
            if not known.is_replay and change.change_id is not None:
                work.keep(KeptChange(change, (), digest))
            return known
        before = work.project
        after, fired = self._evaluated(work, change)
        if isinstance(change, Plan):  # a plan says what is promised; it does not move time on
            last = None if before is None else before.evaluated_at
            after = replace(after, evaluated_at=last and min(last, change.at))
        work.project = after
        if keep_change or fired:
            work.keep(KeptChange(change, fired, digest))
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
                known = events.find_change(self._connection, work.found.key, change.change_id)
                if known is not None:
                    refuse_other(change, digest, known.digest)
                    return Applied(tuple(events.events_of_change(self._connection, known.key)), is_replay=True)
        if isinstance(change, Plan) and work.project is not None:
            kept = work.plans[-1].plan if work.plans else None
            if kept is None and work.found is not None:
                kept = history.kept_plan(self._connection, work.found.key, work.project.baseline)
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

    def flush(self, connection: Connection | None = None) -> None:
        """Writes every changed project with its changes, events, baselines, fever points and deliveries.

        If `connection` is not the one used for reading, it belongs to a transaction in which the caller holds the
        projects at the versions that were read (`forget_changed`).
        """
        if connection is not None:
            self._connection = connection
        kept: list[tuple[int, KeptChange]] = []
        quiet: dict[datetime, list[int]] = {}
        unheard: set[int] = set()
        for work in self._works.all():
            if work.project is None or not (work.changes or work.looked_at):
                continue
            if work.found is not None and (at := work.only_looked_at) is not None:
                quiet.setdefault(at, []).append(work.found.key)
                continue
            key = self._write(work, work.project)
            kept += [(key, change) for change in work.changes]
            if not work.has_webhooks:
                unheard.add(key)
        for at, keys in quiet.items():
            saving.touch(self._connection, keys, at)
        if kept:
            self._write_changes(kept, unheard)

    def _write(self, work: Work, project: Project) -> int:
        """Writes one project with its baselines and points; returns the key of its row."""
        if work.found is not None:
            key, version, before = work.found.key, work.found.version, work.found.project
        else:
            key, version, before = *saving.insert_project(self._connection, project), None
        if project is not before:
            saving.save(self._connection, key, version, before, project)
            version += 1
        for plan in work.plans:
            history.keep_baseline(self._connection, key, plan)
        history.add_fever_points(self._connection, key, work.points)
        self._written.append(StoredProject(key, version, project, work.point))
        return key

    def _write_changes(self, kept: list[tuple[int, KeptChange]], unheard: set[int]) -> None:
        rows = [
            events.NewChange(
                key, one.change.change_id, one.change.kind, one.change.at, self._now, body_of(one.change), one.digest
            )
            for key, one in kept
        ]
        change_keys = events.add_changes(self._connection, rows)
        fired = [(key, k, event) for (key, one), k in zip(kept, change_keys, strict=True) for event in one.events]
        events.add_events(self._connection, fired)
        self._enqueue([event for key, _, event in fired if key not in unheard])

    def is_outdated(self, connection: Connection) -> bool:
        """Whether another writer has changed a project since it was read; locks those of the unit."""
        return self._works.is_outdated(projects.versions(connection, sorted(self._works.found), lock=True))

    def forget_changed(self, current: Iterable[Located]) -> list[int]:
        """Drops the projects whose version has changed since they were read; returns those that still exist."""
        return self._works.forget_changed(current)

    def written_events(self) -> list[Event]:
        """The events of all changes of this unit, except those of replays."""
        return [event for work in self._works.all() for one in work.changes for event in one.events]

    def _enqueue(self, fired: Sequence[Event]) -> None:
        """Creates one delivery for each event and each webhook of its account that asks for it, even a paused one."""
        listeners = {
            account: webhooks(self._connection, account)
            for account in dict.fromkeys(event.account_id for event in fired)
        }
        deliveries = [
            NewDelivery(
                message_id(event.id, event.occurred_at, webhook.id),
                webhook.id,
                event.id,
                event.name,
                compose(event, webhook.id, webhook.body_format),
            )
            for event in fired
            for webhook in listeners[event.account_id]
            if event.name in webhook.events
        ]
        outbox.enqueue(self._connection, deliveries, self._now)

    def committed(self) -> None:
        """Call this after the commit: what was written may then be read from memory."""
        for stored in self._written:
            self._snapshots.put(stored)
