"""Joins the host's transaction: changes go through its session, and signals are sent only after it commits.

A host's SQLModel or SQLAlchemy session is used as it is; an async host calls through `AsyncSession.run_sync`. Changes
applied within a savepoint are forgotten if it is rolled back.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, event
from sqlalchemy.orm import Session, SessionTransaction

from chainbell.storage import projects

Announce = Callable[[], None]

PENDING = "chainbell_pending"
"""The key in a session's `info` for what waits for its commit."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What to do after the commit, and the savepoints within which the change was applied."""

    announce: Announce
    savepoints: tuple[SessionTransaction, ...]


def joined_connection(session: Session | Connection) -> Connection:
    """The connection of the host's transaction, ready to write.

    On SQLite, a transaction that has only read cannot start to write once another one has written, so the write lock is
    taken before anything is read.
    """
    connection = session if isinstance(session, Connection) else session.connection()
    if connection.dialect.name == "sqlite":
        projects.begin_writing(connection)
    return connection


def wait_for_commit(session: Session, announce: Announce) -> None:
    """Calls `announce` when the host commits, and forgets it when the host rolls back."""
    waiting: list[_Waiting] | None = session.info.get(PENDING)
    if waiting is None:
        waiting = session.info[PENDING] = []
        event.listen(session, "after_commit", _committed)
        event.listen(session, "after_soft_rollback", _rolled_back)
    savepoints = []
    current = session.get_nested_transaction()
    while current is not None and current.nested:
        savepoints.append(current)
        current = current.parent
    waiting.append(_Waiting(announce, tuple(savepoints)))


def _committed(session: Session) -> None:
    if session.in_nested_transaction():
        return  # a savepoint was released; the transaction goes on
    waiting, session.info[PENDING] = session.info[PENDING], []
    for one in waiting:
        one.announce()


def _rolled_back(session: Session, ended: SessionTransaction) -> None:
    kept = [one for one in session.info[PENDING] if ended.nested and ended not in one.savepoints]
    session.info[PENDING] = kept
