"""The processes under test: started, killed, stopped and continued; what they say is kept in a file."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.e2e.commands import CHAINBELL, ENVIRONMENT, ROOT
from tests.e2e.waiting import SECONDS, until


class Process:
    """A command that can be ended and started again; `log` has the lines that it wrote as JSON, over all its lives."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, begun: str
    ) -> None:
        self.name = name
        self.begun = begun
        """What it says once it is at work."""
        self.is_wanted = False
        self._command = [*command]
        self._environment = {**environment}
        self._said = folder / f"{name}.log"
        self._before = 0
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._running is not None
        return self._running.pid

    def start(self, **environment: str) -> None:
        """Starts it, with these variables in place of its own, and waits until it is at work."""
        self.launch(**environment)
        self.wait_until_begun()

    def wait_until_begun(self) -> None:
        until(lambda: self.begun in self._new() or not self.is_running())
        assert self.is_running(), f"{self.name} did not begin:\n{self.said()}"

    def launch(self, **environment: str) -> None:
        self._before = len(self.said())
        with self._said.open("ab") as said:
            everything = {**os.environ, **ENVIRONMENT, **self._environment, **environment}
            self._running = subprocess.Popen(self._command, cwd=ROOT, env=everything, stdout=said, stderr=said)
        self.is_wanted = True

    def kill(self) -> None:
        """Kill -9; it must have been running until then."""
        self._signal(signal.SIGKILL)
        assert self._ended() == -signal.SIGKILL, f"{self.name} had ended by itself:\n{self.said()}"

    def terminate(self) -> None:
        """Ends it as an operator does; it must end well."""
        self._signal(signal.SIGTERM)
        assert self._ended() == 0, f"{self.name} did not end well:\n{self.said()}"

    def stop(self) -> None:
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def is_running(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def wait(self) -> int:
        """Its exit status."""
        return self._ended()

    def discard(self) -> None:
        """Ends it if it is there, after a test that failed."""
        if self.is_running():
            assert self._running is not None
            self._running.kill()
            self._running.wait()

    def said(self) -> str:
        return self._said.read_text(errors="replace") if self._said.exists() else ""

    def log(self, event: str) -> list[dict[str, Any]]:
        """The log lines with this name."""
        lines = (line for line in self.said().splitlines() if line.startswith("{"))
        return [line for line in map(json.loads, lines) if line.get("event") == event]

    def _new(self) -> str:
        """What it has said in this life."""
        return self.said()[self._before :]

    def _signal(self, what: signal.Signals) -> None:
        assert self._running is not None
        self._running.send_signal(what)

    def _ended(self) -> int:
        assert self._running is not None
        self.is_wanted = False
        return self._running.wait(timeout=SECONDS)


def command(database: str, *arguments: str) -> list[str]:
    """chainbell's own command line, with its log as JSON."""
    return [CHAINBELL, "--database", database, "--log", "json", "--log-level", "info", *arguments]


def worker(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.faults.workers", *arguments]
