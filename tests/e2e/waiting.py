"""Waiting for what other threads and processes do, for as long as a busy machine may need."""

import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
SECONDS = 120


def until(condition: Callable[[], T], seconds: float = SECONDS) -> T:
    """What the condition gives once that is true; fails where it does not come to that."""
    ends = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.02)
    return found


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
