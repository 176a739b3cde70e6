"""A value that is asked of the database once in a while, by one task, whoever and how many ask for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Refreshed(Generic[T]):
    """What `ask` gave last, made anew where it is older than `seconds`.

    Those who ask meanwhile wait for the same task, and hold no thread. Where it fails, all of them get its error. Where
    it takes more than `patience` seconds they get what was there before, if anything was.
    """

    def __init__(self, seconds: float, ask: Callable[[], Awaitable[T]], *, patience: float = 2.0) -> None:
        self._seconds, self._ask, self._patience = seconds, ask, patience
        self._made: tuple[float, T] | None = None
        self._asking: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The value; raises what `ask` raises."""
        if self._made is not None and time.monotonic() - self._made[0] < self._seconds:
            return self._made[1]
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_anew())
            self._asking.add_done_callback(_seen)
        asking, made = self._asking, self._made
        if made is None:
            return await asyncio.shield(asking)
        try:
            return await asyncio.wait_for(asyncio.shield(asking), self._patience)
        except TimeoutError:
            return made[1]

    async def _ask_anew(self) -> T:
        try:
            value = await self._ask()
            self._made = time.monotonic(), value
            return value
        finally:
            self._asking = None


def _seen(task: "asyncio.Task[T]") -> None:
    """Whoever waited has got the error; nobody may be left by the time it comes."""
    if not task.cancelled():
        task.exception()
