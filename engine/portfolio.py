"""What concerns all projects: the batch job, retention, erasure, statistics."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from chainbell.engine import erasure
from chainbell.engine.batch import CHUNK, BatchReport, ChunkReport, Job
from chainbell.engine.batch import run as run_batch
from chainbell.engine.commit import MOST_AHEAD
from chainbell.engine.erasure import Retention
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.foundation import Foundation
from chainbell.engine.logs import log
from chainbell.rules import HostId
from chainbell.storage import outbox
from chainbell.storage import projects as store


class Portfolio(Foundation):
    """The part of `Engine` that looks after all projects."""

    def reevaluate(
        self,
        as_of: datetime | None = None,
        *,
        accounts: Sequence[HostId] | None = None,
        projects: Sequence[HostId] | None = None,
        workers: int = 1,
        dask: str | None = None,
        dry_run: bool = False,
        on_chunk: Callable[[ChunkReport], None] = lambda report: None,
    ) -> BatchReport:
        """Lets time pass for all Active projects, or those named: as of now, or of an instant.

        An instant more than a day ahead of the clock is a dry run: what would fire is told, nothing is kept.

        `workers` are processes on this machine, `dask` is the address of a cluster (PostgreSQL only). Projects already
        evaluated at that instant are left out, so a second run adds nothing. `on_chunk` hears of each chunk written.
        Raises InvalidInputError naming the argument.
        """
        at = as_of or self._clock()
        if at.tzinfo is None:
            raise InvalidInputError("asOf", "an instant needs a time zone")
        if workers < 1:
            raise InvalidInputError("workers", f"{workers} is less than 1")
        if self.database.url.database in (None, "", ":memory:") and (workers > 1 or dask):
            raise InvalidInputError("workers", "a database in memory belongs to one process")
        if self.database.is_sqlite and dask:
            raise InvalidInputError("dask", "a cluster needs PostgreSQL: a SQLite file belongs to one machine")
        now = self._clock()
        dry_run = dry_run or at > now + MOST_AHEAD
        job = Job(self.database.url.render_as_string(hide_password=False), at, self.rules, now, dry_run)
        if workers == 1 and dask is None:
            job = replace(job, database=self.database)

        def announce(report: ChunkReport) -> None:
            for project_id, reason in report.refused:
                log.error("chainbell.evaluation_refused", project_id=project_id, reason=reason)
            if not dry_run:
                self._announce(list(report.events))
            on_chunk(report)

        return run_batch(job, self._chunks(at, accounts, projects), announce, workers=workers, dask=dask)

    def count_to_reevaluate(
        self, as_of: datetime, accounts: Sequence[HostId] | None = None, projects: Sequence[HostId] | None = None
    ) -> int:
        """How many projects `reevaluate` would look at."""
        with self.database.read() as connection:
            return store.count_to_evaluate(connection, as_of, accounts, projects)

    def _chunks(
        self, as_of: datetime, accounts: Sequence[HostId] | None, project_ids: Sequence[HostId] | None
    ) -> Iterator[list[int]]:
        last = -1
        while True:
            with self.database.read() as connection:
                keys = store.keys_to_evaluate(connection, as_of, last, CHUNK, accounts, project_ids)
            if not keys:
                return
            yield keys
            last = keys[-1]

    def accounts(self, *, but: Collection[HostId] = ()) -> list[HostId]:
        """The accounts that have projects, those in `but` left out."""
        with self.database.read() as connection:
            return [account for account in store.accounts(connection) if account not in but]

    def expire(self, limits: Retention | None = None) -> int:
        """Deletes what is older than the limits, in small transactions; returns how many rows went."""
        return erasure.expire(self.database, limits or Retention(), self._clock())

    def erase_account(self, account: HostId) -> int:
        """Deletes everything that an account has; returns how many projects and rows of its own went."""
        return erasure.erase_account(self.database, account)

    def erase_person(self, account: HostId, person: HostId) -> int:
        """Removes a person from everything that is kept of an account; returns how many rows named them."""
        return erasure.erase_person(self.database, account, person)

    def statistics(self) -> dict[str, int]:
        """Counts for a glance: projects by status, deliveries by state."""
        with self.database.read() as connection:
            projects = store.count_by_status(connection)
            deliveries = outbox.count_by_state(connection)
        counts = {f"projects_{status.lower()}": count for status, count in sorted(projects.items())}
        return counts | {f"deliveries_{state}": count for state, count in sorted(deliveries.items())}
