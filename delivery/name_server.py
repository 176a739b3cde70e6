"""Whether our own name server answers: found out by asking it for names that nobody has.

A name that is not found "for now" (EAI_AGAIN), or whose look-up does not end, may have a broken domain, or our name
server may be away: its answer alone does not say. So a probe is asked after it, a random name below a domain that
works, which no cache and no hosts file knows. Whatever answer comes, "no such name" too, shows that the name server is
there.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from secrets import token_hex
from typing import Any

LookUp = Callable[..., Sequence[tuple[Any, ...]]]
"""As `socket.getaddrinfo`: takes a host, a port, and the rest by keyword; may block; raises OSError."""
PROBE_DOMAIN = "root-servers.net"
PROBE_SECONDS = 5.0
"""How long a probe may take until the name server counts as away."""
AGAIN_SECONDS = 1.0
"""How long after a probe that failed the next one follows."""
UNSURE = frozenset({socket.EAI_AGAIN, socket.EAI_FAIL})
"""What a look-up fails with where the name server, or the one that it asks, does not answer."""
log = logging.getLogger("chainbell")


class NameServerAwayError(OSError):
    """Our name server does not answer; a name that cannot be looked up says nothing of its endpoint."""


class NameServer:
    """Knows whether any name is answered. Probes run in daemon threads, at most one for each of two domains: `domain`,
    and the name that was found last, so that a network without the public names needs no setting. Thread-safe."""

    def __init__(self, look_up: LookUp, domain: str) -> None:
        self._look_up = look_up
        self._domain = domain
        self._found: str | None = None
        self._news = threading.Condition()
        self._asking: dict[str, float] = {}
        self._failed_at: dict[str, float] = {}
        self._answered_at = float("-inf")
        self._wanted_at = float("-inf")
        self._is_away = False

    def found(self, name: str) -> None:
        """Remembers a name that has been found: the next probes may be below it."""
        self._found = name

    def is_away(self) -> bool:
        """Whether no probe has been answered lately, as far as is known at once."""
        with self._news:
            return self._is_away or any(self._is_late(began) for began in self._asking.values())

    def _is_late(self, began: float) -> bool:
        return began + PROBE_SECONDS <= time.monotonic() and self._answered_at < began

    def ask(self) -> None:
        """Starts probes, unless they are under way; returns at once."""
        with self._news:
            self._wanted_at = time.monotonic()
            for domain in {self._domain, self._found or self._domain} - set(self._asking):
                thread = threading.Thread(target=self._probe, args=(domain,), name="chainbell-probe", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # no thread to be had: nothing is known
                    return
                self._asking[domain] = time.monotonic()

    def answers(self, since: float) -> bool:
        """Whether a probe is answered after `since` (monotonic, seconds); waits for `PROBE_SECONDS` at most."""
        self.ask()
        with self._news:
            self._news.wait_for(lambda: self._answered_at >= since or self._have_failed(since), PROBE_SECONDS)
            there = self._answered_at >= since
            if not there:
                self._say(is_away=True)
            return there

    def _have_failed(self, since: float) -> bool:
        return all(self._failed_at.get(domain, float("-inf")) >= since for domain in self._asking)

    def comes_back(self, seconds: float) -> bool:
        """Whether a probe is answered within so many seconds."""
        self.ask()
        with self._news:
            self._wanted_at = time.monotonic() + max(0.0, seconds)
            return self._news.wait_for(lambda: not self._is_away, max(0.0, seconds))

    def _probe(self, domain: str) -> None:
        """Asks until an answer comes, by whichever probe, or nobody has wanted one for a while."""
        began = time.monotonic()
        while True:
            is_answered = self._is_answered(f"{token_hex(8)}.{domain.rstrip('.')}.")
            with self._news:
                now = time.monotonic()
                if is_answered:
                    self._answered_at = now
                    self._say(is_away=False)
                else:
                    self._failed_at[domain] = now
                is_done = self._answered_at >= began or self._wanted_at + 2 * PROBE_SECONDS < now
                if is_done:
                    self._asking.pop(domain, None)
                    self._failed_at.pop(domain, None)
                self._news.notify_all()
            if is_done:
                return
            time.sleep(AGAIN_SECONDS)

    def _is_answered(self, name: str) -> bool:
        try:
            self._look_up(name, None, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            return error.errno not in UNSURE and error.errno != socket.EAI_MEMORY
        except Exception:  # noqa: BLE001  no file descriptor, say: no answer
            return False
        return True

    def _say(self, *, is_away: bool) -> None:
        """Logs the change once."""
        if self._is_away != is_away:
            self._is_away = is_away
            line = "chainbell.name_server_away" if is_away else "chainbell.name_server_back"
            log.log(logging.WARNING if is_away else logging.INFO, line)
