"""A notice from process to process that deliveries may be due: PostgreSQL's LISTEN and NOTIFY.

It is only a nudge: a process that misses it finds the same deliveries when it next looks.
"""

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from chainbell.storage.database import Database
from chainbell.storage.metadata import PREFIX, SCHEMA
from chainbell.storage.pooling import is_pooled
from chainbell.storage.urls import DatabaseUrlError, read_address

CHANNEL = f"{SCHEMA or ''}{PREFIX}due"
LOOK_SECONDS = 1.0
"""How long a listener takes at most to notice that it is to stop."""
RECONNECT_SECONDS = 1.0


def notify(connection: Connection) -> None:
    """Notifies the other processes once the transaction is committed; does nothing on SQLite."""
    if connection.dialect.name == "postgresql":
        connection.execute(_NOTIFY)


_NOTIFY = select(func.pg_notify(CHANNEL, ""))


class Listener:
    """Calls `on_notice` from a thread of its own whenever a process notifies; does nothing on SQLite.

    It listens on a connection of its own to the database or, where that is reached through a pooler, to `direct_url`.
    Through a pooler nothing can be listened to: then it calls `on_pooled`, once, and ends. It reconnects when the
    connection is lost, and then calls `on_notice` at once, since it may have missed a notice.

    Raises DatabaseUrlError for a `direct_url` that cannot be used.
    """

    def __init__(
        self,
        database: Database,
        on_notice: Callable[[], None],
        *,
        direct_url: str | None = None,
        on_pooled: Callable[[], None] = lambda: None,
    ) -> None:
        url = direct_url or database.url.render_as_string(hide_password=False)
        self._engine = None if database.is_sqlite else _listening_engine(url)
        self._on_notice = on_notice
        self._on_pooled = on_pooled
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the thread, a daemon; does nothing on SQLite."""
        if self._engine is not None:
            self._thread = threading.Thread(target=self._run, args=[self._engine], name="chainbell-listener")
            self._thread.daemon = True
            self._thread.start()

    def stop(self) -> None:
        """Ends the thread and waits for it."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, engine: Engine) -> None:
        while not self._stopping.is_set():
            try:
                with closing(engine.raw_connection()) as pooled:
                    connection: Any = pooled.dbapi_connection
                    if is_pooled(connection):
                        self._on_pooled()
                        return
                    self._listen(connection)
            except (engine.dialect.loaded_dbapi.Error, SQLAlchemyError):
                self._stopping.wait(RECONNECT_SECONDS)

    def _listen(self, connection: Any) -> None:
        connection.autocommit = True
        connection.execute(f'LISTEN "{CHANNEL}"')
        self._on_notice()
        while not self._stopping.is_set():
            for _ in connection.notifies(timeout=LOOK_SECONDS, stop_after=1):
                self._on_notice()


def _listening_engine(url: str) -> Engine:
    """An engine that keeps no connections; raises DatabaseUrlError for a URL that is not one of PostgreSQL's."""
    address = read_address(url)
    if address.is_sqlite:
        raise DatabaseUrlError("only PostgreSQL can be listened to")
    return create_engine(address.for_driver, hide_parameters=True, connect_args=address.arguments, poolclass=NullPool)
