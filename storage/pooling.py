"""Connections to PostgreSQL: those that were lost are replaced, and poolers in between are recognised."""

import select
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError


def is_pooled(connection: Any) -> bool:
    """Whether a pooler that shares the server's sessions among its clients answers, not the server itself.

    The server tells each new connection the number of its process. A pooler (PgBouncer, Odyssey, PgCat) has no process
    of the server's at that time and tells a number of its own, so the process that runs a statement has another one.
    `connection` is psycopg's, and in no transaction.
    """
    row = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
    connection.rollback()
    return bool(row[0] != connection.info.backend_pid)


def prepare_nothing_behind_a_pooler(engine: Engine) -> None:
    """Prepares no statements on connections through a pooler: the next transaction may run in another session."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        if is_pooled(connection):
            connection.prepare_threshold = None


def avoid_lost_connections(engine: Engine) -> None:
    """Replaces a connection that the server has closed, before a transaction begins on it.

    A server that ends, or ends a session, says so on the connection: there is something to read where nothing was
    asked. Only then is the server asked whether it still answers; so it costs no round trip.
    """

    @event.listens_for(engine, "checkout")
    def on_checkout(connection: Any, _record: Any, _proxy: Any) -> None:
        try:
            if _has_something_to_read(connection.fileno()):
                engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError(str(error)) from error


def _has_something_to_read(descriptor: int) -> bool:
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
