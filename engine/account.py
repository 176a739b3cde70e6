"""The engine as one account sees it: what HTTP and hosts of many tenants use."""

import builtins
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chainbell.engine.changes.applying import Changes, Document
from chainbell.engine.documents.change import Change, Plan, read_change
from chainbell.engine.documents.plan import PlanDocument, read_plan
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.reading.baselines import Baseline
from chainbell.engine.reading.reading import Reading
from chainbell.engine.reading.report import ProjectReport
from chainbell.engine.webhooks import OVERLAP, UNCHANGED, Unchanged, Webhooks
from chainbell.rules import Event, HostId
from chainbell.storage import Attempt, Webhook


class AccountView:
    """`engine.for_account(id)`: nothing of any other account can be read or changed through it."""

    def __init__(self, account: HostId, changes: Changes, reading: Reading, webhooks: Webhooks) -> None:
        self.account = account
        self.webhooks = AccountWebhooks(account, webhooks)
        self._changes = changes
        self._reading = reading

    def load(self, plan: PlanDocument | Document, *, at: datetime | None = None) -> list[Event]:
        """Loads or re-plans a project; the plan may leave its account out."""
        given = plan if isinstance(plan, PlanDocument) else read_plan(self._with_account(plan, "accountId"))
        if given.account_id != self.account:
            raise InvalidInputError("accountId", "is not this account")
        return self._changes.load(given, at=at)

    def apply_all(self, changes: Iterable[Change | Document]) -> list[Event]:
        """Applies several changes in one transaction: all of them, or none and the first one's error."""
        return self._changes.apply_all([self._own(change) for change in changes])

    def apply(self, change: Change | Document) -> list[Event]:
        """Applies one change durably and returns its events."""
        return self.apply_all([change])

    def preview(self, change: Change | Document) -> list[Event]:
        """What the change would fire; nothing is kept."""
        return self._changes.preview(self._own(change))

    def events(
        self, project: HostId | None = None, *, name: str | None = None, limit: int | None = None
    ) -> list[Event]:
        """Kept events, oldest first; with a limit the newest of them."""
        return self._reading.events(project, account=self.account, name=name, limit=limit)

    def event(self, event_id: str) -> Event:
        """One kept event with its `why`; raises NotFoundError if this account has none of this id."""
        return self._reading.event(event_id, account=self.account)

    def status(self, project: HostId, *, as_of: datetime | None = None) -> ProjectReport:
        """The state of a project at `as_of`; by default at its last evaluation."""
        return self._reading.status(project, account=self.account, as_of=as_of)

    def baselines(self, project: HostId) -> list[Baseline]:
        """Every baseline of a project, the first one first."""
        return self._reading.baselines(project, account=self.account)

    def _own(self, change: Change | Document) -> Change:
        """The change as this account's; raises InvalidInputError for one that names another."""
        if isinstance(change, dict):
            change = self._with_account(change, "accountId")
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


class AccountWebhooks:
    """The webhooks of one account: the methods of `Webhooks` without the account."""

    def __init__(self, account: HostId, webhooks: Webhooks) -> None:
        self._account = account
        self._webhooks = webhooks

    def add(
        self,
        url: str,
        *,
        name: str = "webhook",
        events: Sequence[str] | None = None,
        secret: str | None = None,
        headers: Mapping[str, str] | None = None,
        body_format: str = "compact",
        is_active: bool = True,
        retry_client_errors: bool = False,
        ca_certificates: str | None = None,
    ) -> tuple[Webhook, str]:
        """See `Webhooks.add`."""
        return self._webhooks.add(
            self._account,
            url,
            name=name,
            events=events,
            secret=secret,
            headers=headers,
            body_format=body_format,
            is_active=is_active,
            retry_client_errors=retry_client_errors,
            ca_certificates=ca_certificates,
        )

    def update(
        self,
        webhook_id: str,
        *,
        name: str | None = None,
        url: str | None = None,
        events: Sequence[str] | None = None,
        secret: str | None = None,
        headers: Mapping[str, str] | None = None,
        body_format: str | None = None,
        is_active: bool | None = None,
        retry_client_errors: bool | None = None,
        ca_certificates: str | Unchanged | None = UNCHANGED,
    ) -> Webhook:
        """See `Webhooks.update`."""
        return self._webhooks.update(
            self._account,
            webhook_id,
            name=name,
            url=url,
            events=events,
            secret=secret,
            headers=headers,
            body_format=body_format,
            is_active=is_active,
            retry_client_errors=retry_client_errors,
            ca_certificates=ca_certificates,
        )

    def pause(self, webhook_id: str) -> Webhook:
        """See `Webhooks.pause`."""
        return self._webhooks.pause(self._account, webhook_id)

    def resume(self, webhook_id: str) -> Webhook:
        """See `Webhooks.resume`."""
        return self._webhooks.resume(self._account, webhook_id)

    def rotate(self, webhook_id: str, *, secret: str | None = None, overlap: timedelta = OVERLAP) -> str:
        """See `Webhooks.rotate`."""
        return self._webhooks.rotate(self._account, webhook_id, secret=secret, overlap=overlap)

    def delete(self, webhook_id: str) -> None:
        """See `Webhooks.delete`."""
        self._webhooks.delete(self._account, webhook_id)

    def list(self) -> builtins.list[Webhook]:
        """See `Webhooks.list`."""
        return self._webhooks.list(self._account)

    def get(self, webhook_id: str) -> Webhook:
        """See `Webhooks.get`."""
        return self._webhooks.get(self._account, webhook_id)

    def backlog(self, webhook_id: str) -> dict[str, int]:
        """See `Webhooks.backlog`."""
        return self._webhooks.backlog(self._account, webhook_id)

    def log(
        self,
        webhook_id: str,
        limit: int = 50,
        *,
        skip: int = 0,
        succeeded: bool | None = None,
        event: str | None = None,
    ) -> builtins.list[Attempt]:
        """See `Webhooks.log`."""
        return self._webhooks.log(self._account, webhook_id, limit, skip=skip, succeeded=succeeded, event=event)

    def resend(self, webhook_id: str, delivery_id: str) -> None:
        """See `Webhooks.resend`."""
        self._webhooks.resend(self._account, webhook_id, delivery_id)

    def recover(self, webhook_id: str, since: datetime) -> int:
        """See `Webhooks.recover`."""
        return self._webhooks.recover(self._account, webhook_id, since)

    async def test(self, webhook_id: str, event: str, data: Mapping[str, Any] | None = None) -> Attempt:
        """See `Webhooks.test`."""
        return await self._webhooks.test(self._account, webhook_id, event, data)
