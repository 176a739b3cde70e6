"""Outward: envelope, signature, guard, retry table, one HTTP attempt, the dispatcher."""

from chainbell.delivery.dispatcher import Dispatcher
from chainbell.delivery.envelope import BodyFormat, compose, message_id, with_retry_count
from chainbell.delivery.guard import LOOPBACK_ALLOWED, GuardPolicy, RefusedEndpointError, check_headers, check_url
from chainbell.delivery.retry import RETRY_DELAYS, Next, Outcome, Verdict, judge
from chainbell.delivery.settings import Clock, DeliverySettings, system_clock
from chainbell.delivery.signature import HEADER_PREFIX, hex_signature, is_signed, signed_headers

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
    "hex_signature",
    "is_signed",
    "judge",
    "message_id",
    "signed_headers",
    "system_clock",
    "with_retry_count",
]
