"""The projects of a unit of work: found once, read once, and held in memory until they are written."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from chainbell.engine.documents.change import Change, Plan
from chainbell.engine.errors import EvaluationError, InvalidInputError
from chainbell.rules import Event, FeverPoint, HostId, Project, ProjectStatus
from chainbell.rules.ids import other_form
from chainbell.storage import AmbiguousProjectError, Located, StoredProject, projects
from chainbell.storage.history import KeptBaseline
from chainbell.storage.plan_rows import PlanRows
from chainbell.storage.snapshots import Snapshots
from chainbell.storage.statements import Row

Reads = Callable[[], AbstractContextManager[Connection]]
"""Opens the connection from which something is read."""


def within(connection: Connection) -> Reads:
    """Reads of one transaction, which stays open between them."""
    return lambda: nullcontext(connection)


@dataclass(slots=True)
class KeptChange:
    """An accepted change as it is stored, with its events.

    `digest` tells it from another change with the same `changeId`. `rows` are its events as they will be written, once
    they are ready.
    """

    change: Change
    body: dict[str, Any]
    events: tuple[Event, ...]
    digest: str
    rows: list[Row] | None = None


@dataclass(slots=True)
class Work:
    """One project within the unit: as it was found (None if it is new), as it is now, and what is to be written.

    `ready` are the rows of its last plan and of its new baselines, once they are prepared.
    """

    found: StoredProject | None
    project: Project | None
    point: FeverPoint | None
    changes: list[KeptChange] = field(default_factory=list)
    by_change_id: dict[str, KeptChange] = field(default_factory=dict)
    plans: list[KeptBaseline] = field(default_factory=list)
    points: list[FeverPoint] = field(default_factory=list)
    ready: tuple[PlanRows, list[Row]] | None = None
    looked_at: bool = False
    has_webhooks: bool = True

    def keep(self, kept: KeptChange) -> None:
        """Remembers an accepted change, to write it and to answer a replay within the unit."""
        self.changes.append(kept)
        if kept.change.change_id is not None:
            self.by_change_id[kept.change.change_id] = kept

    @property
    def only_looked_at(self) -> datetime | None:
        """The new instant of evaluation if a re-evaluation changed nothing else; otherwise None."""
        before, after = (None if self.found is None else self.found.project), self.project
        if not self.looked_at or self.changes or self.points or before is None or after is None:
            return None
        is_same = after.latches is before.latches and after.red_tasks is before.red_tasks
        return after.evaluated_at if is_same else None


class Works:
    """Finds the projects of changes; with `lock`, other writers of them wait.

    Where it does not know of webhooks until the unit is written (`knows_webhooks`), every account may have some.
    """

    def __init__(self, reads: Reads, snapshots: Snapshots, *, lock: bool, knows_webhooks: bool = True) -> None:
        self._reads = reads
        self._snapshots = snapshots
        self._lock = lock
        self._knows_webhooks = knows_webhooks
        self.found: dict[int, Work] = {}
        self._new: dict[HostId, dict[HostId, Work]] = {}
        """By the project's id, and then by account."""
        self._located: dict[tuple[HostId, HostId | None], Located] = {}

    def all(self) -> list[Work]:
        """Every project of the unit; new ones come last."""
        return [*self.found.values(), *(work for by_account in self._new.values() for work in by_account.values())]

    def target(self, change: Change) -> Work:
        """The project of a change; raises InvalidInputError if no account or more than one has it."""
        if isinstance(change, Plan):
            account_id, plan_id = change.plan.account_id, change.plan.project.id
            located = self._locate(plan_id, account_id)
            if located is not None:
                return self._at(located)
            return self._new.setdefault(plan_id, {}).setdefault(account_id, Work(None, None, None))
        project_id = change.project_id
        assert project_id is not None  # noqa: S101  only a clock tick may leave it out
        by_account = self._new.get(project_id, {})
        new = [work for account, work in by_account.items() if change.account_id in (None, account)]
        try:
            located = self._locate(project_id, change.account_id)
        except AmbiguousProjectError:
            located, new = None, new * 2 or [Work(None, None, None)] * 2
        if len(new) + (located is not None) > 1:
            raise InvalidInputError("accountId", f"several accounts have a project {project_id!r}; name one")
        if located is not None:
            return self._at(located)
        if not new:
            hint = self._hint(project_id, change.account_id)
            raise InvalidInputError("projectId", f"there is no project {project_id!r}{hint}")
        return new[0]

    def _hint(self, project_id: HostId, account_id: HostId | None) -> str:
        other = other_form(project_id)
        if other is None:
            return ""
        try:
            with self._reads() as connection:
                is_there = projects.locate(connection, other, account_id) is not None
        except AmbiguousProjectError:
            is_there = True
        return f"; there is one with the id {other!r}" if is_there else ""

    def _locate(self, project_id: HostId, account_id: HostId | None) -> Located | None:
        """Looks up each project of the unit once; with `lock`, it stays locked until the end."""
        name = (project_id, account_id)
        if name not in self._located:
            with self._reads() as connection:
                located = projects.locate(connection, project_id, account_id, lock=self._lock)
            if located is None:
                return None
            self._located[name] = located
        return self._located[name]

    def active(self, account_id: HostId | None) -> list[Work | EvaluationError]:
        """Every Active project of one account or of all, with an error in place of one that cannot be read."""
        with self._reads() as connection:
            keys = projects.active_keys(connection, account_id)
        works = [work for key in keys if (work := self._readable(key)) is not None]
        among = set(keys)
        touched = [work for key, work in self.found.items() if key not in among]
        new = [
            work
            for by_account in self._new.values()
            for account, work in by_account.items()
            if account_id in (None, account)
        ]
        return [
            work
            for work in (*works, *touched, *new)
            if isinstance(work, EvaluationError)
            or (
                work.project is not None
                and work.project.status == ProjectStatus.ACTIVE
                and account_id in (None, work.project.account_id)
            )
        ]

    def _readable(self, key: int) -> Work | EvaluationError | None:
        try:
            return self.known(key)
        except EvaluationError as error:
            return error
        except LookupError:  # erased meanwhile
            return None

    def known(self, key: int) -> Work:
        """The project in this row; raises LookupError if the row is gone."""
        if key in self.found:
            return self.found[key]
        with self._reads() as connection:
            located = projects.versions(connection, [key], lock=self._lock)
        if not located:
            raise LookupError(f"there is no project with the key {key}")
        return self._at(located[0])

    def _at(self, located: Located) -> Work:
        work = self.found.get(located.key)
        if work is None:
            stored = self._snapshots.get(located)
            if stored is None:
                with self._reads() as connection:
                    stored = projects.read(connection, located.key)
            work = Work(stored, stored.project, stored.fever_point)
            work.has_webhooks = located.has_webhooks or not self._knows_webhooks
            self.found[located.key] = work
        return work

    def take(self, stored: Iterable[StoredProject]) -> None:
        """Takes projects that the caller has already read and locked."""
        for one in stored:
            self.found[one.key] = Work(one, one.project, one.fever_point)

    def is_outdated(self, current: Iterable[Located]) -> bool:
        """Whether any project that was read is at another version by now, or gone."""
        versions = {located.key: located.version for located in current}
        return any(work.found is None or work.found.version != versions.get(key) for key, work in self.found.items())

    def forget_changed(self, current: Iterable[Located]) -> list[int]:
        """Drops the projects whose version has changed since they were read; returns those that still exist."""
        versions = {located.key: located.version for located in current}
        changed = [
            key for key, work in self.found.items() if work.found is None or versions.get(key) != work.found.version
        ]
        for key in changed:
            del self.found[key]
        return [key for key in changed if key in versions]
