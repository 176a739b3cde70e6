"""Large requests: performed in processes of their own, and bounded in time."""

import os
import pickle
import subprocess
import sys
from contextlib import suppress
from threading import Lock, Timer, local
from typing import Any

from aiohttp import web

from chainbell.engine.core import Core
from chainbell.engine.errors import InvalidInputError, UnknownOutcomeError
from chainbell.engine.http.performing import Answered, Asked, perform
from chainbell.engine.http.routing import Route
from chainbell.engine.http.threads import RETRY_SECONDS
from chainbell.engine.http.worker import STARTS, Opening, Outcome
from chainbell.rules import HostId


class Planning:
    """Performs large requests, each no longer than `seconds`.

    Each thread that asks has a process, started with its first request. With a database in memory, a clock that was
    given, or rules that cannot be imported elsewhere, the work stays in this process, and no time can be set to it.
    """

    def __init__(self, core: Core, seconds: float) -> None:
        self._core = core
        self._seconds = seconds
        self._opening = _opening(core)
        self._own = local()
        self._processes: set[_Process] = set()
        self._lock = Lock()
        self._has_ended = False

    def perform(self, account: HostId, seen: Any, route: Route, asked: Asked) -> Answered | web.StreamResponse:
        """As `performing.perform`; raises InvalidInputError where the request takes longer than it may.

        Events that a process fires are announced here.
        """
        if self._opening is None:
            return perform(route, seen, asked)
        outcome = self._process(self._opening).ask((account, route.operation, asked), self._seconds)
        for stored in outcome.written:
            self._core.snapshots.put(stored)
        self._core.announce(outcome.events)
        if outcome.error is not None:
            raise outcome.error
        assert outcome.answer is not None  # noqa: S101
        return outcome.answer

    def _process(self, opening: bytes) -> "_Process":
        """This thread's process."""
        process: _Process | None = getattr(self._own, "process", None)
        if process is None or not process.is_usable:
            with self._lock:
                if self._has_ended:
                    raise _unavailable("the server is stopping")
                self._processes = {known for known in self._processes if known.is_usable}
                process = self._own.process = _Process(opening)
                self._processes.add(process)
        return process

    def end(self) -> None:
        """Ends the processes, and starts no more; a transaction that is open in one is rolled back."""
        with self._lock:
            self._has_ended = True
            for process in self._processes:
                process.end()


PLANNING: web.AppKey[Planning] = web.AppKey("planning", Planning)


def _opening(core: Core) -> bytes | None:
    """What a worker reads first; None where the work has to stay in this process."""
    parts = [part for rule in core.rules for part in (rule.decide, rule.payload, rule.explain)]
    in_main = any(part.__module__ == "__main__" for part in parts)  # another process has another one
    if core.database.is_in_memory or core.clock != core.database.now or in_main:
        return None
    url = core.database.url.render_as_string(hide_password=False)
    try:
        return pickle.dumps(sys.path) + pickle.dumps(Opening(url, core.rules))
    except (pickle.PicklingError, AttributeError, TypeError):
        return None


class _Process:
    """One worker."""

    def __init__(self, opening: bytes) -> None:
        self._process = subprocess.Popen(  # noqa: S603  this Python, and code of our own
            [sys.executable, "-c", STARTS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # an interrupt from the terminal is for the server, which ends its workers
        )
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101, PT018
        self._requests, self._outcomes = self._process.stdin, self._process.stdout
        self._requests.write(opening)
        self._is_out_of_time = False
        self._started_by = os.getpid()

    @property
    def is_usable(self) -> bool:
        """Whether it can be asked: it runs, and was started by this process, not by one from which this was forked."""
        return self._started_by == os.getpid() and self._process.poll() is None

    def ask(self, request: tuple[HostId, str, Asked], seconds: float) -> Outcome:
        """The outcome of a request; a process that takes longer is ended, and InvalidInputError raised."""
        timer = Timer(seconds, self._time_out)
        timer.daemon = True
        timer.start()
        try:
            pickle.dump(request, self._requests)
            self._requests.flush()
            outcome: Outcome = pickle.load(self._outcomes)  # noqa: S301  from the process that was started here
        except (OSError, ValueError, EOFError, pickle.UnpicklingError):  # ValueError: closed meanwhile
            self.end()
            if self._is_out_of_time:
                reason = f"takes longer than {seconds:g} s, and was stopped, if need be while it was written"
                raise InvalidInputError("body", reason) from None
            raise UnknownOutcomeError("the process that worked on it ended; all of it is kept, or nothing") from None
        finally:
            timer.cancel()
        return outcome

    def _time_out(self) -> None:
        self._is_out_of_time = True
        self.end()

    def end(self) -> None:
        """Ends the process; a transaction that is open in it is rolled back."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._requests, self._outcomes):
            with suppress(OSError):
                pipe.close()


def _unavailable(text: str) -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(text=text, headers={"Retry-After": RETRY_SECONDS})
