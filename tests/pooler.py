"""Poolers in transaction mode before the PostgreSQL of a test run: one of our own, and Debian's PgBouncer."""

import asyncio
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pytest
from sqlalchemy import URL, make_url

from tests.e2e.waiting import listens, until

SESSIONS = 3
"""How many sessions of the server all clients share."""
ENCRYPTION_REQUESTS = {80877103, 80877104}
"""Asked for in the place of a start: TLS, and GSSAPI."""
PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
Session = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def read_message(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """The kind of the next message of PostgreSQL's protocol, and all its bytes."""
    head = await reader.readexactly(5)
    return chr(head[0]), head + await reader.readexactly(int.from_bytes(head[1:], "big") - 4)


class Pooler:
    """Gives each transaction of each client another session of the server; all clients are of one user and database.

    The sessions take turns, so what a client leaves behind in one is missing in its next transaction, and is there in
    another client's. `statements` are all that clients have sent, with the names of those that were to be prepared.
    With `break_at_commit` the connection of the next client that commits is broken, once: before its request is passed
    on, or before the answer is.
    """

    def __init__(self, server: URL) -> None:
        self._socket = Path(str(server.query["host"])) / ".s.PGSQL.5432"
        self._sessions: asyncio.Queue[Session | None] = asyncio.Queue()
        for _ in range(SESSIONS):
            self._sessions.put_nowait(None)  # not opened yet
        self.start = self.greeting = b""
        self.statements: list[tuple[str, str]] = []
        self.break_at_commit: Literal["request", "answer"] | None = None

    async def take(self) -> Session:
        """The session that has been free for the longest; waits until there is one."""
        session = await self._sessions.get()
        if session is not None:
            return session
        try:
            reader, writer = await asyncio.open_unix_connection(self._socket)
            writer.write(self.start)
            greeting = b""
            while (message := await read_message(reader))[0] != "Z":
                greeting += message[1] if message[0] in "RS" else b""
        except BaseException:
            self._sessions.put_nowait(None)
            raise
        self.greeting = greeting
        return reader, writer

    def give_back(self, session: Session, *, is_clean: bool) -> None:
        """A session in the middle of a transaction is closed, and another one is opened in its place."""
        if not is_clean:
            session[1].close()
        self._sessions.put_nowait(session if is_clean else None)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, from its start to its end."""
        with suppress(asyncio.IncompleteReadError, asyncio.CancelledError, OSError), closing(writer):
            while True:
                length = await reader.readexactly(4)
                start = length + await reader.readexactly(int.from_bytes(length, "big") - 4)
                if int.from_bytes(start[4:8], "big") not in ENCRYPTION_REQUESTS:
                    break
                writer.write(b"N")
            self.start = self.start or start
            if not self.greeting:
                self.give_back(await self.take(), is_clean=True)
            no_process = b"K" + (12).to_bytes(4, "big") + os.urandom(8)
            writer.write(self.greeting + no_process + b"Z" + (5).to_bytes(4, "big") + b"I")
            await Client(self, reader, writer).serve()

    async def stop(self, listening: asyncio.Server) -> None:
        """Ends all clients and sessions."""
        listening.close()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        while not self._sessions.empty():
            if (session := self._sessions.get_nowait()) is not None:
                session[1].close()
                await session[1].wait_closed()

    def note(self, kind: str, message: bytes) -> None:
        """Keeps what a client wants to run or to prepare."""
        if kind in "QP":
            texts = message[5:].decode(errors="replace").split("\0")
            self.statements.append(("", texts[0]) if kind == "Q" else (texts[0], texts[1]))


class Client:
    """A connection of a client, and the session that it has while a transaction of its is open."""

    def __init__(self, pooler: Pooler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._pooler, self._reader, self._writer = pooler, reader, writer
        self._held: Session | None = None
        self._unanswered = 0
        self._breaks_at: str | None = None

    async def serve(self) -> None:
        """Passes on messages until the client leaves."""
        answering: asyncio.Task[None] | None = None
        try:
            while (message := await read_message(self._reader))[0] != "X":
                self._pooler.note(*message)
                if message[1][5:] == b"COMMIT\0" and self._pooler.break_at_commit is not None:
                    self._breaks_at, self._pooler.break_at_commit = self._pooler.break_at_commit, None
                    if self._breaks_at == "request":
                        return
                if self._held is None:
                    self._held = await self._pooler.take()
                    answering = asyncio.create_task(self._answer(self._held))
                self._unanswered += message[0] in "QSF"
                self._held[1].write(message[1])
        finally:
            if answering is not None:
                answering.cancel()
            if self._held is not None:
                self._pooler.give_back(self._held, is_clean=False)

    async def _answer(self, session: Session) -> None:
        """Passes on what the server says until all is answered and no transaction is open."""
        try:
            while True:
                kind, message = await read_message(session[0])
                if self._breaks_at == "answer":
                    self._writer.close()
                    return
                self._writer.write(message)
                self._unanswered -= kind == "Z"
                if kind == "Z" and message[-1:] == b"I" and not self._unanswered:
                    break
            self._held = None
            self._pooler.give_back(session, is_clean=True)
        except (asyncio.IncompleteReadError, OSError):  # the server has ended the session
            self._writer.close()


@contextmanager
def pooling(url: str) -> Iterator[tuple[str, Pooler]]:
    """Our own pooler before the database, in a thread: the URL through it, and what it has seen."""
    server = make_url(url)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    pooler = Pooler(server)
    starting = asyncio.start_server(pooler.serve, "127.0.0.1", 0)
    listening = asyncio.run_coroutine_threadsafe(starting, loop).result()
    port = listening.sockets[0].getsockname()[1]
    try:
        yield through(server, port), pooler
    finally:
        asyncio.run_coroutine_threadsafe(pooler.stop(listening), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def pgbouncer(url: str) -> Iterator[str]:
    """Debian's PgBouncer before the database, in transaction mode; skips where it is not installed."""
    if PGBOUNCER is None:
        pytest.skip("PgBouncer is not installed (apt-get install pgbouncer); our own pooler stands for it")
    server = make_url(url)
    folder = Path(str(server.query["host"]))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TemporaryDirectory(prefix="chainbell-pgbouncer-") as place:
        settings = Path(place) / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host={folder} port=5432 user={server.username}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
            f"pool_mode = transaction\ndefault_pool_size = {SESSIONS}\nserver_round_robin = 1\n"
        )
        owner = folder.stat().st_uid if os.getuid() == 0 else None  # it does not run as root
        Path(place).chmod(0o755)
        with subprocess.Popen([PGBOUNCER, "--quiet", settings], user=owner, stderr=subprocess.PIPE) as process:
            try:
                until(lambda: listens(port) or process.poll() is not None)
                assert process.poll() is None, process.stderr and process.stderr.read()
                yield through(server, port)
            finally:
                process.kill()


def through(server: URL, port: int) -> str:
    url = server.difference_update_query(["host"]).set(host="127.0.0.1", port=port)
    return url.render_as_string(hide_password=False)
