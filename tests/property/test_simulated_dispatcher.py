"""The dispatcher's loop in a world that is made up: its clock, network, name servers and database, from a seed.

100,000 seeds in `make soak`, a share in `make test`. A seed that fails is named; `run(seed)` shows it again, the same.
`simulated_promises` says what is promised, `test_simulated_mutations` that each check of it can fail.
"""

import pytest

from tests.property.simulated_promises import broken
from tests.property.simulated_run import run
from tests.soak import SOAK

pytestmark = pytest.mark.soak
SHARES, SEEDS = 10, 10_000 if SOAK else 8
FOUND = {
    "a retry whose record's answer was lost was recorded again with its next claim": (203, 206, 1012),
    "a database that went away while attempts were recorded one by one lost them": (1429,),
}
"""Seeds that found something, and what they found."""


@pytest.mark.parametrize("share", range(SHARES))
def test_every_promise_is_kept(share: int) -> None:
    for seed in range(share * SEEDS, (share + 1) * SEEDS):
        assert broken(run(seed)) == {}, f"seed {seed}"


@pytest.mark.parametrize("found", FOUND)
def test_what_was_found_is_found_no_more(found: str) -> None:
    for seed in FOUND[found]:
        assert broken(run(seed)) == {}, f"seed {seed}"


def test_a_seed_is_the_same_run_again() -> None:
    assert run(4) == run(4)
