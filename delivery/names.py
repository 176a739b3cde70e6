"""Names are looked up by threads of delivery's own: one look-up a name at a time, answers kept for 30 s.

A look-up blocks for as long as the system's resolver likes, so each has a daemon thread (which holds up no exit) out of
a bounded number. The threads that are left go to those that deserve them (trunk reservation): names that were slow last
time get one only while less than half of the threads are taken, new ones up to three quarters, and those that were
quick the rest. So however many names hang, those that are known to be good are looked up at once.
"""

import asyncio
import errno
import socket
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from aiohttp.abc import ResolveResult

from chainbell.delivery.name_server import PROBE_DOMAIN, UNSURE, LookUp, NameServer, NameServerAwayError

KEPT_SECONDS = 30.0
"""How long an answer is used; failures are not kept."""
RENEWED_SECONDS = 20.0
"""The age from which an answer that is in use is asked for again, before it ends."""
SLOW_SECONDS = 1.0
"""A look-up that lasts longer is slow: its attempt gives way to others, and a probe is asked beside it."""
PATIENCE_SECONDS = 30.0
"""How long a look-up waits for a name server that is away."""
REMEMBERED = 4096
"""Names whose answers, or slowness, are remembered."""
THREADS = 512
Addresses = list[ResolveResult]


@dataclass(slots=True)
class _LookUp:
    name: str
    answer: Future[Addresses] = field(default_factory=Future)
    began: float | None = None
    ended: float = 0.0
    """When it was answered, by the clock of `Names`."""


class Names:
    """Looks names up, for any number of dispatchers and event loops of one process. Thread-safe.

    `look_up` stands for `socket.getaddrinfo`, which honours hosts file and name service switch; `threads` bounds its
    calls under way. `probe` is a domain that works whenever our name server does; see `name_server`. `clock` says how
    old an answer is (monotonic, seconds).
    """

    def __init__(
        self,
        look_up: LookUp | None = None,
        *,
        threads: int = THREADS,
        probe: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if threads < 4:
            raise ValueError(f"threads: {threads} is less than 4")
        self._look_up = look_up or _system
        self._clock = clock
        self._server = NameServer(self._look_up, probe or PROBE_DOMAIN)
        self._bounds = (threads, threads * 3 // 4, threads // 2)
        self._lock = threading.Lock()
        self._taken = 0
        self._waiting: tuple[deque[_LookUp], ...] = (deque(), deque(), deque())
        self._under_way: dict[str, _LookUp] = {}
        self._known: OrderedDict[str, _LookUp] = OrderedDict()
        self._ranks: OrderedDict[str, int] = OrderedDict()

    def __repr__(self) -> str:
        return "Names()"

    def is_at_hand(self, name: str) -> bool:
        """Whether an answer is known; one that will end soon is asked for again beside it."""
        with self._lock:
            known, now = self._known.get(name), self._clock()
            if known is None or now >= known.ended + KEPT_SECONDS:
                return False
            if now >= known.ended + RENEWED_SECONDS:
                self._ask(name)
            return True

    async def find(self, name: str) -> Addresses:
        """The addresses of a name, on port 0; raises OSError. May take for ever: whoever asks has a deadline."""
        with self._lock:
            known = self._known.get(name)
            if known is None or self._clock() >= known.ended + KEPT_SECONDS:
                known = self._ask(name)
        if known.answer.done():
            return known.answer.result()
        answer = asyncio.wrap_future(known.answer)
        try:
            await asyncio.wait({answer}, timeout=SLOW_SECONDS)
            if not answer.done():
                self._server.ask()
            return await answer
        finally:
            answer.cancel()  # the look-up itself goes on

    def late_error(self, name: str) -> OSError:
        """Why a name has not been found in time: by our own doing, or, TimeoutError, the endpoint's."""
        with self._lock:
            look_up = self._under_way.get(name)
            if look_up is not None and look_up.began is None:
                return OSError(errno.ENOMEM, "no thread was free to look its name up")
        if look_up is not None and self._server.is_away():
            return NameServerAwayError("our name server does not answer")
        return TimeoutError("its name could not be looked up in time")

    def _ask(self, name: str) -> _LookUp:
        """The look-up of this name that is under way, or a new one. Holds the lock."""
        look_up = self._under_way.get(name)
        if look_up is None:
            look_up = self._under_way[name] = _LookUp(name)
            look_up.answer.set_running_or_notify_cancel()  # nobody can cancel it for the others
            self._waiting[self._ranks.get(name, 1)].append(look_up)
            if (begun := self._next()) is not None:
                try:
                    threading.Thread(target=self._work, args=(begun,), name="chainbell-names", daemon=True).start()
                except RuntimeError as error:
                    self._end(begun, 1)
                    begun.answer.set_exception(OSError(errno.ENOMEM, f"no thread to look names up: {error}"))
        return look_up

    def _next(self) -> _LookUp | None:
        """Takes a thread for the look-up that deserves one most; None if none may have one. Holds the lock."""
        for waiting, bound in zip(self._waiting, self._bounds, strict=True):
            if waiting and self._taken < bound:
                self._taken += 1
                begun = waiting.popleft()
                begun.began = time.monotonic()
                return begun
        return None

    def _end(self, look_up: _LookUp, rank: int) -> None:
        """Gives the thread back. Holds the lock."""
        self._taken -= 1
        del self._under_way[look_up.name]
        _remember(self._ranks, look_up.name, rank)

    def _work(self, look_up: _LookUp | None) -> None:
        """Makes one look-up after the other, while there are any."""
        while look_up is not None:
            began, found, failed = time.monotonic(), None, None
            try:
                found = self._found(look_up.name)
            except BaseException as error:  # noqa: BLE001  whoever has asked gets it
                failed = error
            with self._lock:
                look_up.ended = self._clock()
                self._end(look_up, 2 if time.monotonic() - began > SLOW_SECONDS else 0)
                if found is not None:
                    _remember(self._known, look_up.name, look_up)
                following = self._next()
            if found is not None:
                self._server.found(look_up.name)
                look_up.answer.set_result(found)
            else:
                look_up.answer.set_exception(failed or OSError("no address"))
            look_up = following

    def _found(self, name: str) -> Addresses:
        """Looks a name up; while our own name server is away, waits for it, and looks up again. A name that
        fails once our server is known to answer is the endpoint's doing."""
        if name.rstrip(".").rpartition(".")[2] == "invalid":  # never exists, and is not to be asked for (RFC 6761)
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        last = time.monotonic() + PATIENCE_SECONDS
        is_there = False
        while True:
            began = time.monotonic()
            try:
                return _results(name, self._look_up(name, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG))
            except socket.gaierror as error:
                if error.errno not in UNSURE or is_there:
                    raise
                is_there = self._server.answers(began)  # then once more: it may have come back just now
                if not is_there and not self._server.comes_back(last - time.monotonic()):
                    raise NameServerAwayError(f"our name server does not answer ({error.strerror})") from error


def _system(*arguments: Any, **named: Any) -> Sequence[tuple[Any, ...]]:
    return socket.getaddrinfo(*arguments, **named)


def _remember(kept: OrderedDict[str, Any], name: str, value: Any) -> None:
    kept[name] = value
    kept.move_to_end(name)
    if len(kept) > REMEMBERED:
        kept.popitem(last=False)


def _results(name: str, infos: Sequence[tuple[Any, ...]]) -> Addresses:
    """What aiohttp's connector takes, of what getaddrinfo gave."""
    results = []
    for family, _, protocol, _, address in infos:
        if family not in (socket.AF_INET, socket.AF_INET6) or len(address) < 2:
            continue
        host = str(address[0])
        if family == socket.AF_INET6 and len(address) > 3 and address[3] and "%" not in host:
            host = f"{host}%{address[3]}"  # a link-local address needs its interface
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        results.append(ResolveResult(hostname=name, host=host, port=0, family=family, proto=protocol, flags=flags))
    if not results:
        raise socket.gaierror(socket.EAI_NONAME, "No address associated with hostname")
    return results
