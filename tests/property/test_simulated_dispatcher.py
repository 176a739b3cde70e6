"""The dispatcher's loop in a world that is made up: its clock, network, name servers and database, from a seed.

100,000 seeds in `make soak`, a share in `make test`. A seed that fails is named; `run(seed)` shows it again, the same.
"""

import pytest

from tests.property.simulated_delivery import live, new_world
from tests.property.virtual_time import VirtualTimeLoop
from tests.soak import SOAK

pytestmark = pytest.mark.soak
SHARES, SEEDS = 10, 10_000 if SOAK else 12


def run(seed: int) -> tuple[int, float]:
    """How many attempts were made, and how many seconds went by."""
    loop = VirtualTimeLoop()
    try:
        world = new_world(seed)
        loop.run_until_complete(live(world))
        return world.sent, loop.time()
    finally:
        loop.close()


@pytest.mark.parametrize("share", range(SHARES))
def test_nothing_is_lost_nothing_outlasts_its_lease_and_everybody_is_served(share: int) -> None:
    for seed in range(share * SEEDS, (share + 1) * SEEDS):
        try:
            run(seed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


def test_a_seed_is_the_same_run_again() -> None:
    assert run(4) == run(4)
