"""Outward: envelope, signature, guard, retry table, one HTTP attempt, the dispatcher; and the receiver's side.

Names are brought in when they are first asked for: a receiver (`chainbell.delivery.receiver`) needs neither aiohttp nor
SQLAlchemy, and does not load them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainbell.delivery.dispatcher import Dispatcher
    from chainbell.delivery.envelope import BodyFormat, compose, message_id, with_retry_count
    from chainbell.delivery.guard import LOOPBACK_ALLOWED, GuardPolicy, RefusedEndpointError, check_headers, check_url
    from chainbell.delivery.retry import RETRY_DELAYS, Next, Outcome, Verdict, judge
    from chainbell.delivery.settings import Clock, DeliverySettings, system_clock
    from chainbell.delivery.signature import HEADER_PREFIX, generate_secret, hex_signature, is_signed, signed_headers

_PLACES = {
    "dispatcher": ("Dispatcher",),
    "envelope": ("BodyFormat", "compose", "message_id", "with_retry_count"),
    "guard": ("LOOPBACK_ALLOWED", "GuardPolicy", "RefusedEndpointError", "check_headers", "check_url"),
    "retry": ("RETRY_DELAYS", "Next", "Outcome", "Verdict", "judge"),
    "settings": ("Clock", "DeliverySettings", "system_clock"),
    "signature": ("HEADER_PREFIX", "generate_secret", "hex_signature", "is_signed", "signed_headers"),
}
_PLACE_OF = {name: module for module, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _PLACE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACE_OF[name]}"), name)


__all__ = [
    "HEADER_PREFIX",
    "LOOPBACK_ALLOWED",
    "RETRY_DELAYS",
    "BodyFormat",
    "Clock",
    "DeliverySettings",
    "Dispatcher",
    "GuardPolicy",
    "Next",
    "Outcome",
    "RefusedEndpointError",
    "Verdict",
    "check_headers",
    "check_url",
    "compose",
    "generate_secret",
    "hex_signature",
    "is_signed",
    "judge",
    "message_id",
    "signed_headers",
    "system_clock",
    "with_retry_count",
]
