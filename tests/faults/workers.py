"""Work that tests kill: `python -m tests.faults.workers JOB URL KEY`; `write` takes a project and a history, too."""

import asyncio
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from time import sleep
from typing import Any

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings
from chainbell.engine import ConflictError, Engine, StorageError, configure_logging, run_dispatcher
from chainbell.engine.running import dispatching
from chainbell.storage import Database
from tests.faults.history import Reader, Recorder
from tests.plans import MONDAY, line_plan, task_update
from tests.soak import SOAK

SECRET = "s3cret-of-ours-and-theirs"
CLIENTS, WRITERS = 100, 200
"""The projects of clients and of writers, each of an account of its own."""
PAUSE_SECONDS = 0.05 if SOAK else 0.2
"""Between two changes of a writer or a client."""
PROJECTS, BATCHES, BATCH = 3, 60, 10
LATE = datetime(2025, 3, 21, 17, tzinfo=UTC)


def batches() -> list[list[dict[str, Any]]]:
    """Reports on a few projects in time order, each with an id of its own; the same in every process."""
    rng = Random(5)
    made = []
    for number in range(BATCHES):
        changes = []
        for place in range(BATCH):
            at = (MONDAY + timedelta(minutes=10 * (number * BATCH + place))).isoformat()
            fields = {"remainingDuration": rng.randint(1, 40) / 2, "changeId": f"{number}-{place}"}
            changes.append(task_update(rng.randint(1, 3), at, rng.randint(1, PROJECTS), **fields))
        made.append(changes)
    return made


def load(engine: Engine, count: int = PROJECTS) -> None:
    plans = [line_plan(project_id=number) for number in range(1, count + 1)]
    engine.apply_each([{"kind": "plan", "at": MONDAY.isoformat(), "plan": plan} for plan in plans])


async def dispatch(engine: Engine) -> None:
    """Delivers until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    begun()
    await run_dispatcher(engine, engine.dispatcher(), stop)


def change_of(process: str, number: int, project: int) -> dict[str, Any]:
    """The n-th change that a process sends: remaining durations that swing over and under the thresholds."""
    at = (MONDAY + timedelta(seconds=number)).isoformat()
    change_id = f"{process}-{number}"
    if number == 0:
        return task_update(1, at, project, status="InProgress", changeId=change_id)
    return task_update(1, at, project, remainingDuration=(15, 5)[number % 2] + number % 7 / 10, changeId=change_id)


def write(url: str, key: str, project: int, history: Path) -> None:
    """Applies changes with the library, each again until it is taken; goes on where it was killed."""
    told = (line["change"] for line in Reader(history).new() if line["kind"] == "invoked")
    number = max((int(one.partition("-")[2]) for one in told if one.startswith("writer-")), default=0)
    recorder = Recorder(history)
    with Engine(url, keys=[key]) as engine:
        begun()
        while True:
            change = change_of("writer", number, project)
            recorder.invoked(change["changeId"])
            try:
                recorder.acknowledged(change["changeId"], [event.id for event in engine.apply(change)])
                number += 1
            except (StorageError, ConflictError) as error:
                recorder.unanswered(change["changeId"], str(error))
            sleep(PAUSE_SECONDS)


def begun() -> None:
    """Tells whoever kills this process that its work begins now."""
    print("begun", flush=True)


def main(job: str, url: str, key: str, *more: str) -> None:
    configure_logging(as_json=True, level="critical")
    if job == "write":
        project, history = more
        write(url, key, int(project), Path(history))
    if job == "upgrade":
        database = Database(url)
        begun()
        print(database.upgrade())
        database.close()
        return
    if job.startswith("dispatch"):
        if job == "dispatch_told":
            dispatching.LOOK_AGAIN_SECONDS = 3600.0
        settings = DeliverySettings(guard=LOOPBACK_ALLOWED, deadline_seconds=20.0, in_flight=16, per_webhook=16)
        with Engine(url, keys=[key], delivery=settings) as engine:
            asyncio.run(dispatch(engine))
        return
    with Engine(url, keys=[key]) as engine:
        begun()
        if job == "reevaluate":
            print(engine.reevaluate(LATE).projects)
        else:
            for number, changes in enumerate(batches()):
                engine.apply_each(changes)
                print(number, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
