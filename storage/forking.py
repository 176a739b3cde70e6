"""What a forked process must not share with its parent is told of the fork, in the child, before anything else runs.

Servers that load an application before they fork (gunicorn's `preload_app`) and `multiprocessing` need this.
"""

import os
from collections.abc import Callable
from weakref import WeakMethod

_CALLED: list[WeakMethod[Callable[[], None]]] = []


def after_fork(method: Callable[[], None]) -> None:
    """Calls the bound method in every child that this process forks, for as long as its object lives."""
    _CALLED[:] = [known for known in _CALLED if known() is not None]
    _CALLED.append(WeakMethod(method))


def _in_child() -> None:
    for known in _CALLED:
        if (method := known()) is not None:
            method()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
