"""Registrations of all kinds of nonsense: taken or refused with a reason, never an error of the server's own."""

import json
import random
from typing import Any

from chainbell.engine import Engine
from tests.contract.api_client import API, HOOK, Caller, served

ODD_TEXTS = ["", " ", "\x00", "\ud800", "é" * 3000, "x" * 200_000, "-----BEGIN CERTIFICATE-----", "spaced", "task.red"]
ODD_URLS = ["https://", "https://[::1", "ftp://x/", "https://127.0.0.1/", "https://a" + ".a" * 2000 + "/"]
ODD_URLS += ["https://exa mple/", "https://example.com:0/", "https://\u2100/", "https://" + "a" * 300 + ".example/"]
ODD_LISTS: list[Any] = [[], [None], ["task.red"] * 101, ["task.red", "task.red"], ["nothing"], [["task.red"]], [[[[]]]]]
ODD_OBJECTS: list[Any] = [{}, {"X-A": "b"}, {"X-A": None}, {"Host": "a"}, {"": ""}, {"X-A": "\r\nB: c"}, {"X-é": "a"}]
ODD_OBJECTS += [{"X-A": odd} for odd in ("\ud800", "\x00", "a" * 10_000)]
ODD_OBJECTS += [{f"X-{n}": "a" for n in range(51)}]
ODD: list[Any] = [None, True, 0, -1, 2**63, 1e400, 1.5, *ODD_TEXTS, *ODD_URLS, *ODD_LISTS, *ODD_OBJECTS]


def test_a_fuzzed_registration_is_taken_or_refused_and_never_breaks_the_server(engine: Engine) -> None:
    fields = ["name", "url", "events", "secret", "isActive", "headers", "bodyFormat", "retryClientErrors"]
    fields += ["caCertificates", "id", "accountId", "statistics"]
    rng = random.Random(8)

    async def work(mine: Caller, _other: Caller) -> None:
        _, made = await mine("POST", f"{API}/webhooks", HOOK)
        bodies = [{**HOOK, name: value} for name in fields for value in ODD]
        bodies += [
            {**HOOK, **{rng.choice(fields): rng.choice(ODD) for _ in range(rng.randint(2, 6))}} for _ in range(200)
        ]
        kept = 1
        for body in bodies:
            raw = json.dumps(body).encode()
            status, answer = await mine("POST", f"{API}/webhooks", raw=raw)
            assert status in (201, 422), (body, answer)
            kept += status == 201
            status, answer = await mine("PUT", f"{API}/webhooks/{made['id']}", raw=raw)
            assert status in (200, 422), (body, answer)
        for _ in range(200):
            mutated = bytearray(json.dumps(HOOK).encode())
            for _ in range(rng.randint(1, 5)):
                mutated[rng.randrange(len(mutated))] = rng.randrange(256)
            status, answer = await mine("POST", f"{API}/webhooks", raw=bytes(mutated))
            assert status in (201, 422), (mutated, answer)
            kept += status == 201
        _, found = await mine("GET", f"{API}/webhooks")
        assert len(found["value"]) == kept

    served(engine, work)
