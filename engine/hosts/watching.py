"""Watches a host's sessions: edits of chainbell's own rows become changes, in the same flush and transaction.

If a host sets `task.status = "Completed"` on a `TaskRow` through its ORM session, the effect is that of `engine.apply`:
the edit is removed from the flush and applied as a change, which writes the row and everything that follows from it.
Every other statement of these sessions that would write chainbell's tables is refused: bulk updates, inserts, deletes.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, UpdateBase, event, inspect
from sqlalchemy.orm import Session, SessionTransaction

from chainbell.engine.documents.change import Change, read_change
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.hosts import connections
from chainbell.storage.metadata import METADATA, Kept
from chainbell.storage.tables import MilestoneRow, ProjectRow, TaskRow

BY = "chainbell_by"
"""The key in a session's `info` for the person who makes its edits: `{"id": 1, "name": ".."}`."""
REPORTED: dict[type[Any], dict[str, str]] = {
    TaskRow: {"status": "status", "remaining": "remainingDuration", "percent": "percentComplete"},
    ProjectRow: {"status": "status"},
    MilestoneRow: {"achieved_at": "at"},
}
"""For each kind of row, the columns that a host may edit, with the fields of the change that they become."""


INSTEAD = {
    "insert": "load a plan with engine.load, or call engine.webhooks.add",
    "update": "edit rows one by one, or call engine.apply",
    "delete": "cancel tasks with engine.apply, or call engine.portfolio.erase_account",
}
"""What to use in the place of a statement that is refused."""


def watch(sessions: Any, apply: Callable[[list[Change], Session], Any], now: Callable[[], datetime]) -> None:
    """Listens to a session, a session class or a sessionmaker; calls `apply` with the changes of each flush."""

    def before_flush(session: Session, _context: Any, _instances: Any) -> None:
        _refuse_rows("insert", session.new)
        _refuse_rows("delete", session.deleted)
        changes: list[Change] = []
        edited: list[Any] = []
        for row in sorted(session.dirty, key=_order):
            edits = _edits(row)
            if edits:
                changes.append(_change(session, row, edits, now()))
                edited.append(row)
        for row in edited:
            session.expire(row)  # the change below writes it
        if changes:
            apply(changes, session)

    event.listen(sessions, "before_flush", before_flush)
    event.listen(sessions, "after_begin", _after_begin)


def _after_begin(_session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    if not event.contains(connection, "before_execute", _before_execute):
        event.listen(connection, "before_execute", _before_execute)


def _before_execute(connection: Connection, statement: Any, *_: Any) -> None:
    """Refuses what no flush has shown: bulk statements of the ORM, and those of Core."""
    if isinstance(statement, UpdateBase) and not connections.is_ours(connection):
        written: Any = statement.table
        if written.metadata is METADATA:
            raise _refusal(statement.__visit_name__, written.name)


def _refuse_rows(kind: str, rows: Iterable[Any]) -> None:
    for row in rows:
        if isinstance(row, Kept):
            raise _refusal(kind, type(row).__name__)


def _refusal(kind: str, name: str) -> InvalidInputError:
    instead = INSTEAD.get(kind, "call engine.apply")
    return InvalidInputError(name, f"a watched session cannot {kind} what is chainbell's own; {instead}")


def _order(row: Any) -> tuple[int, str]:
    """Projects before tasks before milestones, so that a flush always gives the same order of events."""
    kinds = (ProjectRow, TaskRow, MilestoneRow)
    return (kinds.index(type(row)) if type(row) in kinds else len(kinds), str(inspect(row).identity))


def _edits(row: Any) -> dict[str, Any]:
    """The new values of the edited columns; raises InvalidInputError for a column that only a plan may change."""
    allowed = REPORTED.get(type(row))
    if allowed is None:
        return {}
    edits = {}
    for attribute in inspect(row).attrs:
        if attribute.history.has_changes():
            if attribute.key not in allowed:
                raise InvalidInputError(attribute.key, "belongs to the baseline: load a plan to change it")
            edits[allowed[attribute.key]] = attribute.value
    return edits


def _change(session: Session, row: Any, edits: dict[str, Any], now: datetime) -> Change:
    document: dict[str, Any] = {"at": now.isoformat(), **edits}
    if BY in session.info:
        document["by"] = session.info[BY]
    if isinstance(row, ProjectRow):
        return read_change(document | {"kind": "project.update", "projectId": row.id, "accountId": row.account_id})
    with session.no_autoflush:
        project = session.get(ProjectRow, row.project_key)
    if project is None:
        raise InvalidInputError("projectId", "the row belongs to no project")
    document |= {"projectId": project.id, "accountId": project.account_id}
    if isinstance(row, TaskRow):
        return read_change(document | {"kind": "task.update", "taskId": row.id})
    if isinstance(document["at"], datetime):
        document["at"] = document["at"].isoformat()
    return read_change(document | {"kind": "milestone.complete", "milestoneId": row.id})
