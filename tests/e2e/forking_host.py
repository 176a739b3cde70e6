"""A host that opens the engine, uses it, and then forks, as gunicorn does with `preload_app`: `... URL KEY`."""

import os
import sys

from chainbell.engine import Engine, StorageError
from tests.hosts import report, started
from tests.plans import MONDAY, line_plan

CHILDREN = 3


def child(engine: Engine, number: int) -> int:
    if engine.database.is_in_memory:
        try:
            engine.status(1)
        except StorageError as error:
            return 0 if "not there in a forked process" in str(error) else 1
        return 1
    for remaining in range(1, 9):
        engine.apply(report(remaining, number))
        assert engine.status(number).tasks[0].remaining_duration == remaining
    engine.apply(report(9 + number, number))
    return 0


def main(url: str, key: str) -> None:
    with Engine(url, keys=[key]) as engine:
        for number in range(CHILDREN):
            engine.load(line_plan(project_id=number), at=MONDAY)
        engine.apply(started() | {"projectId": 0})
        children = []
        for number in range(CHILDREN):
            if (process := os.fork()) == 0:
                status = 1
                try:
                    status = child(engine, number)
                finally:
                    os._exit(status) if number else sys.exit(status)  # a worker may end either way
            children.append(process)
            engine.status(number)  # the parent goes on with its own connections
        statuses = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in children]
        assert statuses == [0] * CHILDREN, statuses
        engine.apply(report(2, 1))
        found = [engine.status(number).tasks[0].remaining_duration for number in range(CHILDREN)]
        print(*found)


if __name__ == "__main__":
    main(*sys.argv[1:])
