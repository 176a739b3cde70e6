"""Every nemesis, one after the other in an order by chance, on a system that works all the time.

After each everything goes on, and what is kept agrees with the history; at the end nothing is lost, invented or doubled.
`make soak` kills a thousand times on each database.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.e2e.waiting import until
from tests.faults.interposing import Interposed
from tests.faults.nemeses import KILLED, NEMESES, Nemesis
from tests.faults.private_server import PrivateServer
from tests.faults.system import System, running
from tests.soak import SOAK

pytestmark = pytest.mark.soak
KILLS = 1000 if SOAK else 0
"""Beside each nemesis once."""
CHECKED_EVERY = 25
"""Of so many kills, what is kept is compared once."""
MOST_SECONDS = 50.0
"""An order of magnitude above the five seconds within which everything is to go on."""


@pytest.fixture(params=["sqlite", "postgresql"])
def system(
    request: pytest.FixtureRequest, tmp_path: Path, chance: Random, library: Interposed | None
) -> Iterator[System]:
    if request.param == "sqlite":
        with running(f"sqlite:///{tmp_path / 'system.db'}", tmp_path, chance, interposed=library) as system:
            yield system
        return
    server: PrivateServer = request.getfixturevalue("private_server")
    with (
        server.database() as url,
        running(url, tmp_path, chance, interposed=library, postgresql=server) as system,
    ):
        yield system


def disturb(system: System, nemesis: Nemesis) -> dict[str, float]:
    """Lets it begin and end; within how many seconds each role went on after it."""
    system.recorder.nemesis(nemesis.name, "begins")
    try:
        nemesis.begin(system)
        time.sleep(system.chance.uniform(*nemesis.seconds))
        if nemesis.refuses:
            until(lambda: system.client.last_answer[0] == 503)
            assert system.client.last_answer[1] is not None, "503 says when to try again"
    finally:
        system.undo.close()
        system.recorder.nemesis(nemesis.name, "ends")
    return system.going_on()


def test_nothing_is_lost_or_doubled_under_every_nemesis(system: System, library: Interposed | None) -> None:
    here = "sqlite" if system.is_sqlite else "postgresql"
    nemeses = [one for one in NEMESES if here in one.on and (library is not None or not one.needs_library)]
    system.chance.shuffle(nemeses)
    for nemesis in nemeses:
        print(nemesis.name, end=": ", flush=True)
        seconds = disturb(system, nemesis)
        print(", ".join(f"{role} {one:.1f} s" for role, one in seconds.items()))
        assert max(seconds.values()) < MOST_SECONDS, nemesis.name
        assert system.check() == [], nemesis.name
    for kill in range(KILLS):
        disturb(system, system.chance.choice(KILLED))
        if kill % CHECKED_EVERY == 0:
            assert system.check() == [], f"kill {kill}"
    assert system.finish() == []
