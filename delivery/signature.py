"""Signatures over the bytes of a body: the reference's hex HMAC and the Standard Webhooks trio."""

import base64
import hashlib
import hmac
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from secrets import token_bytes

HEADER_PREFIX = "X-Exepron"
_STANDARD_PREFIX = "whsec_"
MOST_DIGITS = 12
"""Digits of a timestamp in Unix seconds; longer ones are nobody's."""


def generate_secret() -> str:
    """A new random secret: `whsec_` and standard base64 of 32 bytes, as Standard Webhooks libraries take it."""
    return _STANDARD_PREFIX + base64.b64encode(token_bytes(32)).decode()


def hex_signature(secret: str, body: bytes) -> str:
    """Lower-case hex HMAC-SHA256 of the body with the secret, as the reference's receivers compute it."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard_signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One `v1,...` entry of the Standard Webhooks `webhook-signature` header.

    `timestamp` is Unix seconds. The key is the secret's bytes or, for a secret of the form `whsec_<base64>`, the
    decoded part.
    """
    signed = f"{message_id}.{timestamp}.".encode(errors="surrogatepass") + body
    return "v1," + base64.b64encode(hmac.new(_standard_key(secret), signed, hashlib.sha256).digest()).decode()


def key_length(secret: str) -> int:
    """Bytes of the shorter of the keys that a secret stands for: its own, and what `whsec_` encodes."""
    return min(len(secret.encode()), len(_standard_key(secret)))


def _standard_key(secret: str) -> bytes:
    if secret.startswith(_STANDARD_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_STANDARD_PREFIX), validate=True)
        except Base64Error:
            pass  # a host's own secret that happens to begin so
    return secret.encode()


def signed_headers(
    secrets: Sequence[str],
    *,
    message_id: str,
    subscription_id: str,
    event: str,
    timestamp: int,
    body: bytes,
    prefix: str = HEADER_PREFIX,
) -> dict[str, str]:
    """The headers of one attempt. The first secret is the current one; a second one is being rotated out.

    `timestamp` is Unix seconds.
    """
    headers = {
        f"{prefix}-Signature": hex_signature(secrets[0], body),
        f"{prefix}-Event": event,
        f"{prefix}-Subscription": subscription_id,
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(standard_signature(s, message_id, timestamp, body) for s in secrets),
    }
    if len(secrets) > 1:
        headers[f"{prefix}-Signature-Previous"] = hex_signature(secrets[1], body)
    return headers


def is_signed(headers: Mapping[str, str], body: bytes, secret: str, prefix: str = HEADER_PREFIX) -> bool:
    """Whether the body carries this secret's hex signature, as the current secret or as the one being rotated out."""
    lowered = {name.lower(): value for name, value in headers.items()}
    expected = hex_signature(secret, body).encode()
    given = (lowered.get(f"{prefix}-Signature{suffix}".lower(), "") for suffix in ("", "-Previous"))
    matches = [hmac.compare_digest(expected, signature.encode(errors="surrogatepass")) for signature in given]
    return any(matches)


def is_standard_signed(
    headers: Mapping[str, str], body: bytes, secret: str, tolerance: timedelta, now: datetime
) -> bool:
    """Whether a Standard Webhooks signature is this secret's and its timestamp within the tolerance of `now`."""
    lowered = {name.lower(): value for name, value in headers.items()}
    stamp = lowered.get("webhook-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= MOST_DIGITS):
        return False
    if abs(now.timestamp() - int(stamp)) > tolerance.total_seconds():
        return False
    expected = standard_signature(secret, lowered.get("webhook-id", ""), int(stamp), body).encode()
    given = lowered.get("webhook-signature", "").split()
    matches = [hmac.compare_digest(expected, signature.encode(errors="surrogatepass")) for signature in given]
    return any(matches)
