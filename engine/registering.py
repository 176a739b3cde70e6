"""Webhooks: registered, changed, rotated, tested, listed, sent to again."""

import secrets as token_source
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from chainbell.delivery import (
    DeliverySettings,
    Dispatcher,
    check_headers,
    check_url,
    compose,
    message_id,
)
from chainbell.delivery.attempt import trusting
from chainbell.engine.errors import InvalidInputError, NotFoundError
from chainbell.engine.foundation import Foundation
from chainbell.engine.logs import log, log_fenced, log_settled
from chainbell.rules import Event, HostId
from chainbell.storage import NewDelivery, Settlement, Webhook, outbox, resending, tokens, webhooks

OVERLAP = timedelta(hours=24)
"""How long the old secret signs beside the new one after a rotation."""
RECOVERED_AT_ONCE = 500
"""Deliveries that are made due in one transaction."""
CHANGEABLE = (
    "name", "url", "events", "secret", "is_active", "headers", "body_format", "retry_client_errors", "ca_certificates"
)  # fmt: skip


class Registering(Foundation):
    """The part of `Engine` that keeps webhooks and the tokens of those who manage them."""

    def add_webhook(
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
        """Registers an endpoint, for all events unless some are named; returns it with its secret, shown this once.

        `ca_certificates` (PEM) are what its TLS certificate is checked against instead of the public authorities.
        Raises InvalidInputError for a URL or header that the guard refuses, an unknown event, an empty secret.
        """
        plain = token_source.token_urlsafe(32) if secret is None else secret
        webhook = Webhook(
            id="wh_" + uuid4().hex[:20],
            account_id=account,
            name=name,
            url=url,
            events=tuple(rule.event for rule in self.rules) if events is None else tuple(dict.fromkeys(events)),
            sealed_secret=self._keys.seal(plain),
            created_at=self._clock(),
            headers=dict(headers or {}),
            body_format=body_format,
            is_active=is_active,
            retry_client_errors=retry_client_errors,
            ca_certificates=ca_certificates,
        )
        self._check(webhook, plain)
        with self.database.write() as connection:
            webhooks.add_webhook(connection, webhook)
        return webhook, plain

    def update_webhook(self, webhook_id: str, account: HostId | None = None, **changes: Any) -> Webhook:
        """Changes what is named (`name`, `url`, `events`, `secret`, `is_active`, `headers` ...) and nothing else.

        A new secret replaces the old one at once; `rotate_secret` lets both sign for a while. Raises NotFoundError,
        InvalidInputError.
        """
        for name in changes:
            if name not in CHANGEABLE:
                raise InvalidInputError(name, "cannot be changed")
        secret = changes.pop("secret", None)
        current = self.webhook(webhook_id, account)
        if "events" in changes:
            changes["events"] = tuple(dict.fromkeys(changes["events"]))
        self._check(replace(current, **changes), "unchanged" if secret is None else secret)
        columns = {name: list(value) if name == "events" else value for name, value in changes.items()}
        if secret is not None:
            columns |= {"secret": self._keys.seal(secret), "previous_secret": None, "previous_until": None}
        if changes.get("is_active"):
            columns |= {"failing_since": None, "deactivation": None}
        if columns:
            self._change(webhook_id, columns)
        if changes.get("is_active"):
            self._send(self.enqueued, name="enqueued")
        return self.webhook(webhook_id, account)

    def pause_webhook(self, webhook_id: str, account: HostId | None = None) -> Webhook:
        """Holds the webhook's deliveries; new ones are still made."""
        return self.update_webhook(webhook_id, account, is_active=False)

    def resume_webhook(self, webhook_id: str, account: HostId | None = None) -> Webhook:
        """Releases what was held."""
        return self.update_webhook(webhook_id, account, is_active=True)

    def rotate_secret(
        self,
        webhook_id: str,
        account: HostId | None = None,
        *,
        secret: str | None = None,
        overlap: timedelta = OVERLAP,
    ) -> str:
        """A new secret that signs at once, given or generated; for the overlap the old one signs as well."""
        current = self.webhook(webhook_id, account)
        plain = token_source.token_urlsafe(32) if secret is None else secret
        self._check(current, plain)
        if not timedelta() <= overlap <= timedelta(days=30):
            raise InvalidInputError("overlap", f"{overlap} is not within 0 and 30 days")
        until = self._clock() + overlap
        columns = {
            "secret": self._keys.seal(plain),
            "previous_secret": current.sealed_secret,
            "previous_until": until,
        }
        self._change(webhook_id, columns)
        return plain

    def delete_webhook(self, webhook_id: str, account: HostId | None = None) -> None:
        """Deletes a registration with its deliveries and their log."""
        self.webhook(webhook_id, account)
        with self.database.write() as connection:
            webhooks.delete_webhook(connection, webhook_id)

    def webhooks(self, account: HostId | None = None) -> list[Webhook]:
        """The registrations of one account, or all, oldest first."""
        with self.database.read() as connection:
            return webhooks.webhooks(connection, account)

    def webhook(self, webhook_id: str, account: HostId | None = None) -> Webhook:
        """One registration; raises NotFoundError if the account (where one is given) has none of this id."""
        with self.database.read() as connection:
            found = webhooks.find_webhook(connection, webhook_id)
        if found is None or (account is not None and found.account_id != account):
            raise NotFoundError("webhook", f"there is no webhook {webhook_id!r}")
        return found

    def backlog(self, webhook_id: str, account: HostId | None = None) -> dict[str, int]:
        """How many deliveries of one webhook are pending, failed, expired."""
        self.webhook(webhook_id, account)
        with self.database.read() as connection:
            return outbox.backlog(connection, webhook_id)

    def webhook_log(
        self,
        webhook_id: str,
        limit: int = 50,
        *,
        account: HostId | None = None,
        skip: int = 0,
        succeeded: bool | None = None,
        event: str | None = None,
    ) -> list[dict[str, Any]]:
        """The attempts of one webhook, newest first, of one result or one event only where these are given."""
        self.webhook(webhook_id, account)
        with self.database.read() as connection:
            return webhooks.attempt_log(connection, webhook_id, limit, skip=skip, succeeded=succeeded, event=event)

    def send_again(self, webhook_id: str, delivery_id: str, account: HostId | None = None) -> None:
        """Makes a finished delivery due now, with all its tries; raises NotFoundError for one that is not there."""
        self.webhook(webhook_id, account)
        with self.database.write() as connection:
            if not resending.send_again(connection, webhook_id, delivery_id, self._clock()):
                raise NotFoundError("logId", "there is no finished delivery of this id")
        self._send(self.enqueued, name="enqueued")

    def recover(self, webhook_id: str, since: datetime, account: HostId | None = None) -> int:
        """Makes every failed delivery from `since` on due again, in small transactions; how many. May be repeated."""
        if since.tzinfo is None:
            raise InvalidInputError("since", "an instant needs a time zone")
        self.webhook(webhook_id, account)
        total = 0
        while True:
            with self.database.write() as connection:
                count = resending.recover(connection, webhook_id, since, self._clock(), RECOVERED_AT_ONCE)
            total += count
            if count < RECOVERED_AT_ONCE:
                break
        if total:
            self._send(self.enqueued, name="enqueued")
        return total

    async def test_webhook(
        self, webhook_id: str, event: str, data: Mapping[str, Any] | None = None, account: HostId | None = None
    ) -> dict[str, Any]:
        """Delivers a test event at once, paused or not, and returns its attempt as the log keeps it."""
        webhook = self.webhook(webhook_id, account)
        self._check(replace(webhook, events=(event,)), "unchanged")
        now = self._clock()
        test = Event(
            f"test-{uuid4()}", event, webhook.account_id, "test", "test", now, dict(data or {"test": True}), {}
        )
        delivery = message_id(test.id, now, webhook.id)
        body = compose(test, webhook.id, webhook.body_format)
        await self.dispatcher().deliver(NewDelivery(delivery, webhook.id, None, event, body))
        for attempt in self.webhook_log(webhook_id, 100):
            if attempt["delivery_id"] == delivery:
                return attempt
        raise NotFoundError("webhook", "was deleted while it was tested")

    def add_token(self, account: HostId, name: str = "token") -> str:
        """A new bearer token of the management API for one account, shown this once; kept as a hash."""
        token = "cb_" + token_source.token_urlsafe(32)
        with self.database.write() as connection:
            tokens.add_token(connection, token, account, name, self._clock())
        return token

    def account_of_token(self, token: str) -> HostId | None:
        """Whose token this is; None for one that is not known."""
        with self.database.read() as connection:
            return tokens.account_of(connection, token)

    def revoke_tokens(self, account: HostId, name: str | None = None) -> int:
        """Deletes an account's tokens, or those of one name; returns how many there were."""
        with self.database.write() as connection:
            return tokens.revoke_tokens(connection, account, name)

    def oldest_due(self) -> timedelta:
        """For how long the delivery that waits longest has been due."""
        now = self._clock()
        with self.database.read() as connection:
            oldest = outbox.oldest_due(connection, now)
        return timedelta() if oldest is None else now - oldest.astimezone(UTC)

    def dispatcher(self, settings: DeliverySettings | None = None) -> Dispatcher:
        """A dispatcher for this database; make it inside a running event loop."""
        dispatcher = Dispatcher(
            self.database,
            self._keys,
            settings or self.delivery,
            clock=self._clock,
            on_settled=self._on_settled,
            on_fenced=log_fenced,
            on_deactivated=self._on_deactivated,
            on_error=lambda error: log.error("chainbell.dispatcher_failed", error=repr(error)),
        )
        self.metrics.watch(dispatcher)
        return dispatcher

    def _on_settled(self, settlements: Sequence[Settlement]) -> None:
        log_settled(settlements)
        self.metrics.attempts_settled(settlements)

    def _on_deactivated(self, webhook_id: str, reason: str) -> None:
        log.warning("chainbell.webhook_deactivated", webhook_id=webhook_id, reason=reason)
        self._send(self.deactivated, name="deactivated", webhook_id=webhook_id, reason=reason)

    def _change(self, webhook_id: str, columns: dict[str, Any]) -> None:
        with self.database.write() as connection:
            if not webhooks.change_webhook(connection, webhook_id, columns):
                raise NotFoundError("webhook", f"there is no webhook {webhook_id!r}")

    def _check(self, webhook: Webhook, secret: str) -> None:
        known = [rule.event for rule in self.rules]
        for number, event in enumerate(webhook.events):
            if event not in known:
                raise InvalidInputError(f"events[{number}]", f"{event!r} is none of {', '.join(known)}")
        if not webhook.events:
            raise InvalidInputError("events", "name at least one event")
        if not webhook.name:
            raise InvalidInputError("name", "is empty")
        if secret == "":
            raise InvalidInputError("secret", "is empty")
        if webhook.body_format not in ("compact", "spaced"):
            raise InvalidInputError("bodyFormat", f"{webhook.body_format!r} is neither 'compact' nor 'spaced'")
        try:
            check_url(webhook.url, self.delivery.guard)
            check_headers(webhook.headers, self.delivery.header_prefix)
            if webhook.ca_certificates is not None:
                trusting(webhook.ca_certificates)
        except ValueError as error:
            field, _, reason = str(error).partition(": ")
            raise InvalidInputError(field, reason) from None
