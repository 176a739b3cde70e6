"""Webhooks: register, update, rotate, test, list, resend; every call names the account."""

import builtins
import secrets as token_source
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from chainbell.delivery import Dispatcher, check_headers, check_url, compose, message_id
from chainbell.delivery.attempt import trusting
from chainbell.delivery.signature import key_length
from chainbell.engine.core import Core
from chainbell.engine.errors import InvalidInputError, NotFoundError
from chainbell.engine.logs import log
from chainbell.rules import Event, FieldError, HostId
from chainbell.storage import Attempt, DeliveryState, NewDelivery, Webhook, outbox, resending
from chainbell.storage import webhooks as store

OVERLAP = timedelta(hours=24)
"""How long the old secret also signs after a rotation."""
LONGEST_OVERLAP = timedelta(days=30)
SHORTEST_SECRET, WEAK_SECRET = 8, 16
"""Bytes: shorter secrets are refused, and warned of."""
RECOVERED_AT_ONCE = 500
"""How many deliveries are made due in one transaction."""


class Unchanged:
    """The default of an argument that leaves its field unchanged, where None is a value."""


UNCHANGED: Final = Unchanged()


class Webhooks:
    """`engine.webhooks`: every method takes the account, and finds nothing that belongs to another account."""

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
    ) -> tuple[Webhook, str]:
        """Registers an endpoint, for all events by default; returns the webhook and its secret, shown only here.

        The endpoint's TLS certificate is checked against `ca_certificates` (PEM) instead of the public authorities.
        Raises InvalidInputError if the guard refuses the URL or a header, an event is unknown or the secret is empty.
        """
        plain = token_source.token_urlsafe(32) if secret is None else secret
        webhook = Webhook(
            id="wh_" + uuid4().hex[:20],
            account_id=account,
            name=name,
            url=url,
            events=self._core.event_names if events is None else tuple(dict.fromkeys(events)),
            sealed_secret=self._core.keys.seal(plain),
            created_at=self._core.now(),
            headers=dict(headers or {}),
            body_format=body_format,
            is_active=is_active,
            retry_client_errors=retry_client_errors,
            ca_certificates=ca_certificates,
        )
        self._check(webhook, plain)
        with self._core.database.write() as connection:
            store.add_webhook(connection, webhook)
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
    ) -> Webhook:
        """Changes only the fields that are given; `ca_certificates=None` returns to the public authorities.

        A new secret replaces the old one at once; with `rotate`, both sign for a while. Raises NotFoundError or
        InvalidInputError.
        """
        given: dict[str, Any] = {
            "name": name,
            "url": url,
            "events": None if events is None else tuple(dict.fromkeys(events)),
            "headers": None if headers is None else dict(headers),
            "body_format": body_format,
            "is_active": is_active,
            "retry_client_errors": retry_client_errors,
        }
        changes = {field: value for field, value in given.items() if value is not None}
        if not isinstance(ca_certificates, Unchanged):
            changes["ca_certificates"] = ca_certificates
        current = self.get(account, webhook_id)
        self._check(replace(current, **changes), secret)
        columns = {field: list(value) if field == "events" else value for field, value in changes.items()}
        if secret is not None:
            columns |= {"secret": self._core.keys.seal(secret), "previous_secret": None, "previous_until": None}
        if is_active:
            columns |= {"failing_since": None, "deactivation": None}
        if columns:
            self._change(webhook_id, columns)
        if is_active:
            self._core.signals.have_enqueued()
        return self.get(account, webhook_id)

    def pause(self, account: HostId, webhook_id: str) -> Webhook:
        """Holds the webhook's deliveries; new ones are still created."""
        return self.update(account, webhook_id, is_active=False)

    def resume(self, account: HostId, webhook_id: str) -> Webhook:
        """Activates a paused or deactivated webhook and releases its held deliveries."""
        return self.update(account, webhook_id, is_active=True)

    def rotate(
        self, account: HostId, webhook_id: str, *, secret: str | None = None, overlap: timedelta = OVERLAP
    ) -> str:
        """Sets a new secret, given or generated, and returns it; the old one also signs during the overlap."""
        current = self.get(account, webhook_id)
        plain = token_source.token_urlsafe(32) if secret is None else secret
        self._check(current, plain)
        if not timedelta() <= overlap <= LONGEST_OVERLAP:
            raise InvalidInputError("overlap", f"{overlap} is not within 0 and 30 days")
        columns = {
            "secret": self._core.keys.seal(plain),
            "previous_secret": current.sealed_secret,
            "previous_until": self._core.now() + overlap,
        }
        self._change(webhook_id, columns)
        return plain

    def delete(self, account: HostId, webhook_id: str) -> None:
        """Deletes a registration with its deliveries and their log."""
        self.get(account, webhook_id)
        with self._core.database.write() as connection:
            store.delete_webhook(connection, webhook_id)

    def list(self, account: HostId) -> builtins.list[Webhook]:
        """The registrations of an account, oldest first."""
        with self._core.database.read() as connection:
            return store.webhooks(connection, account)

    def get(self, account: HostId, webhook_id: str) -> Webhook:
        """One registration; raises NotFoundError if the account has none with this id."""
        with self._core.database.read() as connection:
            found = store.find_webhook(connection, webhook_id)
        if found is None or found.account_id != account:
            raise NotFoundError("webhook", f"there is no webhook {webhook_id!r}")
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

        To page through a long log, give the last attempt of a page as `before` of the next.
        """
        self.get(account, webhook_id)
        with self._core.database.read() as connection:
            return store.attempt_log(
                connection, webhook_id, limit, skip=skip, succeeded=succeeded, event=event, before=before
            )

    def resend(self, account: HostId, webhook_id: str, delivery_id: str) -> None:
        """Makes a finished delivery due now, with a new series of attempts; raises NotFoundError if there is none."""
        self.get(account, webhook_id)
        with self._core.database.write() as connection:
            if not resending.send_again(connection, webhook_id, delivery_id, self._core.now()):
                raise NotFoundError("logId", "there is no finished delivery of this id")
        self._core.signals.have_enqueued()

    def recover(self, account: HostId, webhook_id: str, since: datetime) -> int:
        """Makes every failed or expired delivery created at `since` or later due again; returns how many.

        It works in small transactions and may be repeated.
        """
        if since.tzinfo is None:
            raise InvalidInputError("since", "an instant needs a time zone")
        self.get(account, webhook_id)
        total = 0
        while True:
            with self._core.database.write() as connection:
                count = resending.recover(connection, webhook_id, since, self._core.now(), RECOVERED_AT_ONCE)
            total += count
            if count < RECOVERED_AT_ONCE:
                break
        if total:
            self._core.signals.have_enqueued()
        return total

    async def test(
        self, account: HostId, webhook_id: str, event: str, data: Mapping[str, Any] | None = None
    ) -> Attempt:
        """Delivers a test event at once, even to a paused webhook, and returns its attempt as logged."""
        webhook = self.get(account, webhook_id)
        self._check(replace(webhook, events=(event,)), None)
        now = self._core.now()
        test = Event(f"test-{uuid4()}", event, account, "test", "test", now, dict(data or {"test": True}), {})
        delivery = message_id(test.id, now, webhook.id)
        body = compose(test, webhook.id, webhook.body_format)
        return await self._dispatcher().deliver(NewDelivery(delivery, webhook.id, None, event, body))

    def account_of(self, webhook_id: str) -> HostId:
        """The account that owns the webhook, for operators of many accounts; raises NotFoundError."""
        with self._core.database.read() as connection:
            found = store.find_webhook(connection, webhook_id)
        if found is None:
            raise NotFoundError("webhook", f"there is no webhook {webhook_id!r}")
        return found.account_id

    def _change(self, webhook_id: str, columns: dict[str, Any]) -> None:
        with self._core.database.write() as connection:
            if not store.change_webhook(connection, webhook_id, columns):
                raise NotFoundError("webhook", f"there is no webhook {webhook_id!r}")

    def _check(self, webhook: Webhook, secret: str | None) -> None:
        known = self._core.event_names
        for number, event in enumerate(webhook.events):
            if event not in known:
                raise InvalidInputError(f"events[{number}]", f"{event!r} is none of {', '.join(known)}")
        if not webhook.events:
            raise InvalidInputError("events", "name at least one event")
        if not webhook.name:
            raise InvalidInputError("name", "is empty")
        if secret is not None:
            _check_secret(webhook.id, secret)
        if webhook.body_format not in ("compact", "spaced"):
            raise InvalidInputError("bodyFormat", f"{webhook.body_format!r} is neither 'compact' nor 'spaced'")
        try:
            check_url(webhook.url, self._core.delivery.guard)
            check_headers(webhook.headers, self._core.delivery.header_prefix)
            if webhook.ca_certificates is not None:
                trusting(webhook.ca_certificates)
        except FieldError as error:
            raise InvalidInputError(error.field, error.reason) from None


def _check_secret(webhook_id: str, secret: str) -> None:
    """Refuses a secret that is guessed, and warns of one that is weak."""
    length = key_length(secret)
    if length < SHORTEST_SECRET:
        raise InvalidInputError("secret", f"has {length} bytes, at least {SHORTEST_SECRET} are needed")
    if length < WEAK_SECRET:
        reason = f"the secret has {length} bytes; {WEAK_SECRET} or more are advised"
        log.warning("chainbell.weak_secret", webhook_id=webhook_id, reason=reason)
