"""Which endpoints may be called: https by default, public addresses by default, headers that cannot forge a request."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from yarl import URL

from chainbell.delivery.networks import is_public
from chainbell.rules.errors import FieldError

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
LONGEST_NAME, LONGEST_LABEL = 253, 63
LONGEST_HEADER = 8192
"""Characters of a header's value, as most servers take them."""
_RESERVED_HEADERS = frozenset(
    [
        "host",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "proxy-authorization",
        "proxy-authenticate",
        "proxy-connection",
        "expect",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "accept-encoding",
    ]
)


class RefusedEndpointError(FieldError):
    """An endpoint that must not be called."""


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """What is allowed beyond public https: plain http, and inside addresses (for a receiver on this machine)."""

    allow_http: bool = False
    allow_inside: bool = False


PUBLIC_HTTPS = GuardPolicy()
LOOPBACK_ALLOWED = GuardPolicy(allow_http=True, allow_inside=True)


def check_url(url: str, policy: GuardPolicy) -> URL:
    """The parsed URL of an endpoint; raises RefusedEndpointError for one that may not be called."""
    try:
        parsed = URL(url)
        host, port = parsed.host, parsed.port  # names are decoded here, and some cannot be
    except ValueError as error:
        raise RefusedEndpointError("url", str(error)) from None
    if parsed.scheme not in ("https", "http") or not host or not port:
        raise RefusedEndpointError("url", "an absolute https URL is needed")
    if parsed.scheme == "http" and not policy.allow_http:
        raise RefusedEndpointError("url", "https is needed; plain http must be switched on")
    if parsed.user is not None or parsed.password is not None:
        raise RefusedEndpointError("url", "user names and passwords do not belong in it; use a header")
    if parsed.fragment:
        raise RefusedEndpointError("url", "a fragment is never sent; leave it out")
    if any(ord(character) <= 32 or ord(character) == 127 for character in url):
        raise RefusedEndpointError("url", "it contains white space or control characters")
    if len(host) > LONGEST_NAME or any(len(label) > LONGEST_LABEL for label in host.split(".")):
        raise RefusedEndpointError("url", "its host is longer than a name can be (RFC 1035)")
    if _looks_numeric(host):
        check_addresses([host], policy)
    return parsed


def _looks_numeric(host: str) -> bool:
    """Whether a host is an IP literal, or a name that a resolver may take for one (decimal, octal, hexadecimal)."""
    last = host.rstrip(".").rpartition(".")[2].lower()
    return ":" in host or last.isdigit() or re.fullmatch("0x[0-9a-f]*", last) is not None


def check_addresses(addresses: Sequence[str], policy: GuardPolicy) -> None:
    """Raises RefusedEndpointError if any of a host's addresses lies inside; a mixed answer is refused as a whole."""
    for address in addresses:
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            raise RefusedEndpointError("url", f"{address!r} is not an address in its ordinary form") from None
        if not policy.allow_inside and not is_public(parsed):
            raise RefusedEndpointError("url", f"{address} is an inside address")


def check_headers(headers: Mapping[str, str], prefix: str) -> None:
    """Raises RefusedEndpointError for a custom header that is malformed or could forge the request or its signature."""
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise RefusedEndpointError("headers", f"{name!r} is not a header name")
        if name.lower() in _RESERVED_HEADERS or name.lower().startswith(f"{prefix}-".lower()):
            raise RefusedEndpointError(f"headers.{name}", "this header is chainbell's own to set")
        if len(value) > LONGEST_HEADER:
            raise RefusedEndpointError(f"headers.{name}", f"is longer than {LONGEST_HEADER} characters")
        if any(ord(character) < 32 or ord(character) == 127 for character in value) or not value.isascii():
            raise RefusedEndpointError(f"headers.{name}", "control and non-ASCII characters are not allowed")
