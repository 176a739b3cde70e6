"""The front door, put together from its parts."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any, Self

from blinker import Signal
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from chainbell.delivery import Dispatcher
from chainbell.delivery.settings import Clock, DeliverySettings, system_clock
from chainbell.engine.account import AccountView
from chainbell.engine.changes.applying import Changes, Document, GivenChange, Outcome
from chainbell.engine.core import Core, open_core
from chainbell.engine.documents.plan import PlanDocument
from chainbell.engine.logs import log, log_fenced, log_settled
from chainbell.engine.portfolio.batch import BatchReport, ChunkReport
from chainbell.engine.portfolio.portfolio import Portfolio
from chainbell.engine.reading.baselines import Baseline
from chainbell.engine.reading.reading import Reading
from chainbell.engine.reading.report import ProjectReport
from chainbell.engine.tokens import Tokens
from chainbell.engine.webhooks import Webhooks
from chainbell.rules import CATALOGUE, Event, HostId, Rule
from chainbell.storage import Database, Settlement


class Engine:
    """A chainbell database with its rules; `webhooks`, `tokens` and `portfolio` are its parts.

    `database_url` is SQLAlchemy's (`sqlite:///chainbell.db`, `postgresql://...`). `keys` seal webhook secrets; without
    them a SQLite file gets a key file beside it. `clock` says what time it is for deliveries and for changes that do
    not; a change may not lie more than a day ahead of it. `rules` are the events that may fire, in their order: the ten
    of `CATALOGUE` and any of the host's own. Raises InvalidInputError for a URL, keys or rules that cannot be used.
    """

    def __init__(
        self,
        database_url: str,
        *,
        keys: Sequence[str] = (),
        delivery: DeliverySettings | None = None,
        clock: Clock = system_clock,
        rules: Sequence[Rule] = CATALOGUE,
    ) -> None:
        self.core: Core = open_core(database_url, keys=keys, delivery=delivery, clock=clock, rules=rules)
        self.core.signals.sender = self
        self._changes = Changes(self.core)
        self._reading = Reading(self.core)
        self.webhooks = Webhooks(self.core, self.dispatcher)
        self.tokens = Tokens(self.core)
        self.portfolio = Portfolio(self.core)

    # --- changes in -------------------------------------------------------------------------------------------------

    def load(self, plan: PlanDocument | Document, *, at: date | None = None) -> list[Event]:
        """Loads or re-plans a project, as planned at an instant or at the opening of a date; by default now.

        A plan equal to the current baseline's changes nothing.
        """
        return self._changes.load(plan, at=at)

    def apply(self, change: GivenChange, *, session: Session | Connection | None = None) -> list[Event]:
        """Applies one change durably and returns its events; with a `changeId` seen before, those it brought then.

        With a `session` (or a connection) the change joins the host's transaction: nothing is committed here, a
        rollback of the host takes state, events and deliveries along, and signals wait for the session's commit.

        Raises InvalidInputError (and StaleChange) naming field and reason, EvaluationError where the rules fail,
        ConflictError when other writers keep winning, StorageError; nothing of the change is then written.
        """
        return self._changes.apply_all([change], session=session)

    def apply_all(self, changes: Iterable[GivenChange], *, session: Session | Connection | None = None) -> list[Event]:
        """Applies several changes in one transaction: all of them, or none and the first one's error."""
        return self._changes.apply_all(changes, session=session)

    def apply_each(self, changes: Iterable[GivenChange]) -> list[Outcome]:
        """Applies several changes in one transaction, each by itself: one that is refused keeps none of the others."""
        return self._changes.apply_each(changes)

    def preview(self, change: GivenChange) -> list[Event]:
        """What the change would fire; nothing is kept. The future may be asked about, too."""
        return self._changes.preview(change)

    def watch(self, sessions: Any) -> None:
        """Applies what a host edits on chainbell's own rows through these ORM sessions, in the same flush.

        `sessions` is a Session class, a sessionmaker or one session. `TaskRow.status`, `.remaining` and `.percent`,
        `ProjectRow.status` and `MilestoneRow.achieved_at` may be edited; InvalidInputError from the flush refuses the
        rest. `session.info["chainbell_by"]` may name the person.
        """
        self._changes.watch(sessions)

    def reevaluate(
        self,
        as_of: date | None = None,
        *,
        accounts: Sequence[HostId] | None = None,
        projects: Sequence[HostId] | None = None,
        workers: int = 1,
        dask: str | None = None,
        dry_run: bool = False,
        on_chunk: Callable[[ChunkReport], None] = lambda report: None,
    ) -> BatchReport:
        """Lets time pass for all Active projects, or those named: as of now, of an instant, or of a date.

        A date is each project's opening on that day, in its own time zone. An instant more than a day ahead of the
        clock is a dry run: what would fire is told, nothing is kept. `workers` are processes on this machine, `dask`
        is the address of a cluster (PostgreSQL only). Projects already evaluated at that instant are left out, so a
        second run adds nothing. `on_chunk` hears of each chunk written.

        Raises InvalidInputError naming the argument.
        """
        return self.portfolio.reevaluate(
            as_of,
            accounts=accounts,
            projects=projects,
            workers=workers,
            dask=dask,
            dry_run=dry_run,
            on_chunk=on_chunk,
        )

    # --- reading ----------------------------------------------------------------------------------------------------

    def events(
        self,
        project: HostId | None = None,
        *,
        account: HostId | None = None,
        name: str | None = None,
        limit: int | None = None,
    ) -> list[Event]:
        """Kept events, oldest first; with a limit the newest of them."""
        return self._reading.events(project, account=account, name=name, limit=limit)

    def event(self, event_id: str) -> Event:
        """One kept event with its `why`; raises NotFoundError if there is none of this id."""
        return self._reading.event(event_id)

    def status(self, project: HostId, *, account: HostId | None = None, as_of: date | None = None) -> ProjectReport:
        """The state of a project at an instant, or at the opening of a date in its own time zone.

        By default at its last evaluation, before any at its start.
        """
        return self._reading.status(project, account=account, as_of=as_of)

    def baselines(self, project: HostId, *, account: HostId | None = None) -> list[Baseline]:
        """Every baseline of a project, the first one first, each as it was planned and with what it changed."""
        return self._reading.baselines(project, account=account)

    def for_account(self, account: HostId) -> AccountView:
        """The engine as one account sees it: nothing of any other can be read or changed through it."""
        return AccountView(account, self._changes, self._reading, self.webhooks)

    # --- running ----------------------------------------------------------------------------------------------------

    @property
    def database(self) -> Database:
        """The open database."""
        return self.core.database

    def now(self) -> datetime:
        """The present, by the engine's clock."""
        return self.core.now()

    def signal(self, event_name: str) -> Signal:
        """The blinker signal of one event name, sent after commit as `handler(engine, event=Event)`."""
        return self.core.signals.of_event(event_name)

    @property
    def enqueued(self) -> Signal:
        """Sent after a commit that may have left deliveries due, as `handler(engine)`."""
        return self.core.signals.enqueued

    @property
    def deactivated(self) -> Signal:
        """Sent when a webhook is switched off, as `handler(engine, webhook_id=..., reason=...)`."""
        return self.core.signals.deactivated

    def dispatcher(self, settings: DeliverySettings | None = None) -> Dispatcher:
        """A dispatcher for this database; make it inside a running event loop."""
        core = self.core
        dispatcher = Dispatcher(
            core.database,
            core.keys,
            settings or core.delivery,
            clock=core.clock,
            on_settled=self._on_settled,
            on_fenced=log_fenced,
            on_deactivated=self._on_deactivated,
            on_error=lambda error: log.error("chainbell.dispatcher_failed", error=repr(error)),
        )
        core.metrics.watch(dispatcher)
        return dispatcher

    def _on_settled(self, settlements: Sequence[Settlement]) -> None:
        log_settled(settlements)
        self.core.metrics.attempts_settled(settlements)

    def _on_deactivated(self, webhook_id: str, reason: str) -> None:
        log.warning("chainbell.webhook_deactivated", webhook_id=webhook_id, reason=reason)
        self.core.signals.have_deactivated(webhook_id, reason)

    def close(self) -> None:
        """Closes the connections to the database."""
        self.core.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


__all__ = ["Engine", "Outcome"]
