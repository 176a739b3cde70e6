"""Names: one look-up at a time for each, threads for those that are quick, and whose fault a failure is."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from chainbell.delivery.name_server import NameServerAwayError
from chainbell.delivery.names import KEPT_SECONDS, Names
from tests.e2e.waiting import until

INFO = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 0))]


class Resolver:
    """Names that begin with `hang` hang until released, `broken` fails for now; what is `asked` is remembered."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.released = threading.Event()
        self.is_away = False

    def __call__(self, host: str, port: int | None, **_: Any) -> list[tuple[Any, ...]]:
        self.asked[host] += 1
        if host.startswith("hang"):
            self.released.wait()
        if self.is_away or host.startswith("broken"):
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if host.endswith("."):  # a probe
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return INFO


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    made = Resolver()
    yield made
    made.released.set()


def test_more_names_hang_than_there_are_threads_and_one_that_is_known_is_found(resolver: Resolver) -> None:
    seconds = 0.0
    names = Names(resolver, threads=8, clock=lambda: seconds)

    async def work() -> None:
        nonlocal seconds
        await names.find("good.example")
        hanging = [asyncio.create_task(names.find(f"hang{number}.example")) for number in range(50)]
        await asyncio.sleep(0)
        seconds = KEPT_SECONDS
        assert (await names.find("good.example"))[0]["host"] == "93.184.215.14"
        assert sum(resolver.asked[f"hang{number}.example"] for number in range(50)) == 6
        assert "no thread" in str(names.late_error("hang49.example"))
        for task in hanging:
            task.cancel()

    asyncio.run(work())


def test_a_name_that_many_ask_for_is_asked_once_and_its_answer_kept(resolver: Resolver) -> None:
    names = Names(resolver)

    async def work() -> None:
        asking = [asyncio.create_task(names.find("hang.example")) for _ in range(20)]
        await asyncio.sleep(0)
        asking[0].cancel()  # the others get their answer all the same
        resolver.released.set()
        found = await asyncio.gather(*asking[1:])
        assert len(found) == 19
        assert names.is_at_hand("hang.example")
        assert not names.is_at_hand("other.example")
        await names.find("hang.example")

    asyncio.run(work())
    assert resolver.asked["hang.example"] == 1


def test_a_broken_domain_is_the_endpoint_s_even_where_it_is_the_only_one(resolver: Resolver) -> None:
    names = Names(resolver, probe="works.example")
    for _ in range(3):  # failures are not kept
        with pytest.raises(socket.gaierror):
            asyncio.run(names.find("broken.example"))
    assert resolver.asked["broken.example"] == 6, "each time once more, after a probe has been answered"
    assert sum(name.endswith(".works.example.") for name in resolver.asked) >= 1


def test_a_name_server_that_is_away_is_waited_for(resolver: Resolver, caplog: pytest.LogCaptureFixture) -> None:
    names = Names(resolver)
    resolver.is_away = True

    async def work() -> None:
        caplog.set_level("INFO", "chainbell")
        asking = [asyncio.create_task(names.find(f"good{number}.example")) for number in range(3)]
        while "chainbell.name_server_away" not in caplog.messages:
            await asyncio.sleep(0.01)
        assert isinstance(names.late_error("good0.example"), NameServerAwayError)
        resolver.is_away = False
        assert len(await asyncio.gather(*asking)) == 3

    asyncio.run(work())
    until(lambda: "chainbell.name_server_back" in caplog.messages)
    assert caplog.messages.count("chainbell.name_server_away") == 1


def test_a_name_that_hangs_while_others_are_answered_is_the_endpoint_s(resolver: Resolver) -> None:
    names = Names(resolver)

    async def work() -> None:
        asking = asyncio.create_task(names.find("hang.example"))
        while not any(name.endswith(".") for name in resolver.asked):
            await asyncio.sleep(0.01)
        asking.cancel()
        assert isinstance(names.late_error("hang.example"), TimeoutError)

    asyncio.run(work())


def test_there_are_threads_enough_to_reserve_some() -> None:
    with pytest.raises(ValueError, match="threads: 3"):
        Names(threads=3)
