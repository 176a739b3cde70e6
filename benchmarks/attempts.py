"""One attempt, through the lean client, through aiohttp's session, and through a bare session that signs the same:
`python benchmarks/attempts.py`. Plain and over TLS, to a sink that answers at once and keeps connections.

CPU time is this process's own; the database takes no part.
"""

import argparse
import asyncio
from collections.abc import Callable
from statistics import median

from measuring import Rate, Stopwatch, Targets
from posting import BODY, Sink, bare, signatures, sinking

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings, Outcome
from chainbell.delivery.attempt import Request
from chainbell.delivery.clients import open_client
from chainbell.delivery.sending import OWN_HEADERS

IN_FLIGHT = 32
ROUNDS = 7
CPU_BOUNDS = {"plain": (0.55, 0.6), "tls": (0.65, 0.7)}
"""Of a lean attempt, over one through the session and over a bare post."""


async def attempts(http: str, sink: Sink, count: int) -> Rate:
    """So many attempts of the client of this name."""
    client = open_client(DeliverySettings(guard=LOOPBACK_ALLOWED, in_flight=IN_FLIGHT, http=http))
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            request = Request(sink.url, OWN_HEADERS, signatures(number), BODY, sink.certificate)
            answer = await client.post(request, 30.0)
            assert answer.outcome == Outcome.ANSWERED, answer

    try:
        watch = Stopwatch()
        await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
        return watch.rate(count)
    finally:
        await client.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the attempts")
    count = 2_000 if parser.parse_args().quick else 20_000
    targets = Targets()
    for name, bounds in CPU_BOUNDS.items():
        rates: dict[str, list[Rate]] = {"lean": [], "session": [], "bare": []}
        with sinking(tls=name == "tls") as sink:
            makers: dict[str, Callable[[], Rate]] = {
                "lean": lambda: asyncio.run(attempts("lean", sink, count)),
                "session": lambda: asyncio.run(attempts("session", sink, count)),
                "bare": lambda: asyncio.run(bare(sink, count, IN_FLIGHT)),
            }
            for _ in range(ROUNDS):
                for client, make in makers.items():
                    rates[client].append(make())
        for client, all_of_it in rates.items():
            print(f"{name} {client}: {Rate.middle(all_of_it)}", flush=True)
        for other, bound in zip(("session", "bare"), bounds, strict=True):
            pairs = list(zip(rates["lean"], rates[other], strict=True))
            ratio = median(one.cpu_microseconds / yardstick.cpu_microseconds for one, yardstick in pairs)
            targets.at_most(f"{name}-cpu-of-an-attempt-over-{other}", ratio, bound)
            wall = median(one.a_second / yardstick.a_second for one, yardstick in pairs)
            targets.at_least(f"{name}-attempts-a-second-over-{other}", wall, 1.0)
    targets.exit()


if __name__ == "__main__":
    main()
