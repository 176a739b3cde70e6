"""Every nemesis, one after the other in an order by chance, on a system that works all the time.

After each everything goes on, and what is kept agrees with the history; at the end nothing is lost or doubled. The
outages that last are in `test_nothing_ends_by_itself.py`.
`make soak` kills a thousand times on each database.
"""

import pytest

from tests.faults.nemeses import KILLED, NEMESES, Nemesis, possible, under
from tests.faults.system import MOST_SECONDS, System
from tests.soak import SOAK

pytestmark = pytest.mark.soak
KILLS = 1000 if SOAK else 0
"""Beside each nemesis once."""
CHECKED_EVERY = 50
"""Of so many kills, what is kept is compared once."""


def disturb(system: System, nemesis: Nemesis) -> dict[str, float]:
    """Lets it begin and end; within how many seconds each role went on after it."""
    with under(system, nemesis):
        pass
    return system.going_on()


def test_nothing_is_lost_or_doubled_under_every_nemesis(two_dispatchers: System) -> None:
    system = two_dispatchers
    nemeses = possible(system, NEMESES)
    system.chance.shuffle(nemeses)
    for nemesis in nemeses:
        seconds = disturb(system, nemesis)
        print(f"{nemesis.name}: " + ", ".join(f"{role} {one:.1f} s" for role, one in seconds.items()))
        assert max(seconds.values()) < MOST_SECONDS, nemesis.name
        assert system.check() == [], nemesis.name
    for kill in range(KILLS):
        disturb(system, system.chance.choice(KILLED))
        if kill % CHECKED_EVERY == 0:
            assert system.check() == [], f"kill {kill}"
    assert system.finish() == []
