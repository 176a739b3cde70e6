"""What `sessions.py` needs of a host's SQLAlchemy connection: whose its statements are, and to wait for its commit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, TwoPhaseTransaction, event, select, true
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.expression import SavepointClause

from chainbell.engine.errors import InvalidInputError

Announce = Callable[[], None]

PENDING = "chainbell_pending"
"""The execution option of a connection under which stands what waits for its commit."""
_OURS = "chainbell_ours"
"""The execution option of a connection while its statements are the engine's own."""
_ANYTHING = select(true())


@dataclass(slots=True)
class _Waiting:
    """What to do after the commit, in order, and for each savepoint how much of it was there before."""

    announcements: list[Announce] = field(default_factory=list)
    before_savepoint: dict[str, int] = field(default_factory=dict)

    def take(self) -> list[Announce]:
        """All of it; nothing waits afterwards."""
        taken, self.announcements, self.before_savepoint = self.announcements, [], {}
        return taken


@contextmanager
def ours(connection: Connection) -> Iterator[None]:
    """Statements in this block are the engine's own, not the host's."""
    connection.execution_options(**{_OURS: True})
    try:
        yield
    finally:
        connection.execution_options(**{_OURS: False})


def is_ours(connection: Connection) -> bool:
    """Whether the statement that is being executed is the engine's own."""
    return bool(connection.get_execution_options().get(_OURS))


def wait_for_commit(connection: Connection, announce: Announce) -> None:
    """Calls `announce` when the connection's transaction is committed, and forgets it when that is rolled back."""
    if PENDING not in connection.get_execution_options():
        connection.execution_options(**{PENDING: _Waiting()})
        event.listen(connection, "commit", _commit)
        event.listen(connection, "rollback", _rolled_back)
        event.listen(connection, "before_execute", _before_execute)
        event.listen(connection, "rollback_savepoint", _rolled_back_to_savepoint)
    _waiting(connection).announcements.append(announce)


def refuse_two_phases(connection: Connection) -> None:
    """Raises InvalidInputError for a two-phase transaction, which any other connection may commit."""
    if isinstance(connection.get_transaction(), TwoPhaseTransaction):
        raise InvalidInputError("session", "is a connection in two phases: pass a Session with twophase=True instead")


def refuse_failed(connection: Connection) -> None:
    """Raises SQLAlchemy's InternalError for a transaction in which a statement has failed.

    PostgreSQL answers its COMMIT with a rollback, and says so to nobody.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_ANYTHING)


def _waiting(connection: Connection) -> _Waiting:
    waiting: _Waiting = connection.get_execution_options()[PENDING]
    return waiting


def _commit(connection: Connection) -> None:
    """SQLAlchemy has no event after a connection's commit, only this one before it.

    So the driver commits here, and once more afterwards, where nothing is left to commit.
    """
    announcements = _waiting(connection).take()
    if not announcements:
        return
    refuse_failed(connection)
    dialect: Any = connection.dialect
    try:
        dialect.do_commit(connection.connection)
    except dialect.loaded_dbapi.Error as error:  # as SQLAlchemy itself raises it
        raise DBAPIError.instance("COMMIT", None, error, dialect.loaded_dbapi.Error, dialect=dialect) from error
    for announce in announcements:
        announce()


def _rolled_back(connection: Connection) -> None:
    _waiting(connection).take()


def _before_execute(connection: Connection, statement: Any, *_: Any) -> None:
    """Only the statement has a savepoint's name: the event of SQLAlchemy's comes before it has one."""
    if isinstance(statement, SavepointClause):
        waiting = _waiting(connection)
        waiting.before_savepoint[statement.ident] = len(waiting.announcements)


def _rolled_back_to_savepoint(connection: Connection, name: str, _context: None) -> None:
    """Savepoints are nested: what has come to wait since this one began is undone, all of it where that is unknown."""
    waiting = _waiting(connection)
    del waiting.announcements[waiting.before_savepoint.get(name, 0) :]
