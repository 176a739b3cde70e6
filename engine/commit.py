"""A unit of work: changes applied to projects in memory, then written in one go within the caller's transaction.

Until `flush` nothing is written, so a refused change leaves nothing behind and the changes beside it stand. Each
project is read once, evaluated after every change, and written once, with its events and their deliveries.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from chainbell.delivery import compose, message_id
from chainbell.engine.changes import Change, ClockTick, Plan, revise
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.plan_documents import PlanDocument
from chainbell.engine.snapshots import Snapshots
from chainbell.rules import CalendarRangeError, Evaluation, Event, HostId, Project, ProjectStatus, Rule, evaluate
from chainbell.storage import (
    AmbiguousProjectError,
    FeverPoint,
    Located,
    NewDelivery,
    StoredProject,
    events,
    history,
    outbox,
    projects,
    saving,
)
from chainbell.storage.webhooks import webhooks


@dataclass(frozen=True, slots=True)
class Applied:
    """What a change brought to one project; `is_replay` if its `changeId` had been applied before.

    `refused` says why a clock tick for all projects could not be applied to this one.
    """

    events: tuple[Event, ...]
    is_replay: bool = False
    refused: InvalidInputError | None = None


@dataclass(slots=True)
class _Work:
    """One project within the unit: as it was found (None: not there), as it is by now, and what is to be written."""

    found: StoredProject | None
    project: Project | None
    point: FeverPoint | None
    changes: list[tuple[Change, tuple[Event, ...]]] = field(default_factory=list)
    by_change_id: dict[str, tuple[Event, ...]] = field(default_factory=dict)
    plans: list[tuple[int, datetime, dict[str, Any]]] = field(default_factory=list)
    points: list[tuple[datetime, FeverPoint]] = field(default_factory=list)
    looked_at: bool = False
    has_webhooks: bool = True


class UnitOfWork:
    """Applies changes within one transaction; `flush` writes them, `committed` remembers the new snapshots.

    `now` dates the deliveries. Raises InvalidInputError and StaleChange for a change that cannot be taken, and from
    `flush` the store's VersionConflictError; the caller rolls back.
    """

    def __init__(
        self, connection: Connection, snapshots: Snapshots, rules: Sequence[Rule], now: datetime, *, lock: bool = True
    ) -> None:
        self._connection = connection
        self._snapshots = snapshots
        self._rules = rules
        self._now = now
        self._lock = lock
        self._works: dict[int, _Work] = {}
        self._new: dict[tuple[HostId, HostId], _Work] = {}
        self._located: dict[tuple[HostId, HostId | None], Located] = {}
        self._written: list[StoredProject] = []

    def apply(self, change: Change) -> list[Applied]:
        """Applies a change to its project, a clock tick without one to every Active project."""
        if not (isinstance(change, ClockTick) and change.project_id is None):
            return [self._apply_to(self._target(change), change)]
        applied = []
        for work in self._active(change.account_id):
            try:
                applied.append(self._apply_to(work, change))
            except InvalidInputError as error:  # one project that cannot be evaluated does not hold up the rest
                applied.append(Applied((), refused=error))
        return applied

    def reevaluate(self, key: int, at: datetime) -> Applied:
        """Lets time pass for one project; only its state and its events are kept, no change."""
        return self._apply_to(self._known_work(key), ClockTick(kind="clock", at=at), keep_change=False)

    def lock(self, changes: Iterable[Change]) -> None:
        """Locks the projects of a batch in one order, so that two batches never wait for each other."""
        ids = {change.plan.project.id if isinstance(change, Plan) else change.project_id for change in changes}
        projects.lock_all(self._connection, [project_id for project_id in ids if project_id is not None])

    def _target(self, change: Change) -> _Work:
        if isinstance(change, Plan):
            identity = (change.plan.account_id, change.plan.project.id)
            located = self._locate(identity[1], identity[0])
            return self._new.setdefault(identity, _Work(None, None, None)) if located is None else self._at(located)
        project_id = change.project_id
        assert project_id is not None  # noqa: S101  only a clock tick may leave it out
        new = [
            w for (account, id_), w in self._new.items() if id_ == project_id and change.account_id in (None, account)
        ]
        try:
            located = self._locate(project_id, change.account_id)
        except AmbiguousProjectError:
            located, new = None, new * 2 or [_Work(None, None, None)] * 2
        if len(new) + (located is not None) > 1:
            raise InvalidInputError("accountId", f"several accounts have a project {project_id!r}; name one")
        if located is not None:
            return self._at(located)
        if not new:
            raise InvalidInputError("projectId", f"there is no project {project_id!r}")
        return new[0]

    def _locate(self, project_id: HostId, account_id: HostId | None) -> Located | None:
        """Asks the database once for each project of the unit; it stays locked until the end."""
        name = (project_id, account_id)
        if name not in self._located:
            located = projects.locate(self._connection, project_id, account_id, lock=self._lock)
            if located is None:
                return None
            self._located[name] = located
        return self._located[name]

    def _active(self, account_id: HostId | None) -> list[_Work]:
        keys = projects.active_keys(self._connection, account_id)
        works = [self._known_work(key) for key in keys]
        touched = [work for key, work in self._works.items() if key not in set(keys)]
        new = [work for (account, _), work in self._new.items() if account_id in (None, account)]
        return [
            work
            for work in (*works, *touched, *new)
            if work.project is not None
            and work.project.status == ProjectStatus.ACTIVE
            and account_id in (None, work.project.account_id)
        ]

    def _known_work(self, key: int) -> _Work:
        if key in self._works:
            return self._works[key]
        return self._at(projects.versions(self._connection, [key], lock=self._lock)[0])

    def _at(self, located: Located) -> _Work:
        work = self._works.get(located.key)
        if work is None:
            stored = self._snapshots.get(located)
            if stored is None:
                stored = projects.read(self._connection, located.key)
            work = _Work(stored, stored.project, stored.fever_point, has_webhooks=located.has_webhooks)
            self._works[located.key] = work
        return work

    def take(self, stored: Iterable[StoredProject]) -> None:
        """Projects that the caller has read and locked already."""
        for one in stored:
            self._works[one.key] = _Work(one, one.project, one.fever_point)

    def _apply_to(self, work: _Work, change: Change, *, keep_change: bool = True) -> Applied:
        known = self._known(work, change)
        if known is not None:
            if not known.is_replay and change.change_id is not None:
                self._remember(work, change, ())
            return known
        seen = self._evaluated(work.project, change)
        before, after = work.project, seen.project
        if isinstance(change, Plan):  # a plan says what is promised; it does not move time on
            last = None if before is None else before.evaluated_at
            after = replace(after, evaluated_at=last and min(last, change.at))
            work.plans.append((after.baseline, change.at, _body(change)["plan"]))
        if after.status != ProjectStatus.PLANNING:
            point = history.fever_point(after, seen.assessment)
            if point != work.point:
                work.point = point
                work.points.append((change.at, point))
        work.project = after
        if keep_change or seen.events:
            self._remember(work, change, seen.events)
        else:
            work.looked_at = True
        return Applied(seen.events)

    def _known(self, work: _Work, change: Change) -> Applied | None:
        """What a change brought that was applied before, or that would change nothing; None for one that is new."""
        if change.change_id is not None:
            if change.change_id in work.by_change_id:
                return Applied(work.by_change_id[change.change_id], is_replay=True)
            if work.found is not None:
                known = events.find_change(self._connection, work.found.key, change.change_id)
                if known is not None:
                    return Applied(tuple(events.events_of_change(self._connection, known)), is_replay=True)
        if isinstance(change, Plan) and work.project is not None:
            kept = work.plans[-1][2] if work.plans else None
            if kept is None and work.found is not None:
                kept = history.kept_plan(self._connection, work.found.key, work.project.baseline)
            if kept is not None and PlanDocument.model_validate(kept) == change.plan:
                return Applied(())
        return None

    @staticmethod
    def _remember(work: _Work, change: Change, fired: tuple[Event, ...]) -> None:
        work.changes.append((change, fired))
        if change.change_id is not None:
            work.by_change_id[change.change_id] = fired

    def _evaluated(self, before: Project | None, change: Change) -> Evaluation:
        revision = revise(before, change)
        try:
            seen = evaluate(before, revision.project, change.at, revision.cause, self._rules)
            seen.project.calendar.finish_date(seen.assessment.last_finish)  # it must have a date
            return seen
        except CalendarRangeError as error:
            raise InvalidInputError("change", f"moves the forecast beyond all dates: {error}") from None

    # --- writing ----------------------------------------------------------------------------------------------------

    def flush(self, connection: Connection | None = None) -> None:
        """Writes every project that was changed, with its changes, events, baselines, fever points and deliveries.

        A `connection` other than the one that was read from belongs to a transaction in which the caller holds the
        projects at the versions that were read (`forget_changed`).
        """
        if connection is not None:
            self._connection = connection
        kept: list[tuple[int, Change, tuple[Event, ...]]] = []
        quiet = self._only_looked_at()
        for at, keys in quiet.items():
            saving.touch(self._connection, keys, at)
        untouched = {key for keys in quiet.values() for key in keys}
        for work in (*self._works.values(), *self._new.values()):
            if work.project is None or not (work.changes or work.looked_at):
                continue
            if work.found is not None and work.found.key in untouched:
                continue
            key, version, before = self._row(work)
            if work.project is not before:
                saving.save(self._connection, key, version, before, work.project)
                version += 1
            for number, made_at, plan in work.plans:
                history.keep_baseline(self._connection, key, number, made_at, plan)
            history.add_fever_points(self._connection, key, work.points)
            kept += [(key, change, fired) for change, fired in work.changes]
            self._written.append(StoredProject(key, version, work.project, work.point))
        if kept:
            rows = [(key, c.change_id, c.kind, c.at, _body(c)) for key, c, _ in kept]
            change_keys = events.add_changes(self._connection, rows)
            fired_rows = [
                (key, k, event) for (key, _, fired), k in zip(kept, change_keys, strict=True) for event in fired
            ]
            events.add_events(self._connection, fired_rows)
            unheard = {key for key, work in self._works.items() if not work.has_webhooks}
            self._enqueue([event for key, _, event in fired_rows if key not in unheard])

    def _only_looked_at(self) -> dict[datetime, list[int]]:
        """By instant, the keys of projects of which a re-evaluation changed that instant and nothing else."""
        quiet: dict[datetime, list[int]] = {}
        for key, work in self._works.items():
            before, after = (None if work.found is None else work.found.project), work.project
            if not work.looked_at or work.changes or work.points or before is None or after is None:
                continue
            if after.latches is before.latches and after.evaluated_at is not None:
                quiet.setdefault(after.evaluated_at, []).append(key)
        return quiet

    def forget_changed(self, current: Iterable[Located]) -> list[int]:
        """Leaves out the projects that are not at the version that was read any more; returns those still there."""
        versions = {located.key: located.version for located in current}
        changed = [
            key for key, work in self._works.items() if work.found is None or versions.get(key) != work.found.version
        ]
        for key in changed:
            del self._works[key]
        return [key for key in changed if key in versions]

    def written_events(self) -> list[Event]:
        """The events of all changes of this unit, those of replays left out."""
        works = (*self._works.values(), *self._new.values())
        return [event for work in works for _, fired in work.changes for event in fired]

    def _row(self, work: _Work) -> tuple[int, int, Project | None]:
        """The key and version to write at, and what is there; a new project's row is made."""
        if work.found is not None:
            return work.found.key, work.found.version, work.found.project
        assert work.project is not None  # noqa: S101  only those with a project are written
        return *saving.insert_project(self._connection, work.project), None

    def _enqueue(self, fired: Sequence[Event]) -> None:
        """One delivery for each event and each webhook of its account that asks for it, paused ones too."""
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
        """The transaction has been committed: what was written may be read from memory from now on."""
        for stored in self._written:
            self._snapshots.put(stored)


def _body(change: Change) -> dict[str, Any]:
    return change.model_dump(mode="json", by_alias=True, exclude_unset=True)
