"""The engine as one account sees it, for the HTTP API and for hosts with many tenants."""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import wraps
from inspect import signature
from typing import Concatenate, ParamSpec, TypeVar, cast

from chainbell.engine.audit import Audit
from chainbell.engine.changes.applying import Changes, Document, GivenChange
from chainbell.engine.documents.change import Change, Plan, read_change
from chainbell.engine.documents.fields import checked_id
from chainbell.engine.documents.plan import PlanDocument, read_plan
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.reading.baselines import Baseline
from chainbell.engine.reading.reading import Reading
from chainbell.engine.reading.report import ProjectReport
from chainbell.engine.webhooks import Webhooks
from chainbell.rules import Event, HostId
from chainbell.storage import Actor, AuditLine

P = ParamSpec("P")
R = TypeVar("R")


class AccountView:
    """`engine.for_account(id)`: gives access to one account and to no other."""

    def __init__(
        self, account: HostId, actor: Actor, changes: Changes, reading: Reading, webhooks: Webhooks, audit: Audit
    ) -> None:
        self.account = checked_id(account, "account")
        self.webhooks = AccountWebhooks(account, actor, webhooks)
        self._audit = audit
        self._changes = changes
        self._reading = reading

    def load(self, plan: PlanDocument | Document, *, at: date | None = None) -> list[Event]:
        """Loads or re-plans a project; the plan may omit its account."""
        given = plan if isinstance(plan, PlanDocument) else read_plan(self._with_account(plan, "accountId"))
        if given.account_id != self.account:
            raise InvalidInputError("accountId", "is not this account")
        return self._changes.load(given, at=at)

    def apply_all(self, changes: Iterable[GivenChange]) -> list[Event]:
        """Applies several changes in one transaction, all or none; raises the error of the first that is refused."""
        return self._changes.apply_all([self._own(change) for change in changes])

    def apply(self, change: GivenChange) -> list[Event]:
        """Applies one change durably and returns its events."""
        return self.apply_all([change])

    def preview(self, change: GivenChange) -> list[Event]:
        """The events that the change would fire; nothing is stored."""
        return self._changes.preview(self._own(change))

    def events(
        self, project: HostId | None = None, *, name: str | None = None, limit: int | None = None
    ) -> list[Event]:
        """Stored events, oldest first; with a limit, only the newest."""
        return self._reading.events(project, account=self.account, name=name, limit=limit)

    def event(self, event_id: str) -> Event:
        """One stored event with its `why`; raises NotFoundError if this account has no event with this id."""
        return self._reading.event(event_id, account=self.account)

    def status(self, project: HostId, *, as_of: date | None = None) -> ProjectReport:
        """The state of a project at `as_of`, by default at its last evaluation."""
        return self._reading.status(project, account=self.account, as_of=as_of)

    def baselines(self, project: HostId) -> list[Baseline]:
        """Every baseline of a project, oldest first."""
        return self._reading.baselines(project, account=self.account)

    def last_baseline(self, project: HostId) -> Baseline:
        """The current baseline of a project, with what it changed."""
        return self._reading.last_baseline(project, account=self.account)

    def audit(
        self,
        *,
        subject: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[AuditLine]:
        """Who did what to this account's webhooks and tokens, newest first; see `Engine.audit`."""
        return self._audit.lines(
            account=self.account, subject=subject, action=action, since=since, before=before, limit=limit
        )

    def _own(self, change: GivenChange) -> Change:
        """The change with this account filled in; raises InvalidInputError if it names another account."""
        if isinstance(change, dict):
            change = self._with_account(cast("Document", change), "accountId")
            if isinstance(change.get("plan"), dict):
                change = {**change, "plan": self._with_account(change["plan"], "plan.accountId")}
        parsed = read_change(change)
        owners = {parsed.account_id, parsed.plan.account_id if isinstance(parsed, Plan) else parsed.account_id}
        if owners != {self.account}:
            raise InvalidInputError("accountId", "is not this account")
        return parsed

    def _with_account(self, document: Document, field: str) -> Document:
        if not isinstance(document, dict):
            raise InvalidInputError(field.rpartition(".")[0] or "document", "a JSON object is needed")
        if document.get("accountId", self.account) != self.account:
            raise InvalidInputError(field, "is not this account")
        return {**document, "accountId": self.account}


def _of_account(
    method: Callable[Concatenate[Webhooks, HostId, P], R],
) -> Callable[Concatenate["AccountWebhooks", P], R]:
    """The method of `Webhooks` without its account, and by the actor of the view where it has one."""
    whole = signature(method)
    has_actor = "actor" in whole.parameters

    @wraps(method)
    def of_account(self: "AccountWebhooks", /, *args: P.args, **kwargs: P.kwargs) -> R:
        if has_actor:
            kwargs.setdefault("actor", self._actor)
        return method(self._webhooks, self._account, *args, **kwargs)

    named = [parameter for name, parameter in whole.parameters.items() if name not in ("account", "actor")]
    of_account.__signature__ = whole.replace(parameters=named)  # type: ignore[attr-defined]
    return of_account


class AccountWebhooks:
    """The webhooks of one account: the methods of `Webhooks` without the account and actor arguments."""

    def __init__(self, account: HostId, actor: Actor, webhooks: Webhooks) -> None:
        self._account = account
        self._actor = actor
        self._webhooks = webhooks

    add = _of_account(Webhooks.add)
    update = _of_account(Webhooks.update)
    pause = _of_account(Webhooks.pause)
    resume = _of_account(Webhooks.resume)
    rotate = _of_account(Webhooks.rotate)
    delete = _of_account(Webhooks.delete)
    list = _of_account(Webhooks.list)
    get = _of_account(Webhooks.get)
    backlog = _of_account(Webhooks.backlog)
    log = _of_account(Webhooks.log)
    attempt = _of_account(Webhooks.attempt)
    resend = _of_account(Webhooks.resend)
    recover = _of_account(Webhooks.recover)
    test = _of_account(Webhooks.test)
