"""Webhooks: registered, listed, delivered to."""

import secrets as token_source
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from chainbell.delivery import (
    DeliverySettings,
    Dispatcher,
    RefusedEndpointError,
    check_headers,
    check_url,
)
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.foundation import Foundation
from chainbell.engine.logs import log_fenced, log_settled
from chainbell.rules import HostId
from chainbell.storage import (
    Webhook,
    webhooks,
)


class Registering(Foundation):
    """The part of `Engine` that keeps webhooks."""

    def add_webhook(
        self,
        account: HostId,
        url: str,
        *,
        name: str = "webhook",
        events: Sequence[str] | None = None,
        secret: str | None = None,
        headers: dict[str, str] | None = None,
        body_format: str = "compact",
        is_active: bool = True,
    ) -> tuple[Webhook, str]:
        """Registers an endpoint, for all events unless some are named; returns it with its secret, shown this once.

        Raises InvalidInputError for a URL or header that the guard refuses, an unknown event, an empty secret.
        """
        known = [rule.event for rule in self.rules]
        wanted = list(known if events is None else dict.fromkeys(events))
        for number, event in enumerate(wanted):
            if event not in known:
                raise InvalidInputError(f"events[{number}]", f"{event!r} is none of {', '.join(known)}")
        if not wanted:
            raise InvalidInputError("events", "name at least one event")
        if secret == "":
            raise InvalidInputError("secret", "is empty")
        if body_format not in ("compact", "spaced"):
            raise InvalidInputError("bodyFormat", f"{body_format!r} is neither 'compact' nor 'spaced'")
        try:
            check_url(url, self.delivery.guard)
            check_headers(headers or {}, self.delivery.header_prefix)
        except RefusedEndpointError as error:
            field, _, reason = str(error).partition(": ")
            raise InvalidInputError(field, reason) from None
        plain = secret or token_source.token_urlsafe(32)
        webhook = Webhook(
            id="wh_" + uuid4().hex[:20],
            account_id=account,
            name=name,
            url=url,
            events=tuple(wanted),
            sealed_secret=self._keys.seal(plain),
            created_at=self._clock(),
            headers=headers or {},
            body_format=body_format,
            is_active=is_active,
        )
        with self.database.write() as connection:
            webhooks.add_webhook(connection, webhook)
        return webhook, plain

    def webhooks(self, account: HostId | None = None) -> list[Webhook]:
        with self.database.read() as connection:
            return webhooks.webhooks(connection, account)

    def webhook_log(self, webhook_id: str, limit: int = 50) -> list[dict[str, Any]]:
        """The attempts of one webhook, newest first; raises InvalidInputError if there is no such webhook."""
        with self.database.read() as connection:
            if webhooks.find_webhook(connection, webhook_id) is None:
                raise InvalidInputError("webhook", f"there is no webhook {webhook_id!r}")
            return webhooks.attempt_log(connection, webhook_id, limit)

    def dispatcher(self, settings: DeliverySettings | None = None) -> Dispatcher:
        """A dispatcher for this database; make it inside a running event loop."""
        return Dispatcher(
            self.database,
            self._keys,
            settings or self.delivery,
            clock=self._clock,
            on_settled=log_settled,
            on_fenced=log_fenced,
        )
