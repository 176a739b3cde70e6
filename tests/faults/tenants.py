"""A served database with two tenants: one that is attacked or attacks, and one whose figures are measured meanwhile."""

import json
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings
from chainbell.engine import Engine
from chainbell.storage import generate_key
from tests.e2e.receiver import Receiver, receiving
from tests.e2e.waiting import until
from tests.faults.clients import measured, post
from tests.faults.processes import Process, command
from tests.faults.system import free_port
from tests.faults.workers import SECRET, change_of
from tests.plans import MONDAY, line_plan

ATTACKER, OTHER = 7, 8
LEAST_SECONDS = 0.25
"""Below this a median is not compared: a machine that is busy may take it for anything."""


@dataclass(slots=True)
class Tenants:
    """`token` is the attacker's; `engine` is for what only an operator can do."""

    base: str
    engine: Engine
    token: str
    others_token: str
    others_receiver: Receiver
    sent: int = 0

    def call(self, method: str, path: str, body: Any = None) -> int:
        """The status that the attacker is answered with."""
        return post(f"{self.base}{path}", self.token, body, method)[0]

    def others(self, what: str, count: int = 8) -> float:
        """Prints how the other tenant fares, and returns the median of the seconds from a change to its webhook."""
        answered, delivered = [], []
        for _ in range(count):
            change = change_of("other", self.sent, OTHER)
            before, begun = len(self.others_receiver.requests), time.monotonic()
            answered.append(measured(lambda change=change: self._applied(change)))  # type: ignore[misc]
            until(lambda before=before: len(self.others_receiver.requests) > before)  # type: ignore[misc]
            delivered.append(time.monotonic() - begun)
            self.sent += 1
        for name, seconds in (("change to answer", answered), ("change to webhook", delivered)):
            print(f"{what}: {name} {statistics.median(seconds):.3f} s median, {max(seconds):.3f} s at most")
        return statistics.median(delivered)

    def readers(self, what: str, count: int = 20) -> float:
        """Prints and returns the median of the seconds in which the other tenant reads."""
        seconds = [measured(self._read) for _ in range(count)]
        print(f"{what}: reading {statistics.median(seconds):.3f} s median, {max(seconds):.3f} s at most")
        return statistics.median(seconds)

    def compare(self, before: float, during: float) -> None:
        """The attack must not be felt: an order of magnitude at most."""
        assert during < 10 * max(before, LEAST_SECONDS)

    def _applied(self, change: dict[str, Any]) -> None:
        status, _, answer = post(f"{self.base}/api/v1/changes", self.others_token, change)
        assert status == 200, json.dumps(answer)

    def _read(self) -> None:
        assert post(f"{self.base}/api/v1/projects/{OTHER}", self.others_token, None, "GET")[0] == 200


@contextmanager
def tenants(folder: Path, *, lock_seconds: float = 30.0, module: str = "chainbell.engine") -> Iterator[Tenants]:
    """`chainbell serve` with its dispatcher on a SQLite file of its own, as a module that runs the command line.

    It waits `lock_seconds` for a lock that others hold.
    """
    url, key, port = f"sqlite:///{folder / 'tenants.db'}?timeout={lock_seconds}", generate_key(), free_port()
    settings = DeliverySettings(guard=LOOPBACK_ALLOWED)
    serve = [sys.executable, "-m", module, *command(url, "serve", "--port", str(port))[1:]]
    server = Process("server", serve, {"CHAINBELL_KEYS": key}, folder, "serving on")
    with receiving() as receiver, Engine(url, keys=[key], delivery=settings) as engine:
        engine.webhooks.add(OTHER, receiver.url, secret=SECRET)
        engine.load(line_plan(project_id=OTHER, account=OTHER), at=MONDAY)
        tokens = [engine.tokens.add(account) for account in (ATTACKER, OTHER)]
        server.start()
        try:
            yield Tenants(f"http://127.0.0.1:{port}", engine, tokens[0], tokens[1], receiver)
            server.terminate()
        finally:
            server.discard()
