"""Deadlines of many attempts, kept by one timer of the event loop instead of one each."""

import asyncio
from types import TracebackType


class Deadline:
    """Ends by TimeoutError, at the instant `at`, what the running task does within it (`with`); see `Deadlines`."""

    __slots__ = ("_cancelling", "_deadlines", "_is_late", "_task", "at")

    def __init__(self, deadlines: "Deadlines", task: "asyncio.Task[object]", at: float) -> None:
        self._deadlines = deadlines
        self._task = task
        self._cancelling = task.cancelling()
        self._is_late = False
        self.at = at

    def __enter__(self) -> None:
        self._deadlines.add(self)

    def pass_by(self) -> None:
        """Interrupts the task."""
        self._is_late = True
        self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._deadlines.discard(self)
        if not self._is_late:
            return
        is_ours = self._task.uncancel() <= self._cancelling  # as asyncio.timeout does; else somebody else cancels it
        if is_ours and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError


class Deadlines:
    """The deadlines of one event loop. The timer is set for the first of those that were under way when it was set, so
    attempts that end in time cost it nothing. `close` stops it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._open: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None

    def within(self, seconds: float) -> Deadline:
        """A deadline for the running task, so many seconds from now."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  only coroutines of a task come here
        return Deadline(self, task, self._loop.time() + seconds)

    def close(self) -> None:
        """Stops the timer: nothing ends late any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def add(self, deadline: Deadline) -> None:
        """Keeps a deadline from now on."""
        self._open.add(deadline)
        if self._timer is None or deadline.at < self._timer.when():
            self._set_timer(deadline.at)

    def discard(self, deadline: Deadline) -> None:
        """Keeps a deadline no longer."""
        self._open.discard(deadline)

    def _set_timer(self, at: float) -> None:
        self.close()
        self._timer = self._loop.call_at(at, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        now = self._loop.time()
        for late in [deadline for deadline in self._open if deadline.at <= now]:
            self._open.discard(late)
            late.pass_by()
        if self._open:
            self._set_timer(min(deadline.at for deadline in self._open))
