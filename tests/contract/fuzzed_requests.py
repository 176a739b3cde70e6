"""Requests of all kinds of nonsense, byte by byte, from a seed: valid ones are made, and then something is broken."""

import copy
import gzip
import json
import random
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from chainbell.engine.http.openapi import ROUTES
from chainbell.engine.http.routing import Route
from tests.contract.api_client import HOOK
from tests.plans import line_plan, task_update

AT = "2025-03-05T09:00:00Z"
ODD_NUMBERS = [0, -0.0, -1, 2**31, -(2**31) - 1, 2**53, 2**63, -(2**63) - 1, 10**400, 5e-324, 1e308, -1e308, 0.1, 1e-9]
ODD_TEXTS = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "é" * 300,
    "x" * 5000,
    "'7",
    "-0",
    "NaN",
    "1e400",
    "٣",
    "\u202e",
    "..",
]
ODD_TIMES = ["0001-01-01", "9999-12-31T23:59:59Z", "2025-02-30", "2025-03-05T09:00:00+99:99", "2025-03-05", "24:00"]
ODD: list[Any] = [None, True, False, [], {}, [[]], [None], {"": None}, *ODD_NUMBERS, *ODD_TEXTS, *ODD_TIMES]
RAW = [
    b"", b"null", b"[]", b"{", b"-", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf{}", b"NaN", b"1e400", b'{"a":1e400}', b'"\\ud800"',
    b"[" * 900 + b"]" * 900, b'{"a":' * 900 + b"1" + b"}" * 900, b"[" * 100_000, b'{"kind":"clock","kind":"plan"}',
]  # fmt: skip
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "FOO", "get"]
IDS = [
    "1", "'1", "0", "-1", "%00", "a%00b", "%ff", "%ED%A0%80", "2147483648", "9223372036854775808", "x" * 3000, "..", "%2e",
    "%2F", "wh_", "log_1_1", "log_%00_1", "log_x_" + "9" * 5000, "%E2%80%AE", "'", "''", "1%0a2", ";", "int:1",
]  # fmt: skip
TYPES = [
    "application/json", "text/xml", "application/json; charset=utf-16", "application/json; charset=nothing", "", "é", ";",
    "multipart/form-data", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "a" * 5000,
]  # fmt: skip
QUERIES = [
    "$top=0", "$top=-1", "$top=1e9", "$top=99999999999999999999", "$top=%00", "$top=5&$top=6", "$top=%D9%A3", "$skip=100000000",
    "status=failed", "event=%00", "event=task.red&event=task.red", "projectId=%00", "projectId=9223372036854775808", "a=b",
    "%ff=%ff", "&&&", "=", "before=0", "before=9007199254740991", "before=9223372036854775808", "since=2025", f"since={AT}",
    "since=0001-01-01T00:00:00%2B14:00", "action=x", "action=webhook.paused", "subject=" + "x" * 3000, "q=" + "x" * 20_000,
    "x=" * 900,
]  # fmt: skip
BOMB = gzip.compress(b" " * 40_000_000)


@dataclass(frozen=True)
class Known:
    """What is there for the account that asks."""

    token: str
    webhook: str
    event: str


def _derived_plan() -> dict[str, Any]:
    """A plan without chains and buffers, with most of what a plan may have."""
    plan = line_plan(status="Planning")
    for part in ("chains", "buffers"):
        del plan[part]
    plan["planning"] = {"buffers": "rsem", "levelling": "serial"}
    plan["resources"] = [{"id": "r", "name": "R", "capacity": 1}]
    plan["project"] |= {"calendar": {"holidays": ["2025-03-17"], "hours": ["09:00", "17:00"], "timeZone": "UTC"}}
    plan["project"] |= {"zones": {"policy": "fever"}, "statusDate": "2025-03-04", "teamSize": 4}
    plan["tasks"][0] |= {"resources": ["r"], "safeDuration": 9, "percentComplete": 10, "remainingDuration": 3}
    plan["tasks"][1] |= {"startNoEarlierThan": "2025-03-10", "assignedTo": {"id": 1, "name": "Ana"}}
    plan["links"][0] |= {"type": "SS", "lag": 1}
    return plan


PLAN, DERIVED = line_plan(status="Planning"), _derived_plan()
for _plan in (PLAN, DERIVED):
    del _plan["accountId"]
CHANGES: list[Any] = [
    {"kind": "plan", "at": AT, "plan": PLAN},
    task_update(1, AT, status="InProgress", remainingDuration=3, changeId="c-1", by={"id": 1, "name": "Ana"}),
    task_update(2, AT, percentComplete=40, reason="waiting", allowStale=True),
    {"kind": "project.update", "projectId": 1, "status": "Active", "at": AT},
    {"kind": "milestone.complete", "projectId": 1, "milestoneId": 345, "deliverables": [{"id": 1, "name": "A"}]},
    {"kind": "clock", "at": AT},
    [task_update(1, AT, percentComplete=5, allowStale=True), {"kind": "clock", "at": AT, "projectId": 1}],
]
FULL_HOOK = {**HOOK, "headers": {"X-A": "b"}, "secret": "s3cret-of-ours", "isActive": False, "bodyFormat": "spaced"}
BODIES: dict[str, list[Any]] = {
    "createWebhook": [HOOK, FULL_HOOK],
    "updateWebhook": [HOOK, FULL_HOOK, {"headers": {"X-A": "•" * 8}}],
    "testWebhook": [{"event": "task.red", "data": {"a": 1}}],
    "rotateSecret": [{"secret": "another secret", "overlapHours": 1}],
    "recoverDeliveries": [{"since": AT}],
    "loadPlan": [PLAN, DERIVED],
    "applyChanges": CHANGES,
    "previewChange": CHANGES,
}
"""What each operation takes."""
ALL_BODIES = [body for found in BODIES.values() for body in found]


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every container with a key of it."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        found.append((value, key))
        if isinstance(inner, (dict, list)):
            _places(inner, found)
    return found


def mutated(rng: random.Random, document: Any) -> Any:
    """The document with a few odd values in it, or without some of its parts."""
    document = copy.deepcopy(document)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        places = _places(document, [])
        if not places:
            return document
        container, key = rng.choice(places)
        kind = rng.random()
        if kind < 0.75:
            container[key] = copy.deepcopy(rng.choice(ODD))
        elif kind < 0.85:
            del container[key]
        elif isinstance(container, dict):
            container[rng.choice(["extra", "id", "\x00", "accountId"])] = copy.deepcopy(rng.choice(ODD))
        else:
            container.append(copy.deepcopy(container[key]))
    return document


def _body(rng: random.Random, operation: str) -> bytes:
    if rng.random() < 0.1:
        return rng.choice(RAW)
    documents = BODIES.get(operation, ALL_BODIES) if rng.random() < 0.9 else ALL_BODIES
    text = json.dumps(mutated(rng, rng.choice(documents)), ensure_ascii=rng.random() < 0.5)
    raw = text.replace("1" + "0" * 400, rng.choice(("1e400", "1" + "0" * 400))).encode("utf-8", "surrogatepass")
    if rng.random() < 0.15 and raw:
        broken = bytearray(raw)
        for _ in range(rng.randint(1, 4)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        return bytes(broken)
    return raw


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
    packed = rng.choice([gzip.compress, zlib.compress])(body)
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
    b"Expect: 100-continue", b"Expect: nothing", b"Cookie: \xff=\x80", b"X-Forwarded-For: " + b"1," * 2000, b"Range: bytes=0-1",
    b"Host: ", b"Host: a\r\nHost: b", b"Upgrade: websocket\r\nConnection: Upgrade", b"If-None-Match: *", b": nothing",
    b"X-Odd: a\x00b", b"X Odd: a", b"traceparent: \xff", b"Accept: \xff/*;q=x", b"X-Long: " + b"x" * 20_000, b"Connection: close",
]  # fmt: skip


def request(rng: random.Random, known: Known) -> bytes:
    """One request as it goes over the wire."""
    route = rng.choice(ROUTES)
    method = route.method.upper() if rng.random() < 0.9 else rng.choice(METHODS)
    has_body = route.body is not None if rng.random() < 0.95 else rng.random() < 0.5
    encoding, body = _encoded(rng, _body(rng, route.operation)) if has_body else ([], b"")
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
