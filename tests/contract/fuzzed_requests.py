"""Requests of all kinds of nonsense, byte by byte, from a seed: valid ones are made, and then something is broken."""

import gzip
import random
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from chainbell.engine.http.openapi import ROUTES
from chainbell.engine.http.routing import Route
from tests.contract.fuzzed_bodies import AT, fuzzed_body

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "FOO", "get"]
IDS = [
    "1",
    "'1",
    "0",
    "-1",
    "%00",
    "a%00b",
    "%ff",
    "%ED%A0%80",
    "2147483648",
    "9223372036854775808",
    "x" * 3000,
    "..",
    "%2e",
    "%2F",
    "wh_",
    "log_1_1",
    "log_%00_1",
    "log_x_" + "9" * 5000,
    "%E2%80%AE",
    "'",
    "''",
    "1%0a2",
    ";",
    "int:1",
]
TYPES = [
    "application/json",
    "text/xml",
    "application/json; charset=utf-16",
    "application/json; charset=nothing",
    "",
    "é",
    ";",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "a" * 5000,
]
QUERIES = [
    "$top=0",
    "$top=-1",
    "$top=1e9",
    "$top=99999999999999999999",
    "$top=%00",
    "$top=5&$top=6",
    "$top=%D9%A3",
    "$skip=100000000",
    "status=failed",
    "event=%00",
    "event=task.red&event=task.red",
    "projectId=%00",
    "projectId=9223372036854775808",
    "a=b",
    "%ff=%ff",
    "&&&",
    "=",
    "before=0",
    "before=9007199254740991",
    "before=9223372036854775808",
    "before=log_1_1",
    "before=log_%00_1",
    "before=log_x_" + "9" * 5000,
    "before=log_1_%C2%B2",
    "since=2025",
    f"since={AT}",
    "since=0001-01-01T00:00:00%2B14:00",
    "action=x",
    "action=webhook.paused",
    "subject=" + "x" * 3000,
    "q=" + "x" * 20_000,
    "x=" * 900,
]
BOMB = gzip.compress(b" " * 40_000_000)


@dataclass(frozen=True)
class Known:
    """What is there for the account that asks."""

    token: str
    webhook: str
    event: str


def _target(rng: random.Random, route: Route, known: Known) -> str:
    there = {"webhookId": known.webhook, "eventId": known.event, "projectId": "1", "logId": f"log_{known.event}_1"}

    def part(match: re.Match[str]) -> str:
        return quote(there[match[1]]) if rng.random() < 0.75 else rng.choice(IDS)

    path = re.sub(r"\{(\w+)\}", part, route.path)
    if rng.random() < 0.03:
        path = rng.choice(
            ["/", "//", "/openapi.json", "/docs", "/docs/x", "*", "/api/v1/%00", "/" + "x" * 9000, "http://a/b", "?"]
        )
    asks = 0.5 if route.query is not None else 0.05
    return path + (f"?{'&'.join(rng.sample(QUERIES, rng.choice((1, 1, 2))))}" if rng.random() < asks else "")


def _authorization(rng: random.Random, known: Known) -> list[bytes]:
    mine = b"Authorization: Bearer " + known.token.encode()
    if rng.random() < 0.9:
        return [mine]
    odd = [
        b"Bearer \xff\xfe",
        b"Bearer",
        b"Bearer ",
        b"Basic YTpi",
        b"bearer \xc3\xa9",
        b"",
        b"Bearer " + b"x" * 7000,
        b"\xed\xa0\x80",
    ]
    return rng.choice([[b"Authorization: " + rng.choice(odd)], [], [mine, mine], [mine, b"Authorization: Bearer x"]])


def _encoded(rng: random.Random, body: bytes) -> tuple[list[bytes], bytes]:
    """The body in some content encoding, sometimes not the one that it says."""
    kind = rng.random()
    if kind < 0.9:
        return [], body
    packed = gzip.compress(body) if rng.random() < 0.5 else zlib.compress(body)
    whole = rng.choice([packed, packed[: len(packed) // 2], body, packed + b"x", BOMB])
    name = rng.choice([b"gzip", b"deflate", b"br", b"zstd", b"identity", b"nothing", b"gzip, gzip"])
    return [b"Content-Encoding: " + name], whole


def _framed(rng: random.Random, body: bytes) -> tuple[list[bytes], bytes]:
    kind = rng.random()
    if kind < 0.8:
        return [b"Content-Length: %d" % len(body)], body
    if kind < 0.9:
        sizes = [body[at : at + 700] for at in range(0, len(body), 700)]
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in sizes)
        trailers = rng.choice(
            [b"", b"X-Trailer: a\r\n", b"Content-Length: 5\r\n", b"\xff: \xff\r\n", b"X: " + b"y" * 9000 + b"\r\n"]
        )
        return [b"Transfer-Encoding: chunked"], chunks + b"0\r\n" + trailers + b"\r\n"
    odd = [
        b"Content-Length: -1",
        b"Content-Length: x",
        b"Content-Length: 99999999999999999999",
        b"Transfer-Encoding: foo",
    ]
    odd += [
        b"Content-Length: 0",
        b"Content-Length: 3\r\nContent-Length: 4",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3",
    ]
    return [rng.choice(odd)], body


ODD_HEADERS: Sequence[bytes] = [
    b"Expect: 100-continue",
    b"Expect: nothing",
    b"Cookie: \xff=\x80",
    b"X-Forwarded-For: " + b"1," * 2000,
    b"Range: bytes=0-1",
    b"Host: ",
    b"Host: a\r\nHost: b",
    b"Upgrade: websocket\r\nConnection: Upgrade",
    b"If-None-Match: *",
    b": nothing",
    b"X-Odd: a\x00b",
    b"X Odd: a",
    b"traceparent: \xff",
    b"Accept: \xff/*;q=x",
    b"X-Long: " + b"x" * 20_000,
    b"Connection: close",
]


def request(rng: random.Random, known: Known) -> bytes:
    """One request as it goes over the wire."""
    route = rng.choice(ROUTES)
    method = route.method.upper() if rng.random() < 0.9 else rng.choice(METHODS)
    has_body = route.body is not None if rng.random() < 0.95 else rng.random() < 0.5
    encoding, body = _encoded(rng, fuzzed_body(rng, route.operation)) if has_body else ([], b"")
    framing, body = _framed(rng, body) if has_body else ([], b"")
    kind = rng.choice(TYPES) if rng.random() < 0.1 else "application/json"
    headers = [b"Host: localhost", *_authorization(rng, known), b"Content-Type: " + kind.encode(), *encoding, *framing]
    if rng.random() < 0.1:
        headers.insert(rng.randrange(len(headers) + 1), rng.choice(ODD_HEADERS))
    line = f"{method} {_target(rng, route, known)} HTTP/1.1".encode()
    if rng.random() < 0.01:
        line = rng.choice(
            [b"GET", b"GET / HTTP/9.9", b"\x16\x03\x01\x02\x00", b"GET /\xff HTTP/1.1", b"PRI * HTTP/2.0", b"\x00" * 50]
        )
    return b"\r\n".join([line, *headers, b"", body])
