import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from chainbell.delivery import generate_secret, hex_signature, signed_headers, with_retry_count
from chainbell.delivery.receiver import InvalidSignatureError, verify

BODY = b'{"event":"task.red"}'


def headers(*secrets: str) -> dict[str, str]:
    now = int(datetime.now(UTC).timestamp())
    return signed_headers(
        secrets, message_id="wh_m", subscription_id="wh_s", event="task.red", timestamp=now, body=BODY
    )


def test_the_hex_signature_is_the_reference_s() -> None:
    assert hex_signature("s", BODY) == hmac.new(b"s", BODY, hashlib.sha256).hexdigest()
    assert headers("s")["X-Exepron-Signature"] == hex_signature("s", BODY)
    assert headers("s")["X-Exepron-Event"] == "task.red"
    assert headers("s")["X-Exepron-Subscription"] == "wh_s"


def test_the_standard_webhooks_library_verifies_us() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert Webhook(secret).verify(BODY.decode(), headers(secret)) == {"event": "task.red"}


def test_a_generated_secret_is_taken_by_the_library_s_default_constructor() -> None:
    secret = generate_secret()
    assert Webhook(secret).verify(BODY.decode(), headers(secret)) == {"event": "task.red"}
    assert verify(headers(secret), BODY, secret) == {"event": "task.red"}
    assert len({generate_secret() for _ in range(100)}) == 100


def test_while_a_secret_is_rotated_both_are_good() -> None:
    both = headers("new", "old")
    assert verify(both, BODY, "new") == verify(both, BODY, "old") == {"event": "task.red"}
    assert len(both["webhook-signature"].split()) == 2
    with pytest.raises(InvalidSignatureError):
        verify(both, BODY, "other")
    with pytest.raises(InvalidSignatureError):
        verify(both, BODY + b" ", "new")
    with pytest.raises(InvalidSignatureError):
        verify({}, BODY, "new")


def test_an_attempt_changes_nothing_but_the_retry_count() -> None:
    for body in (b'{"a":1,"metadata":{"version":"1.0","retryCount":0}}', b'{"metadata": {"retryCount": 0}}'):
        assert with_retry_count(body, 0) == body
        assert with_retry_count(body, 5) == body[:-3] + b"5}}"
