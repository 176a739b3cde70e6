"""What a baseline writes: people, and tasks, links, chains, buffers and milestones that differ from those before."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Delete, Dialect, bindparam, delete

from chainbell.rules import Project
from chainbell.rules.ids import encode_host_id
from chainbell.storage.mapping import (
    buffer_columns,
    chain_columns,
    link_columns,
    milestone_columns,
    task_columns,
)
from chainbell.storage.metadata import Kept
from chainbell.storage.statements import Row, RowInsert
from chainbell.storage.tables import BufferRow, ChainRow, LinkRow, MilestoneRow, PersonRow, TaskRow, table

Columns = Mapping[str, Any]


class _Part:
    """One kind of row: how a project gives its rows, and the column that tells them apart within the project."""

    def __init__(self, kind: type[Kept], rows: Callable[[Project], Iterable[Columns]], identity: str = "id") -> None:
        target = table(kind)
        self._rows = rows
        self._identity = identity
        self.upsert = RowInsert(target, later=("project_key",), replaces=True)
        self.delete = delete(target).where(
            target.c.project_key == bindparam("at_key"), target.c[identity] == bindparam("at_identity")
        )

    def changes(self, dialect: Dialect, before: Project | None, after: Project) -> "PartRows":
        """The rows that are new or different, and the identities of those that are gone."""
        old = {} if before is None else {row[self._identity]: row for row in self._rows(before)}
        different = [row for row in self._rows(after) if old.pop(row[self._identity], None) != row]
        return PartRows(self.upsert, self.delete, self.upsert.ready(dialect, different), list(old))


@dataclass(frozen=True, slots=True)
class PartRows:
    """Rows of one kind, ready to be written."""

    upsert: RowInsert
    delete: Delete
    changed: Sequence[Row]
    gone: Sequence[Any]

    def write(self, connection: Connection, key: int) -> None:
        """Writes them for the project with the row key `key`."""
        if self.gone:
            connection.execute(self.delete, [{"at_key": key, "at_identity": identity} for identity in self.gone])
        self.upsert.run(connection, self.changed, key)


_MILESTONES = _Part(MilestoneRow, milestone_columns)
_PARTS = (
    _Part(TaskRow, task_columns),
    _Part(LinkRow, link_columns, "position"),
    _Part(ChainRow, chain_columns),
    _Part(BufferRow, buffer_columns),
    _MILESTONES,
)
_PEOPLE = RowInsert(table(PersonRow), later=("account_id",), replaces=True)


@dataclass(frozen=True, slots=True)
class PlanRows:
    """Everything that a baseline writes beside the project's own row, ready to be written."""

    account: str
    people: Sequence[Row]
    parts: Sequence[PartRows]

    def write(self, connection: Connection, key: int) -> None:
        """Writes it for the project with the row key `key`; people in the order of their ids, against deadlocks."""
        _PEOPLE.run(connection, self.people, self.account)
        for part in self.parts:
            part.write(connection, key)


def plan_rows(dialect: Dialect, before: Project | None, after: Project) -> PlanRows:
    """Everything that a baseline changes in the tables, made ready for this database; reads and writes nothing."""
    people = {task.assigned_to.id: task.assigned_to for task in after.tasks if task.assigned_to}
    if after.manager:
        people[after.manager.id] = after.manager
    in_order = [asdict(people[person_id]) for person_id in sorted(people, key=str)]
    return PlanRows(
        encode_host_id(after.account_id),
        _PEOPLE.ready(dialect, in_order),
        [part.changes(dialect, before, after) for part in _PARTS],
    )


def milestone_rows(dialect: Dialect, before: Project, after: Project) -> PartRows:
    """As `plan_rows`, of the milestones alone."""
    return _MILESTONES.changes(dialect, before, after)
