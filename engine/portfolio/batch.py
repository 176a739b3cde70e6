"""The batch job: re-evaluates a whole portfolio in chunks, in one process, several processes, or on a Dask cluster.

A chunk is read in one snapshot, evaluated in no transaction, and written in one short one. A project that another
writer has changed meanwhile is evaluated again by itself. A project already evaluated at the requested instant, or
later, is skipped, so after a kill the next run continues where it stopped, and a second run adds nothing.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache, partial
from itertools import islice
from multiprocessing import get_context
from time import monotonic, sleep
from typing import Any, TypeVar

from chainbell.engine.changes.unit_of_work import MOST_AHEAD, UnitOfWork
from chainbell.engine.changes.works import within
from chainbell.engine.documents.fields import instant_of
from chainbell.engine.errors import EvaluationError, InvalidInputError
from chainbell.engine.logs import Recurring
from chainbell.rules import Event, HostId, Rule
from chainbell.storage import Database, StorageError, history, is_passing, projects
from chainbell.storage.snapshots import Snapshots

CHUNK = 200
"""How many projects are read, evaluated and written together."""
PAUSE_SECONDS = 1.0
"""Between two tries while the database is away."""
WAITING_CHUNKS = 4
"""How many chunks per worker are submitted ahead: enough to keep it busy, few enough to keep memory flat."""


@dataclass(frozen=True, slots=True)
class Job:
    """What all chunks of a run share; it is sent to workers, so its rules must be importable functions."""

    database_url: str
    as_of: date
    """An instant, or a date, which means the opening of that day on each project's own calendar."""
    rules: tuple[Rule, ...]
    now: datetime
    dry_run: bool = False
    patience: float = 0.0
    """Seconds for which a database that is away, full or locked is waited for."""
    database: Database | None = None
    """An open database, for a job that stays in this process."""


@dataclass(frozen=True, slots=True)
class ChunkReport:
    """The result of one chunk; `refused` names the projects that cannot be evaluated, with the reason."""

    projects: int
    events: tuple[Event, ...]
    refused: tuple[tuple[HostId, str], ...] = ()


@dataclass(frozen=True, slots=True)
class BatchReport:
    """The result of a run; in a dry run, `events` counts those that would have fired, and nothing is stored."""

    projects: int
    events: int
    refused: tuple[tuple[HostId, str], ...]
    dry_run: bool = False


T = TypeVar("T")
Submit = Callable[[Job, list[int]], "Future[ChunkReport]"]


def evaluate_chunk(job: Job, keys: Sequence[int]) -> ChunkReport:
    """Evaluates these projects as of the job's instant and writes what changed, in whatever process it runs."""
    with _without_cyclic_collection():
        return _evaluate_chunk(job.database or _database(job.database_url), job, keys)


def enduring(work: Callable[[], T], patience: float) -> T:
    """The work, tried again while the database is away, full or locked, for so many seconds; then its StorageError."""
    begun, tell = monotonic(), Recurring("chainbell.reevaluation_waits")
    while True:
        try:
            return work()
        except Exception as error:
            if not is_passing(error) or monotonic() - begun >= patience:
                raise
            tell(error)
            sleep(PAUSE_SECONDS)


@contextmanager
def _without_cyclic_collection() -> Iterator[None]:
    """A chunk is millions of small tuples without a reference cycle; searching for cycles would take half the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _evaluate_chunk(database: Database, job: Job, keys: Sequence[int], *, is_fallback: bool = False) -> ChunkReport:
    """Evaluates the chunk together or, if any part of it cannot be read or written, one project at a time.

    What is written is always reported: once projects are evaluated alone, one that the database does not take is
    refused, and raises nothing.
    """
    try:
        return enduring(lambda: _evaluate_together(database, job, keys), job.patience)
    except Exception as error:
        if is_passing(error) and not is_fallback:
            raise  # nothing of the chunk is written
        if len(keys) == 1:
            return ChunkReport(1, (), ((_project_id(database, keys[0]), f"{type(error).__name__}: {error}"),))
    alone = [_evaluate_chunk(database, job, [key], is_fallback=True) for key in keys]
    return ChunkReport(
        sum(report.projects for report in alone),
        tuple(event for report in alone for event in report.events),
        tuple(one for report in alone for one in report.refused),
    )


def _project_id(database: Database, key: int) -> HostId:
    """The host's id of a project; the key of its row while the database is away."""
    try:
        with database.read() as connection:
            return projects.id_of(connection, key)
    except StorageError:
        return f"row {key}"


def _evaluate_together(database: Database, job: Job, keys: Sequence[int]) -> ChunkReport:
    refused: list[tuple[HostId, str]] = []
    fired: list[Event] = []
    left_out = 0
    with database.read() as connection:
        stored = projects.read_many(connection, keys, history.last_points(connection, keys))
    unit = UnitOfWork(database.read, Snapshots(0), job.rules, job.now)
    unit.take(stored)
    ids = {one.key: one.project.id for one in stored}
    for one in stored:
        at = instant_of(job.as_of, one.project.calendar)
        is_done = one.project.evaluated_at is not None and one.project.evaluated_at >= at
        if is_done or (not job.dry_run and at > job.now + MOST_AHEAD):
            left_out += 1  # a date opens at different instants in different zones
            continue
        try:
            fired += unit.reevaluate(one.key, at).events
        except (InvalidInputError, EvaluationError) as error:
            refused.append((one.project.id, error.reason))
    if job.dry_run:
        return ChunkReport(len(stored) - left_out, tuple(fired), tuple(refused))
    unit.make_ready(database.engine.dialect)
    with database.write() as connection:
        current = projects.versions(connection, keys, lock=True)
        changed = unit.forget_changed(current)
        unit.flush(connection)
        fired = unit.written_events()
    for key in changed:
        try:
            alone = enduring(partial(_evaluate_one, database, job, key), job.patience)
        except Exception as error:  # noqa: BLE001  the others are written already and have to be told of
            refused.append((ids[key], f"{type(error).__name__}: {error}"))
            continue
        fired += alone.events
        refused += alone.refused
    return ChunkReport(len(stored) - left_out, tuple(fired), tuple(refused))


def _evaluate_one(database: Database, job: Job, key: int) -> ChunkReport:
    """Evaluates, under its lock, a project that changed between our read and our write; nothing if it is gone."""
    with database.write() as connection:
        unit = UnitOfWork(within(connection), Snapshots(0), job.rules, job.now)
        try:
            at = instant_of(job.as_of, projects.read(connection, key).project.calendar)
            fired = unit.reevaluate(key, at).events
        except LookupError:
            return ChunkReport(0, ())
        except (InvalidInputError, EvaluationError) as error:
            return ChunkReport(1, (), ((projects.id_of(connection, key), error.reason),))
        unit.flush(connection)
    return ChunkReport(1, fired)


@lru_cache(maxsize=4)
def _database(url: str) -> Database:
    """One open database for each process."""
    return Database(url)


def run(
    job: Job,
    chunks: Iterator[list[int]],
    on_chunk: Callable[[ChunkReport], None],
    *,
    workers: int = 1,
    dask: str | None = None,
) -> BatchReport:
    """Runs all chunks, a few ahead of those that have finished, and calls `on_chunk` with the report of each.

    Raises InvalidInputError if the Dask cluster cannot be reached.
    """
    counted, fired = 0, 0
    refused: list[tuple[HostId, str]] = []
    with _submitting(workers, dask) as (submit, ahead):
        pending: set[Future[ChunkReport]] = set()
        while True:
            pending |= {submit(job, keys) for keys in islice(chunks, max(0, ahead - len(pending)))}
            if not pending:
                return BatchReport(counted, fired, tuple(refused), job.dry_run)
            done, pending = _first_done(pending)
            for future in done:
                report: ChunkReport = future.result()
                counted += report.projects
                fired += len(report.events)
                refused += report.refused
                on_chunk(report)


def _first_done(pending: set[Any]) -> tuple[set[Any], set[Any]]:
    done = {future for future in pending if future.done()}
    if done:
        return done, pending - done
    if all(isinstance(future, Future) for future in pending):
        finished = wait(pending, return_when=FIRST_COMPLETED)
        return set(finished.done), set(finished.not_done)
    from distributed import wait as wait_on_dask

    finished = wait_on_dask(pending, return_when=FIRST_COMPLETED)
    return set(finished.done), set(finished.not_done)


@contextmanager
def _submitting(workers: int, dask: str | None) -> Iterator[tuple[Callable[[Job, list[int]], Any], int]]:
    """How to submit a chunk, and how many at a time: to this process, to others, or to a cluster."""
    if dask is not None:
        try:
            from distributed import Client
        except ImportError:
            raise InvalidInputError("dask", "needs the extra: install chainbell[dask]") from None
        try:
            client = Client(dask, timeout=30)
        except (OSError, ValueError) as error:
            raise InvalidInputError("dask", f"no cluster at {dask}: {error}") from None
        with client:
            ahead = WAITING_CHUNKS * max(1, sum(client.nthreads().values()))
            yield lambda job, keys: client.submit(evaluate_chunk, job, keys, pure=False), ahead
    elif workers > 1:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            yield lambda job, keys: pool.submit(evaluate_chunk, job, keys), WAITING_CHUNKS * workers
    else:
        yield _at_once, 1


def _at_once(job: Job, keys: list[int]) -> "Future[ChunkReport]":
    future: Future[ChunkReport] = Future()
    future.set_result(evaluate_chunk(job, keys))
    return future
