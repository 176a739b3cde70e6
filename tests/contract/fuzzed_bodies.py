"""Bodies of all kinds of nonsense: documents that some operation takes, with odd values in them or broken bytes."""

import copy
import json
import random
from typing import Any

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
    b"",
    b"null",
    b"[]",
    b"{",
    b"-",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"NaN",
    b"1e400",
    b'{"a":1e400}',
    b'"\\ud800"',
    b"[" * 900 + b"]" * 900,
    b'{"a":' * 900 + b"1" + b"}" * 900,
    b"[" * 100_000,
    b'{"kind":"clock","kind":"plan"}',
]


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


def fuzzed_body(rng: random.Random, operation: str) -> bytes:
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
