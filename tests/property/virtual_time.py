"""An event loop whose time is made up: it jumps to the next timer when nothing is left to do, so hours take no time."""

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any


class _NoNetwork(selectors.BaseSelector):
    """Nothing is ever ready: what is waited for is only time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._keys.setdefault(fileobj, selectors.SelectorKey(fileobj, 0, events, data))

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everything waits, and for nothing")
        self.now += max(0.0, timeout)
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._made_up = _NoNetwork()
        super().__init__(self._made_up)

    def time(self) -> float:
        return self._made_up.now
