"""A notice from process to process that deliveries may be due: PostgreSQL's LISTEN and NOTIFY.

It is only a nudge: a process that misses it finds the same deliveries when it next looks.
"""

import threading
from collections.abc import Callable

from sqlalchemy import Connection, func, select

from chainbell.storage.database import Database
from chainbell.storage.metadata import PREFIX, SCHEMA

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

    It reconnects when the connection is lost, and then calls at once, since it may have missed a notice.
    """

    def __init__(self, database: Database, on_notice: Callable[[], None]) -> None:
        self._database = database
        self._on_notice = on_notice
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the thread, a daemon; does nothing on SQLite."""
        if not self._database.is_sqlite:
            self._thread = threading.Thread(target=self._run, name="chainbell-listener", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends the thread and waits for it."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        import psycopg

        url = self._database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while not self._stopping.is_set():
            try:
                with psycopg.connect(url, autocommit=True) as connection:
                    connection.execute(f'LISTEN "{CHANNEL}"')
                    self._on_notice()
                    while not self._stopping.is_set():
                        for _ in connection.notifies(timeout=LOOK_SECONDS, stop_after=1):
                            self._on_notice()
            except psycopg.Error:
                self._stopping.wait(RECONNECT_SECONDS)
