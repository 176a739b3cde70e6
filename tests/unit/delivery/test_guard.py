import pytest

from chainbell.delivery import (
    LOOPBACK_ALLOWED,
    DeliverySettings,
    GuardPolicy,
    RefusedEndpointError,
    check_headers,
    check_url,
)
from chainbell.delivery.guard import check_addresses

PUBLIC = GuardPolicy()
INSIDE = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "240.0.0.1",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "fec0::1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_inside_addresses_are_refused_unless_switched_on(address: str) -> None:
    with pytest.raises(RefusedEndpointError, match="inside"):
        check_addresses([address], PUBLIC)
    check_addresses([address], LOOPBACK_ALLOWED)


def test_a_mixed_answer_is_refused() -> None:
    check_addresses(["93.184.216.34", "2606:2800:220:1::1"], PUBLIC)
    with pytest.raises(RefusedEndpointError):
        check_addresses(["93.184.216.34", "10.0.0.1"], PUBLIC)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "example.com",
        "https://",
        "https://user:pw@example.com/",
        "https:///x",
    ]
    + [
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://[::ffff:7f00:1]/",
    ]
    + ["https://example.com:99999/", "https://example.com/#part", "https://exa mple.com/", "https://127.0.0.1./"],
)
def test_urls_that_may_not_be_called(url: str) -> None:
    with pytest.raises(RefusedEndpointError, match="url: "):
        check_url(url, PUBLIC)


def test_an_ordinary_endpoint_is_fine() -> None:
    assert check_url("https://api.yourapp.com/webhooks?x=1", PUBLIC).host == "api.yourapp.com"


@pytest.mark.parametrize(
    ("name", "value"),
    [("Host", "a"), ("content-length", "3"), ("X-Exepron-Signature", "a"), ("webhook-id", "a"), ("X-A", "a\r\nB: c")]
    + [("X A", "a"), ("Transfer-Encoding", "chunked"), ("X-A", "é"), ("", "a")],
)
def test_headers_that_would_forge_a_request(name: str, value: str) -> None:
    with pytest.raises(RefusedEndpointError, match="headers"):
        check_headers({name: value}, "X-Exepron")


def test_a_lease_shorter_than_an_attempt_is_refused() -> None:
    with pytest.raises(ValueError, match="lease_seconds"):
        DeliverySettings(deadline_seconds=30, lease_seconds=30)
    assert DeliverySettings(deadline_seconds=30).lease.total_seconds() > 30
