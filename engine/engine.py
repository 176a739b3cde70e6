"""`Engine`, composed of its parts."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Self

from blinker import Signal
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from chainbell.delivery import Dispatcher
from chainbell.delivery.settings import Clock, DeliverySettings, system_clock
from chainbell.engine.account import AccountView
from chainbell.engine.audit import Audit
from chainbell.engine.changes.applying import Changes, Document, GivenChange, Outcome
from chainbell.engine.core import Core, open_core
from chainbell.engine.documents.plan import PlanDocument
from chainbell.engine.logs import Recurring, log, log_fenced, log_settled
from chainbell.engine.portfolio.batch import BatchReport, ChunkReport
from chainbell.engine.portfolio.portfolio import Portfolio
from chainbell.engine.reading.baselines import Baseline
from chainbell.engine.reading.reading import Reading
from chainbell.engine.reading.report import ProjectReport
from chainbell.engine.tokens import Tokens
from chainbell.engine.webhooks import Webhooks
from chainbell.rules import CATALOGUE, Event, HostId, Rule
from chainbell.storage import LIBRARY, Actor, AuditLine, Database, Settlement


class Engine:
    """A chainbell database with its rules; `webhooks`, `tokens` and `portfolio` are its parts.

    `database_url` is an SQLAlchemy URL (`sqlite:///chainbell.db`, `postgresql://...`). `keys` encrypt webhook secrets;
    without them, a SQLite file gets a key file beside it. `clock` gives the time of deliveries and of changes without
    `at`: by default that of the database server, where there is one. A change more than a day ahead of it is refused.
    `rules` decide which events may fire, in this order: the ten of `CATALOGUE` and any of the host's own. Raises
    InvalidInputError if the URL, keys or rules are unusable.
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
        self._audit = Audit(self.core)
        self.webhooks = Webhooks(self.core, self.dispatcher)
        self.tokens = Tokens(self.core)
        self.portfolio = Portfolio(self.core)

    # --- changes in -------------------------------------------------------------------------------------------------

    def load(self, plan: PlanDocument | Document, *, at: date | None = None) -> list[Event]:
        """Loads or re-plans a project as of an instant or of the opening of a date; by default now.

        A plan equal to that of the current baseline changes nothing.
        """
        return self._changes.load(plan, at=at)

    def apply(self, change: GivenChange, *, session: Session | Connection | None = None) -> list[Event]:
        """Applies one change durably and returns its events; for a known `changeId`, the events that it fired then.

        With a `session` (or a connection), the change joins the host's transaction. Nothing is committed here, and a
        rollback by the host also undoes state, events and deliveries. Signals wait for the host's commit. A session or
        connection in AUTOCOMMIT is refused.

        Raises InvalidInputError (or StaleChange) with field and reason, EvaluationError if the rules fail,
        ConflictError if other writers keep coming first, or StorageError. Then nothing of the change is written, except
        that after an UnknownOutcomeError it is written as a whole or not at all.
        """
        return self._changes.apply_all([change], session=session)

    def apply_all(self, changes: Iterable[GivenChange], *, session: Session | Connection | None = None) -> list[Event]:
        """Applies several changes in one transaction, all or none; raises the error of the first that is refused."""
        return self._changes.apply_all(changes, session=session)

    def apply_each(self, changes: Iterable[GivenChange]) -> list[Outcome]:
        """Applies several changes in one transaction, each by itself: a refused one does not affect the others."""
        return self._changes.apply_each(changes)

    def preview(self, change: GivenChange) -> list[Event]:
        """The events that the change would fire; nothing is stored. The change may lie in the future."""
        return self._changes.preview(change)

    def watch(self, sessions: Any) -> None:
        """Applies the host's edits of chainbell's own rows through these ORM sessions as changes, in the same flush.

        `sessions` is a Session class, a sessionmaker or one session. A host may edit `TaskRow.status`, `.remaining` and
        `.percent`, `ProjectRow.status` and `MilestoneRow.achieved_at`; any other edit, a bulk statement, an insert and
        a delete of chainbell's rows raise InvalidInputError. SQL as text is not seen. `session.info["chainbell_by"]`
        may name the person.
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
        patience: timedelta = timedelta(),
        on_chunk: Callable[[ChunkReport], None] = lambda report: None,
    ) -> BatchReport:
        """Re-evaluates all Active projects, or those named, as of an instant or a date; by default now.

        A date means the opening of that day in each project's own time zone. An instant more than a day ahead of the
        clock makes it a dry run, which reports what would fire and stores nothing. `workers` is the number of processes
        on this machine; `dask` is the address of a cluster (PostgreSQL only). Projects already evaluated at that
        instant are skipped, so a second run adds nothing. A database that is away, full or locked is waited for as long
        as `patience` says, and is a StorageError then. `on_chunk` is called with the report of each chunk.

        Raises InvalidInputError naming the argument.
        """
        return self.portfolio.reevaluate(
            as_of,
            accounts=accounts,
            projects=projects,
            workers=workers,
            dask=dask,
            dry_run=dry_run,
            patience=patience,
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
        """Stored events, oldest first; with a limit, only the newest."""
        return self._reading.events(project, account=account, name=name, limit=limit)

    def event(self, event_id: str) -> Event:
        """One stored event with its `why`; raises NotFoundError if there is no event with this id."""
        return self._reading.event(event_id)

    def status(self, project: HostId, *, account: HostId | None = None, as_of: date | None = None) -> ProjectReport:
        """The state of a project at an instant, or at the opening of a date in its own time zone.

        The default is its last evaluation or, before the first, the project's start.
        """
        return self._reading.status(project, account=account, as_of=as_of)

    def baselines(self, project: HostId, *, account: HostId | None = None) -> list[Baseline]:
        """Every baseline of a project, oldest first, each as it was planned and with what it changed."""
        return self._reading.baselines(project, account=account)

    def for_account(self, account: HostId, *, actor: Actor = LIBRARY) -> AccountView:
        """The engine as one account sees it, with access to no other account; the audit trail names the actor."""
        return AccountView(account, actor, self._changes, self._reading, self.webhooks, self._audit)

    def audit(
        self,
        *,
        account: HostId | None = None,
        subject: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[AuditLine]:
        """Who did what to webhooks, tokens, keys and accounts, newest first.

        Optionally of one account, subject (the id of a webhook, the name of a token ...) or action, and from `since`
        on. The key of the last line as `before` gives the lines that follow.
        """
        return self._audit.lines(
            account=account, subject=subject, action=action, since=since, before=before, limit=limit
        )

    # --- running ----------------------------------------------------------------------------------------------------

    @property
    def database(self) -> Database:
        """The open database."""
        return self.core.database

    def now(self) -> datetime:
        """The current instant, according to the engine's clock."""
        return self.core.now()

    def signal(self, event_name: str) -> Signal:
        """The blinker signal of one event name, sent after commit as `handler(engine, event=Event)`."""
        return self.core.signals.of_event(event_name)

    @property
    def enqueued(self) -> Signal:
        """Sent after a commit that may have made deliveries due, as `handler(engine)`."""
        return self.core.signals.enqueued

    @property
    def deactivated(self) -> Signal:
        """Sent when a webhook is deactivated, as `handler(engine, webhook_id=..., reason=...)`."""
        return self.core.signals.deactivated

    def dispatcher(self, settings: DeliverySettings | None = None) -> Dispatcher:
        """A dispatcher for this database; call this inside a running event loop."""
        core = self.core
        dispatcher = Dispatcher(
            core.database,
            core.keys,
            settings or core.delivery,
            clock=core.clock,
            on_settled=self._on_settled,
            on_fenced=log_fenced,
            on_deactivated=self._on_deactivated,
            on_error=Recurring("chainbell.dispatcher_failed"),
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
