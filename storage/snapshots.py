"""Projects kept in memory with the version of their row, within a bound; the row tells whether one is current."""

from collections import OrderedDict
from threading import Lock

from chainbell.storage import Located, StoredProject
from chainbell.storage.forking import after_fork

MOST_TASKS = 100_000
"""The most tasks that all snapshots hold together; some 100 MB."""


class Snapshots:
    """The most recently used projects as committed; safe to share between threads."""

    def __init__(self, most_tasks: int = MOST_TASKS) -> None:
        self._most_tasks = most_tasks
        self._tasks = 0
        self._kept: OrderedDict[int, StoredProject] = OrderedDict()
        self._lock = Lock()
        after_fork(self._forked)

    def _forked(self) -> None:
        """A thread that is not there in the child may have held the lock; what it was about to keep is dropped."""
        self._lock, self._kept, self._tasks = Lock(), OrderedDict(), 0

    def get(self, located: Located) -> StoredProject | None:
        """The project, if it is kept at the version that the row has; None otherwise."""
        with self._lock:
            stored = self._kept.get(located.key)
            if stored is None or stored.version != located.version:
                return None
            self._kept.move_to_end(located.key)
            return stored

    def put(self, stored: StoredProject) -> None:
        """Keeps a committed project unless a later version is kept; drops the least recently used beyond the bound."""
        with self._lock:
            known = self._kept.get(stored.key)
            if known is not None:
                if known.version > stored.version:
                    return
                self._tasks -= len(known.project.tasks)
            self._kept[stored.key] = stored
            self._kept.move_to_end(stored.key)
            self._tasks += len(stored.project.tasks)
            while self._tasks > self._most_tasks:
                _, oldest = self._kept.popitem(last=False)
                self._tasks -= len(oldest.project.tasks)

    def __len__(self) -> int:
        return len(self._kept)
