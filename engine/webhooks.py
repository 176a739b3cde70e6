"""Webhooks: register, update, rotate, test, list, resend; every call names the account."""

import builtins
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from chainbell.delivery import Dispatcher, compose, generate_secret, message_id
from chainbell.engine.core import Core
from chainbell.engine.documents import registration
from chainbell.engine.documents.fields import checked_data, checked_id, checked_moment
from chainbell.engine.documents.registration import UNCHANGED, Unchanged
from chainbell.engine.errors import InvalidInputError, NotFoundError
from chainbell.rules import Event, HostId
from chainbell.storage import LIBRARY, Act, Actor, Attempt, DeliveryState, NewDelivery, Webhook, outbox, resending
from chainbell.storage import webhooks as store
from chainbell.storage.audit import Action, CountedAct

OVERLAP = timedelta(hours=24)
"""How long the old secret also signs after a rotation."""
LONGEST_OVERLAP = timedelta(days=30)
CHANGED_AT_ONCE = 500
"""How many deliveries are made due, or expire, in one transaction."""


class Webhooks:
    """`engine.webhooks`: every method takes the account, and finds nothing that belongs to another account.

    What an `actor` does is written to the audit trail, in the same transaction.
    """

    def __init__(self, core: Core, dispatcher: Callable[[], Dispatcher]) -> None:
        self._core = core
        self._dispatcher = dispatcher

    def add(
        self,
        account: HostId,
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
        actor: Actor = LIBRARY,
    ) -> tuple[Webhook, str]:
        """Registers an endpoint, for all events by default; returns the webhook and its secret, shown only here.

        The endpoint's TLS certificate is checked against `ca_certificates` (PEM) instead of the public authorities. The
        values of `headers` are sealed and never shown again. Raises InvalidInputError if the guard refuses the URL or a
        header, an event is unknown or the secret is too short.
        """
        checked_id(account, "account")
        plain = generate_secret() if secret is None else secret
        webhook = Webhook(
            id="wh_" + uuid4().hex[:20],
            account_id=account,
            name=name,
            url=url,
            events=self._core.event_names if events is None else tuple(dict.fromkeys(events)),
            sealed_secret="",
            created_at=self._core.now(),
            body_format=body_format,
            is_active=is_active,
            retry_client_errors=retry_client_errors,
            ca_certificates=ca_certificates,
        )
        self._check(webhook, headers)
        registration.check_secret(webhook.id, plain)
        sealed = registration.sealed_headers(headers or {}, self._core.keys)
        webhook = replace(webhook, sealed_secret=self._core.keys.seal(plain), sealed_headers=sealed)
        with self._core.database.write() as connection:
            store.add_webhook(connection, webhook)
            self._record(connection, actor, webhook, "webhook.registered", name=name)
        return webhook, plain

    def update(
        self,
        account: HostId,
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
        actor: Actor = LIBRARY,
    ) -> Webhook:
        """Changes only the fields that are given; `ca_certificates=None` returns to the public authorities.

        A new secret replaces the old one at once; with `rotate`, both sign for a while. `headers` replace all that are
        there; one that has the mask for a value, as it is shown, keeps its value. Raises NotFoundError or
        InvalidInputError.
        """
        given: dict[str, Any] = {"name": name, "url": url, "body_format": body_format, "is_active": is_active}
        given["events"] = None if events is None else tuple(dict.fromkeys(events))
        given["retry_client_errors"] = retry_client_errors
        changes = {field: value for field, value in given.items() if value is not None}
        if not isinstance(ca_certificates, Unchanged):
            changes["ca_certificates"] = ca_certificates
        self._check(replace(self.get(account, webhook_id), **changes), headers)
        if secret is not None:
            registration.check_secret(webhook_id, secret)
        with self._core.database.write() as connection:
            before = self._locked(connection, webhook_id)
            columns = {field: value for field, value in changes.items() if getattr(before, field) != value}
            if headers is not None and dict(headers) != before.headers:
                sealed = registration.sealed_headers(headers, self._core.keys, before)
                columns |= {"headers": {}, "sealed_headers": sealed}
            if secret is not None:
                columns |= {"secret": self._core.keys.seal(secret), "previous_secret": None, "previous_until": None}
            if is_active and (before.failing_since or before.deactivation):
                columns |= {"failing_since": None, "deactivation": None}
            if columns:
                store.change_webhook(connection, webhook_id, columns)
                action, details = registration.told_of(columns)
                self._record(connection, actor, before, action, **details)
        if is_active:
            self._core.signals.have_enqueued()
        return self.get(account, webhook_id)

    def pause(self, account: HostId, webhook_id: str, *, actor: Actor = LIBRARY) -> Webhook:
        """Holds the webhook's deliveries; new ones are still created."""
        return self.update(account, webhook_id, is_active=False, actor=actor)

    def resume(self, account: HostId, webhook_id: str, *, actor: Actor = LIBRARY) -> Webhook:
        """Activates a paused or deactivated webhook and releases its held deliveries."""
        return self.update(account, webhook_id, is_active=True, actor=actor)

    def rotate(
        self,
        account: HostId,
        webhook_id: str,
        *,
        secret: str | None = None,
        overlap: timedelta = OVERLAP,
        actor: Actor = LIBRARY,
    ) -> str:
        """Sets a new secret, given or generated, and returns it; the old one also signs during the overlap."""
        self.get(account, webhook_id)
        plain = generate_secret() if secret is None else secret
        registration.check_secret(webhook_id, plain)
        if not timedelta() <= overlap <= LONGEST_OVERLAP:
            raise InvalidInputError("overlap", f"{overlap} is not within 0 and 30 days")
        with self._core.database.write() as connection:
            current = self._locked(connection, webhook_id)
            columns = {
                "secret": self._core.keys.seal(plain),
                "previous_secret": current.sealed_secret,
                "previous_until": self._core.now() + overlap,
            }
            store.change_webhook(connection, webhook_id, columns)
            self._record(connection, actor, current, "webhook.rotated", overlapHours=overlap / timedelta(hours=1))
        return plain

    def delete(self, account: HostId, webhook_id: str, *, actor: Actor = LIBRARY) -> None:
        """Deletes a registration; its log can be read until its retention ends.

        What waits to be delivered expires; an attempt that is under way is logged as any other.
        """
        self.get(account, webhook_id)
        now, expired = self._core.now(), CHANGED_AT_ONCE
        with self._core.database.write() as connection:
            webhook = self._locked(connection, webhook_id)
            store.delete_webhook(connection, webhook_id, now)
            self._record(connection, actor, webhook, "webhook.deleted", name=webhook.name)
        while expired == CHANGED_AT_ONCE:
            with self._core.database.write() as connection:
                expired = resending.expire_of(connection, webhook_id, now, CHANGED_AT_ONCE)

    def list(self, account: HostId) -> builtins.list[Webhook]:
        """The registrations of an account, oldest first."""
        with self._core.database.read() as connection:
            return store.webhooks(connection, account)

    def get(self, account: HostId, webhook_id: str) -> Webhook:
        """One registration; raises NotFoundError if the account has none with this id."""
        with self._core.database.read() as connection:
            found = store.find_webhook(connection, webhook_id)
        if found is None or found.account_id != account:
            raise _not_found(webhook_id)
        return found

    def backlog(self, account: HostId, webhook_id: str) -> dict[DeliveryState, int]:
        """How many deliveries of one webhook are pending, failed and expired."""
        self.get(account, webhook_id)
        with self._core.database.read() as connection:
            return outbox.backlog(connection, webhook_id)

    def log(
        self,
        account: HostId,
        webhook_id: str,
        limit: int = 50,
        *,
        skip: int = 0,
        succeeded: bool | None = None,
        event: str | None = None,
        before: Attempt | None = None,
    ) -> builtins.list[Attempt]:
        """The attempts of one webhook, newest first, optionally of one result or one event only.

        To page through a long log, give the last attempt of a page as `before` of the next. The log of a deleted
        webhook can be read until its retention ends.
        """
        with self._core.database.read() as connection:
            if store.account_of(connection, webhook_id) != account:
                raise _not_found(webhook_id)
            return store.attempt_log(
                connection, webhook_id, limit, skip=skip, succeeded=succeeded, event=event, before=before
            )

    def attempt(self, account: HostId, webhook_id: str, delivery_id: str, number: int) -> Attempt | None:
        """One attempt of the log of one webhook; None if there is none."""
        with self._core.database.read() as connection:
            if store.account_of(connection, webhook_id) != account:
                raise _not_found(webhook_id)
            return store.find_attempt(connection, webhook_id, delivery_id, number)

    def resend(self, account: HostId, webhook_id: str, delivery_id: str, *, actor: Actor = LIBRARY) -> None:
        """Makes a finished delivery due now, with a new series of attempts; raises NotFoundError if there is none."""
        self.get(account, webhook_id)
        with self._core.database.write() as connection:
            webhook = self._locked(connection, webhook_id)
            if not resending.send_again(connection, webhook_id, delivery_id, self._core.now()):
                raise NotFoundError("logId", "there is no finished delivery of this id")
            self._record(connection, actor, webhook, "webhook.resent", deliveryId=delivery_id)
        self._core.signals.have_enqueued()

    def recover(self, account: HostId, webhook_id: str, since: datetime, *, actor: Actor = LIBRARY) -> int:
        """Makes every failed or expired delivery created at `since` or later due again; returns how many.

        It works in small transactions and may be repeated.
        """
        checked_moment(since, "since")
        self.get(account, webhook_id)
        details = {"since": since.isoformat()}
        act = Act(account_id=account, action="webhook.recovered", subject=webhook_id, details=details)
        recovering, count = CountedAct(actor, act, "deliveries"), CHANGED_AT_ONCE
        while count == CHANGED_AT_ONCE:
            with self._core.database.write() as connection:
                self._locked(connection, webhook_id)
                count = resending.recover(connection, webhook_id, since, self._core.now(), CHANGED_AT_ONCE)
                recovering.add(connection, count, self._core.now())
        if recovering.total:
            self._core.signals.have_enqueued()
        return recovering.total

    async def test(
        self, account: HostId, webhook_id: str, event: str, data: Mapping[str, Any] | None = None
    ) -> Attempt:
        """Delivers a test event at once, even to a paused webhook, and returns its attempt as logged."""
        webhook = self.get(account, webhook_id)
        self._check(replace(webhook, events=(event,)))
        now = self._core.now()
        test = Event(
            f"test-{uuid4()}", event, account, "test", "test", now, checked_data(data or {"test": True}, "data"), {}
        )
        delivery = message_id(test.id, now, webhook.id)
        body = compose(test, webhook.id, webhook.body_format)
        return await self._dispatcher().deliver(NewDelivery(delivery, webhook.id, None, event, body))

    def account_of(self, webhook_id: str) -> HostId:
        """The account that owns the webhook, or owned it while its log is kept; raises NotFoundError."""
        with self._core.database.read() as connection:
            found = store.account_of(connection, webhook_id)
        if found is None:
            raise _not_found(webhook_id)
        return found

    def _locked(self, connection: Connection, webhook_id: str) -> Webhook:
        """The registration as it stays until the transaction ends; raises NotFoundError if it is gone by now."""
        found = store.find_webhook(connection, webhook_id, lock=True)
        if found is None:
            raise _not_found(webhook_id)
        return found

    def _record(self, connection: Connection, actor: Actor, webhook: Webhook, action: Action, **details: Any) -> None:
        act = Act(account_id=webhook.account_id, action=action, subject=webhook.id, details=details)
        self._core.record(connection, actor, act)

    def _check(self, webhook: Webhook, headers: Mapping[str, str] | None = None) -> None:
        registration.check(webhook, headers or {}, self._core.event_names, self._core.delivery)


def _not_found(webhook_id: str) -> NotFoundError:
    return NotFoundError("webhook", f"there is no webhook {webhook_id!r}")
