"""For those who receive: is this body from the sender we share a secret with?"""

import json
from collections.abc import Mapping
from typing import Any

from chainbell.delivery.signature import HEADER_PREFIX, is_signed


class InvalidSignatureError(ValueError):
    """The body does not carry a signature made with the secret."""


def verify(headers: Mapping[str, str], body: bytes, secret: str, *, prefix: str = HEADER_PREFIX) -> dict[str, Any]:
    """The parsed envelope of a genuine delivery; raises InvalidSignatureError for any other.

    `body` is the raw bytes as received. A delivery may come more than once: its `webhookId` tells.
    """
    if not is_signed(headers, body, secret, prefix):
        raise InvalidSignatureError("the signature does not match the body")
    envelope: dict[str, Any] = json.loads(body)
    return envelope
