"""Work on all projects: the batch job, retention, erasure, statistics."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from chainbell.engine.changes.unit_of_work import MOST_AHEAD
from chainbell.engine.core import Core
from chainbell.engine.documents.fields import checked_id, checked_moment
from chainbell.engine.documents.registration import all_sealed
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.logs import log
from chainbell.engine.portfolio import erasure
from chainbell.engine.portfolio.batch import CHUNK, BatchReport, ChunkReport, Job, enduring
from chainbell.engine.portfolio.batch import run as run_batch
from chainbell.engine.portfolio.erasure import Retention
from chainbell.rules import HostId, ProjectStatus
from chainbell.storage import LIBRARY, Act, Actor, DeliveryState, Webhook, counts, due, existing
from chainbell.storage import projects as store
from chainbell.storage import webhooks as registrations
from chainbell.storage.audit import CountedAct

WIDEST_ZONE = timedelta(hours=36)
"""How long after 00:00 UTC a date may still open in some time zone."""


def _latest(moment: date) -> datetime:
    """The instant itself, or an instant not before the opening of the date in any time zone."""
    if isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, time(), UTC) + WIDEST_ZONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """How many projects have each status, and how many deliveries each state; zeros included."""

    projects: Mapping[ProjectStatus, int]
    deliveries: Mapping[DeliveryState, int]


class Portfolio:
    """`engine.portfolio`: works on the projects of all accounts."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def reevaluate(
        self,
        as_of: date | None = None,
        *,
        accounts: Sequence[HostId] | None = None,
        projects: Sequence[HostId] | None = None,
        workers: int = 1,
        dask: str | None = None,
        dry_run: bool = False,
        patience: timedelta = timedelta(),
        on_chunk: Callable[[ChunkReport], None] = lambda report: None,
    ) -> BatchReport:
        """Re-evaluates all Active projects, or those named, as of an instant or a date; by default now.

        A date means the opening of that day in each project's own time zone. An instant more than a day ahead of the
        clock makes it a dry run, which reports what would fire and stores nothing.

        `workers` is the number of processes on this machine; `dask` is the address of a cluster (PostgreSQL only).
        Projects already evaluated at that instant are skipped, so a second run adds nothing. `on_chunk` is called with
        the report of each chunk. A database that is away, full or locked is waited for as long as `patience` says,
        and is a StorageError then. Raises InvalidInputError naming the argument.
        """
        at = self._core.now() if as_of is None else checked_moment(as_of, "asOf")
        for field, ids in (("accounts", accounts), ("projects", projects)):
            for given in ids or ():
                checked_id(given, field)
        if workers < 1:
            raise InvalidInputError("workers", f"{workers} is less than 1")
        if self._core.database.is_in_memory and (workers > 1 or dask):
            raise InvalidInputError("workers", "a database in memory belongs to one process")
        if self._core.database.is_sqlite and dask:
            raise InvalidInputError("dask", "a cluster needs PostgreSQL: a SQLite file belongs to one machine")
        now = self._core.now()
        dry_run = dry_run or _latest(at) > now + (MOST_AHEAD if isinstance(at, datetime) else MOST_AHEAD + WIDEST_ZONE)
        url, seconds = self._core.database.url.render_as_string(hide_password=False), patience.total_seconds()
        job = Job(url, at, self._core.rules, now, dry_run, seconds)
        if workers == 1 and dask is None:
            job = replace(job, database=self._core.database)

        def announce(report: ChunkReport) -> None:
            for project_id, reason in report.refused:
                log.error("chainbell.evaluation_refused", project_id=project_id, reason=reason)
                self._core.metrics.refused.inc()
            if not dry_run:
                self._core.announce(list(report.events))
            on_chunk(report)

        with self._core.metrics.reevaluating():
            return run_batch(job, self._chunks(at, accounts, projects, seconds), announce, workers=workers, dask=dask)

    def count_to_reevaluate(
        self, as_of: date, accounts: Sequence[HostId] | None = None, projects: Sequence[HostId] | None = None
    ) -> int:
        """How many projects `reevaluate` would evaluate; raises InvalidInputError for an impossible year."""
        checked_moment(as_of, "asOf")
        with self._core.database.read() as connection:
            return store.count_to_evaluate(connection, _latest(as_of), accounts, projects)

    def _chunks(
        self,
        as_of: date,
        accounts: Sequence[HostId] | None,
        project_ids: Sequence[HostId] | None,
        patience: float,
    ) -> Iterator[list[int]]:
        last = -1

        def keys_after() -> list[int]:
            with self._core.database.read() as connection:
                return store.keys_to_evaluate(connection, _latest(as_of), last, CHUNK, accounts, project_ids)

        while keys := enduring(keys_after, patience):
            yield keys
            last = keys[-1]

    def existing_projects(self, ids: Sequence[HostId], *, account: HostId | None = None) -> list[HostId]:
        """Those of the ids that are ids of projects, in one account or in any, in the order given."""
        with self._core.database.read() as connection:
            return existing.existing_projects(connection, ids, account)

    def existing_people(self, ids: Sequence[HostId], account: HostId) -> list[HostId]:
        """Those of the ids that a person of the account has, in the order given."""
        with self._core.database.read() as connection:
            return existing.existing_people(connection, ids, account)

    def existing_accounts(self, ids: Sequence[HostId]) -> list[HostId]:
        """Those of the ids that are ids of accounts with a project, a webhook or a token, in the order given."""
        with self._core.database.read() as connection:
            return existing.existing_accounts(connection, ids)

    def accounts(self, *, but: Collection[HostId] = ()) -> list[HostId]:
        """The accounts that have projects, except those in `but`."""
        with self._core.database.read() as connection:
            return [account for account in store.accounts(connection) if account not in but]

    def retain(self, limits: Retention | None = None) -> int:
        """Deletes rows older than the limits, in small transactions; returns how many were deleted."""
        return erasure.expire(self._core.database, limits or Retention(), self._core.now())

    def thin_fever_points(self) -> int:
        """Leaves of the points of fever charts that are older than a year the last one of each day (UTC).

        Works in small transactions; returns how many points were deleted.
        """
        return erasure.thin_fever_points(self._core.database, self._core.now())

    def erase_account(self, account: HostId, *, actor: Actor = LIBRARY) -> int:
        """Deletes everything that an account has; returns how many projects and other rows of its own.

        Of its audit trail, only the line stays that tells of this.
        """
        return erasure.erase_account(self._core.database, account, actor, self._core.now())

    def erase_person(self, account: HostId, person: HostId, *, actor: Actor = LIBRARY) -> int:
        """Removes a person from all data of an account; returns how many rows named them."""
        return erasure.erase_person(self._core.database, account, person, actor, self._core.now())

    def seal_again(self, *, actor: Actor = LIBRARY) -> int:
        """Seals all webhook secrets and header values with the first key; returns how many registrations that were.

        Each has a small transaction of its own. Raises KeyRingError for a secret that no key opens; those before it are
        sealed anew already.
        """
        keys = self._core.keys
        sealing = CountedAct(actor, Act(account_id=None, action="keys.rotated", subject="keys"), "webhooks")
        registered = self.webhooks()
        with self._core.database.write() as connection:
            sealing.add(connection, 0, self._core.now())
        for one in registered:
            with self._core.database.write() as connection:
                webhook = registrations.find_webhook(connection, one.id, lock=True)
                if webhook is None:
                    continue
                previous = webhook.sealed_previous_secret
                columns = {
                    "secret": keys.seal_again(webhook.sealed_secret),
                    "previous_secret": None if previous is None else keys.seal_again(previous),
                    "headers": {},
                    "sealed_headers": {n: keys.seal_again(v) for n, v in all_sealed(webhook, keys).items()},
                }
                registrations.change_webhook(connection, webhook.id, columns)
                sealing.add(connection, 1, self._core.now())
        return sealing.total

    def statistics(self) -> Statistics:
        """Counts of projects by status and of deliveries by state; of many deliveries, estimates."""
        with self._core.database.read() as connection:
            projects = store.count_by_status(connection)
            deliveries = counts.count_by_state(connection)
        return Statistics(projects=projects, deliveries=deliveries)

    def count_webhooks(self) -> dict[str, int]:
        """How many registrations are `active`, `failing` (active, but nothing succeeds any more), and `inactive`."""
        with self._core.database.read() as connection:
            return counts.count_webhooks(connection)

    def failing_webhooks(self, limit: int) -> list[Webhook]:
        """The registrations, of all accounts, that have been failing the longest."""
        with self._core.database.read() as connection:
            return registrations.failing_webhooks(connection, limit)

    def webhooks(self) -> list[Webhook]:
        """The registrations of all accounts, oldest first."""
        with self._core.database.read() as connection:
            return registrations.webhooks(connection)

    def overdue(self) -> timedelta:
        """For how long something has been due that no dispatcher works on, over all accounts; none while any does.

        Whoever delivers has leases on what it works on, and one that dies leaves leases that end. So what waits behind
        the limits of an endpoint, or for a retry, is not overdue, however long it waits.
        """
        now = self._core.now()
        with self._core.database.read() as connection:
            oldest = due.oldest_due(connection, now)
            is_moving = oldest is None or due.has_leases(connection, now)
        return timedelta() if oldest is None or is_moving else now - oldest.astimezone(UTC)

    def oldest_due(self) -> timedelta:
        """How long the oldest due delivery has been due, over all accounts."""
        now = self._core.now()
        with self._core.database.read() as connection:
            oldest = due.oldest_due(connection, now)
        return timedelta() if oldest is None else now - oldest.astimezone(UTC)
