"""What runs in a process that works on large requests, one after the other, with its own connection to the database.

`STARTS` is run by `python -c`. It reads pickled values from the standard input: the paths on which modules are found,
an `Opening`, then requests. It writes an `Outcome` for each to the standard output, and ends with its input.
"""

import copyreg
import os
import pickle
import sys
import traceback
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, BinaryIO, NoReturn

from chainbell.delivery.settings import DeliverySettings
from chainbell.engine.account import AccountView
from chainbell.engine.audit import Audit
from chainbell.engine.changes.applying import Changes
from chainbell.engine.core import Core, Signals
from chainbell.engine.http.performing import Answered, Asked, perform
from chainbell.engine.http.projects import projects
from chainbell.engine.reading.reading import Reading
from chainbell.engine.webhooks import Webhooks
from chainbell.rules import Event, HostId, Rule
from chainbell.storage import LIBRARY, Database, KeyRing, StoredProject, generate_key
from chainbell.storage.snapshots import Snapshots

STARTS = f"import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); import {__name__}; {__name__}.main()"


@dataclass(frozen=True, slots=True)
class Opening:
    """What a worker opens: a database, and the rules that decide. It needs no keys, for it opens no secret."""

    database_url: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a request: its answer or its error, and the events and projects that were committed meanwhile."""

    answer: Answered | None
    error: Exception | None
    events: tuple[Event, ...]
    written: tuple[StoredProject, ...]


class _Written(Snapshots):
    """Snapshots that remember what has been written."""

    def __init__(self) -> None:
        super().__init__()
        self.since: list[StoredProject] = []

    def put(self, stored: StoredProject) -> None:
        super().put(stored)
        self.since.append(stored)


class Worker:
    """The engine's changes and reading, without keys, dispatcher and housekeeping."""

    def __init__(self, opening: Opening) -> None:
        database = Database(opening.database_url)
        self._snapshots = _Written()
        self._core = Core(
            database=database,
            keys=KeyRing([generate_key()]),
            rules=opening.rules,
            clock=database.now,
            delivery=DeliverySettings(),
            snapshots=self._snapshots,
            signals=Signals(rule.event for rule in opening.rules),
        )
        self._routes = {route.operation: route for route in projects.declared}
        self._fired: list[Event] = []
        for name in self._core.event_names:
            self._core.signals.of_event(name).connect(self._remember, weak=False)

    def _remember(self, _: object, event: Event) -> None:
        self._fired.append(event)

    def work(self, account: HostId, operation: str, asked: Asked) -> Outcome:
        """Does what a request asks, and raises nothing."""
        self._fired.clear()
        self._snapshots.since.clear()
        view = AccountView(
            account,
            LIBRARY,  # routes that plan leave nothing in the audit trail
            Changes(self._core),
            Reading(self._core),
            Webhooks(self._core, _dispatches_nothing),
            Audit(self._core),
        )
        try:
            answer = perform(self._routes[operation], view, asked)
            assert isinstance(answer, Answered), operation  # noqa: S101  routes that plan answer JSON
        except Exception as error:  # noqa: BLE001  it is raised again where the request waits
            return self._outcome(None, _travelling(error))
        return self._outcome(answer, None)

    def _outcome(self, answer: Answered | None, error: Exception | None) -> Outcome:
        return Outcome(answer, error, tuple(self._fired), tuple(self._snapshots.since))


def _dispatches_nothing() -> NoReturn:
    raise RuntimeError("a worker has no dispatcher: its routes deliver nothing")


def _travelling(error: Exception) -> Exception:
    """The error as another process can read it, with its traceback as a note."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    except Exception:  # noqa: BLE001
        error = RuntimeError(repr(error))
    error.add_note("".join(traceback.format_exception(error)))
    return error


def read_only(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """The values as they may not be changed, in the process that reads an outcome."""
    return MappingProxyType(values)


def main() -> None:
    """Works until the input ends."""
    requests, outcomes = sys.stdin.buffer, _own_output()
    copyreg.pickle(MappingProxyType, lambda proxy: (read_only, (dict(proxy),)))  # projects hold some
    worker = Worker(pickle.load(requests))  # noqa: S301  from the process that started this one
    while True:
        try:
            asked = pickle.load(requests)  # noqa: S301
        except EOFError:
            return
        pickle.dump(worker.work(*asked), outcomes)
        outcomes.flush()


def _own_output() -> BinaryIO:
    """The standard output for outcomes alone; what others print goes to the standard error."""
    own = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own
