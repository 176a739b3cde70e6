import socket

import pytest

from chainbell.delivery import (
    LOOPBACK_ALLOWED,
    DeliverySettings,
    GuardPolicy,
    RefusedEndpointError,
    check_headers,
    check_url,
)
from chainbell.delivery.attempt import vetted_socket
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


TRICKS = {
    "plain http": "http://example.com/",
    "another scheme": "ftp://example.com/",
    "no scheme": "example.com",
    "no host": "https://",
    "an empty host": "https:///x",
    "a port beyond the last": "https://example.com:99999/",
    "a fragment": "https://example.com/#part",
    "a space": "https://exa mple.com/",
    "a line break": "https://example.com/\r\nHost: 127.0.0.1",
    "a backslash": "https://example.com\\@127.0.0.1/",
    "user and password": "https://user:pw@example.com/",
    "a user that looks like a host": "https://example.com@127.0.0.1/",
    "an escaped slash in the user": "https://127.0.0.1%2f@example.com/",
    "loopback": "https://127.0.0.1/",
    "loopback with a final dot": "https://127.0.0.1./",
    "decimal": "https://2130706433/",
    "zero": "https://0/",
    "hexadecimal": "https://0x7f000001/",
    "hexadecimal in part": "https://0x7f.1/",
    "octal": "https://017700000001/",
    "octal in part": "https://0177.0.0.1/",
    "a short form": "https://127.1/",
    "full-width digits": "https://１２７.０.０.１/",
    "circled digits": "https://①②⑦.0.0.1/",
    "ideographic full stops": "https://127。0。0。1/",
    "IPv6 loopback": "https://[::1]/",
    "mapped into IPv6": "https://[::ffff:127.0.0.1]/",
    "mapped, in hexadecimal": "https://[::ffff:7f00:1]/",
    "compatible IPv6": "https://[::127.0.0.1]/",
    "translated IPv6": "https://[::ffff:0:127.0.0.1]/",
    "NAT64": "https://[64:ff9b::7f00:1]/",
    "6to4": "https://[2002:7f00:1::]/",
    "a scope": "https://[fe80::1%25eth0]/",
    "a name that is no name": "https://xn--/",
    "a label that is too long": "https://" + "a" * 64 + ".example.com/",
    "a name that is too long": "https://" + "a." * 127 + "example.com/",
    "cloud metadata": "https://169.254.169.254/latest/meta-data/",
    "cloud metadata over IPv6": "https://[fd00:ec2::254]/",
}


@pytest.mark.parametrize("url", TRICKS.values(), ids=TRICKS.keys())
def test_urls_that_may_not_be_called(url: str) -> None:
    with pytest.raises(RefusedEndpointError, match="url: "):
        check_url(url, PUBLIC)


@pytest.mark.parametrize("address", INSIDE)
def test_the_address_that_is_dialled_is_checked_once_more(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(RefusedEndpointError, match="inside"):
        vetted_socket(PUBLIC, (family, socket.SOCK_STREAM, 6, "", (address, 443)))


def test_an_international_name_is_called_by_its_ascii_form() -> None:
    assert check_url("https://bücher.example/", PUBLIC).raw_host == "xn--bcher-kva.example"


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
