"""Joins the host's transaction: changes go through its session, and signals are sent only after it commits.

A host's SQLModel or SQLAlchemy session is used as it is; an async host calls through `AsyncSession.run_sync`. Changes
applied within a savepoint are forgotten if it is rolled back. `connections.py` does the same for a bare connection.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, event
from sqlalchemy.orm import Session, SessionTransaction

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.hosts import connections
from chainbell.storage import projects

Announce = Callable[[], None]

PENDING = "chainbell_pending"
"""The key in a session's `info` for what waits for its commit."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What to do after the commit, and the savepoints within which the change was applied."""

    announce: Announce
    savepoints: tuple[SessionTransaction, ...]


@contextmanager
def joined(session: Session | Connection) -> Iterator[Connection]:
    """The connection of the host's transaction, ready to write; its statements in this block are the engine's own.

    On SQLite, a transaction that has only read cannot start to write once another one has written, so the write lock is
    taken before anything is read. Raises InvalidInputError where there is no transaction to join.
    """
    connection = session if isinstance(session, Connection) else session.connection()
    if _is_by_connection(session):
        connections.refuse_two_phases(connection)
    with connections.ours(connection):
        if connection.dialect.name == "sqlite":
            projects.begin_writing(connection)
            is_autocommit = not connection.connection.driver_connection.in_transaction  # type: ignore[union-attr]
        else:
            is_autocommit = connection.dialect.detect_autocommit_setting(connection.connection)
        if is_autocommit:
            raise InvalidInputError(
                "session",
                "is in AUTOCOMMIT and has no transaction to join: "
                "leave out the isolation level, or apply without a session",
            )
        yield connection


def wait_for_commit(session: Session | Connection, announce: Announce) -> None:
    """Calls `announce` when the host commits, and forgets it when the host rolls back."""
    if isinstance(session, Connection) or _is_by_connection(session):
        connections.wait_for_commit(session if isinstance(session, Connection) else session.connection(), announce)
        return
    waiting: list[_Waiting] | None = session.info.get(PENDING)
    if waiting is None:
        waiting = session.info[PENDING] = []
        event.listen(session, "before_commit", _about_to_commit)
        event.listen(session, "after_commit", _committed)
        event.listen(session, "after_soft_rollback", _rolled_back)
    savepoints = []
    current = session.get_nested_transaction()
    while current is not None and current.nested:
        savepoints.append(current)
        current = current.parent
    waiting.append(_Waiting(announce, tuple(savepoints)))


def _is_by_connection(session: Session | Connection) -> bool:
    """Whether the commit of a connection counts: a session bound to one may be part of a larger transaction."""
    return isinstance(session, Connection) or isinstance(session.get_bind(), Connection)


def _about_to_commit(session: Session) -> None:
    if session.info[PENDING] and not session.in_nested_transaction():
        connections.refuse_failed(session.connection())


def _committed(session: Session) -> None:
    if session.in_nested_transaction():
        return  # a savepoint was released; the transaction goes on
    waiting, session.info[PENDING] = session.info[PENDING], []
    for one in waiting:
        one.announce()


def _rolled_back(session: Session, ended: SessionTransaction) -> None:
    kept = [one for one in session.info[PENDING] if ended.nested and ended not in one.savepoints]
    session.info[PENDING] = kept
