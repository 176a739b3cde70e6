"""What happened, written down outside the database by those whom no nemesis touches: clients and receivers.

The file is only ever appended to, one whole line by one write, so a writer that is killed has told what it had been
answered by then.
"""

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Recorder:
    """Appends to a history; several processes and threads may do so."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._writing = threading.Lock()

    def invoked(self, change_id: str) -> None:
        """A change is about to be sent; without an answer, it may be kept or not."""
        self._append("invoked", change=change_id)

    def acknowledged(self, change_id: str, events: Sequence[str]) -> None:
        """A change was taken, and these events (ids) fired."""
        self._append("acknowledged", change=change_id, events=list(events))

    def unanswered(self, change_id: str, reason: str) -> None:
        """A change was refused for now, or its answer was lost."""
        self._append("unanswered", change=change_id, reason=reason)

    def received(self, message: str, body: bytes, status: int) -> None:
        """A signed message came in, and was answered so."""
        self._append("received", message=message, body=body.decode(), status=status)

    def nemesis(self, name: str, what: str) -> None:
        """A fault begins or ends."""
        self._append("nemesis", name=name, what=what)

    def _append(self, kind: str, **said: Any) -> None:
        line = json.dumps({"kind": kind, "at": time.time(), **said}).encode() + b"\n"
        with self._writing:
            os.write(self._file, line)

    def close(self) -> None:
        os.close(self._file)


@dataclass(frozen=True, slots=True)
class Received:
    """A message as a receiver got it, and how it answered."""

    message: str
    body: bytes
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a file tells: the changes that were sent, the events of those that were taken, the messages that came."""

    invoked: frozenset[str]
    acknowledged: Mapping[str, tuple[str, ...]]
    received: tuple[Received, ...]


class Reader:
    """Reads a history from where it has come to; the last line may not be written to its end yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def new(self) -> Iterator[dict[str, Any]]:
        """What was appended since the last time."""
        with self._path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read += len(line)
                yield json.loads(line)


def read(path: Path) -> History:
    """The history so far."""
    lines = list(Reader(path).new())
    return History(
        invoked=frozenset(line["change"] for line in lines if line["kind"] == "invoked"),
        acknowledged={line["change"]: tuple(line["events"]) for line in lines if line["kind"] == "acknowledged"},
        received=tuple(
            Received(line["message"], line["body"].encode(), line["status"])
            for line in lines
            if line["kind"] == "received"
        ),
    )
