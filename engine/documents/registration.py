"""What a registration has to be, whoever gives it; and its header values, sealed or kept behind their mask."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from chainbell.delivery import DeliverySettings, check_headers, check_url
from chainbell.delivery.attempt import trusting
from chainbell.delivery.signature import key_length
from chainbell.engine.documents.fields import checked_text
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.logs import log
from chainbell.rules import FieldError
from chainbell.rules.payload import camel_case
from chainbell.storage import KeyRing, Webhook
from chainbell.storage.audit import Action
from chainbell.storage.webhooks import MASK

SHORTEST_SECRET, WEAK_SECRET = 8, 16
"""Bytes: shorter secrets are refused, and warned of."""


class Unchanged:
    """The default of an argument that leaves its field unchanged, where None is a value."""


UNCHANGED: Final = Unchanged()


def check(webhook: Webhook, headers: Mapping[str, str], known: Sequence[str], delivery: DeliverySettings) -> None:
    """Raises InvalidInputError for what cannot be registered; `headers` are as given, `known` are the events' names."""
    for number, event in enumerate(webhook.events):
        if event not in known:
            raise InvalidInputError(f"events[{number}]", f"{event!r} is none of {', '.join(known)}")
    if not webhook.events:
        raise InvalidInputError("events", "name at least one event")
    checked_text(webhook.name, "name")
    if webhook.body_format not in ("compact", "spaced"):
        raise InvalidInputError("bodyFormat", f"{webhook.body_format!r} is neither 'compact' nor 'spaced'")
    try:
        check_url(webhook.url, delivery.guard)
        check_headers({name: "" if value == MASK else value for name, value in headers.items()}, delivery.header_prefix)
        if webhook.ca_certificates is not None:
            trusting(webhook.ca_certificates)
    except FieldError as error:
        raise InvalidInputError(error.field, error.reason) from None


def check_secret(webhook_id: str, secret: str) -> None:
    """Refuses a secret that is guessed or that is no text, and warns of one that is weak."""
    checked_text(secret, "secret")
    length = key_length(secret)
    if length < SHORTEST_SECRET:
        raise InvalidInputError("secret", f"has {length} bytes, at least {SHORTEST_SECRET} are needed")
    if length < WEAK_SECRET:
        reason = f"the secret has {length} bytes; {WEAK_SECRET} or more are advised"
        log.warning("chainbell.weak_secret", webhook_id=webhook_id, reason=reason)


def sealed_headers(given: Mapping[str, str], keys: KeyRing, before: Webhook | None = None) -> dict[str, str]:
    """The header values that are given, sealed; the mask, as it is shown, keeps the value that was there before.

    Raises InvalidInputError for the mask of a header that has no value yet.
    """
    kept = {} if before is None else all_sealed(before, keys)
    of_name = {name.lower(): value for name, value in kept.items()}
    sealed = {}
    for name, value in given.items():
        if value != MASK:
            sealed[name] = keys.seal(value)
        elif name.lower() in of_name:
            sealed[name] = of_name[name.lower()]
        else:
            raise InvalidInputError(f"headers.{name}", "is the mask of a value, and none is kept under this name")
    return sealed


def told_of(columns: Mapping[str, Any]) -> tuple[Action, dict[str, Any]]:
    """What the audit trail tells of a change of these columns: the names of the fields, never their values."""
    if columns.keys() <= {"is_active", "failing_since", "deactivation"}:
        return "webhook.resumed" if columns.get("is_active", True) else "webhook.paused", {}
    hidden = ("sealed_headers", "previous_secret", "previous_until")
    return "webhook.changed", {"fields": [camel_case(name) for name in columns if name not in hidden]}


def all_sealed(webhook: Webhook, keys: KeyRing) -> dict[str, str]:
    """The header values of a registration, sealed; those from before they were are sealed now."""
    return {**webhook.sealed_headers, **{name: keys.seal(value) for name, value in webhook.open_headers.items()}}
