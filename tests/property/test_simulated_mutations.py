"""Each check of a simulated run is shown to fail: by dispatchers that are broken on purpose, within a few seeds."""

from typing import Any

import pytest

from tests.property import simulated_mutations as mutations
from tests.property.simulated_promises import (
    PROMISES,
    Promise,
    an_interruption_spends_no_try,
    every_endpoint_is_served,
    no_endpoint_is_in_the_way_of_a_good_one,
    none_begins_past_its_lease,
    none_is_attempted_twice_at_once,
    nothing_ends_by_itself,
    nothing_is_lost,
    one_attempt_is_one_record,
    stopping_ends_in_time,
    stopping_gives_everything_back,
    the_cap_in_all_is_kept,
    the_cap_of_an_endpoint_is_kept,
    what_has_ended_is_recorded,
    what_is_claimed_first_begins_first,
    what_is_claimed_is_begun,
)
from tests.property.simulated_run import Parts, run

SEEDS = range(40)
CAUGHT: list[tuple[str, Any, Promise]] = [
    ("slots", mutations.IgnoresUntil, none_begins_past_its_lease),
    ("slots", mutations.CountsLeasesTooLong, none_begins_past_its_lease),
    ("ledger", mutations.GivesBackWhatIsInFlight, none_begins_past_its_lease),
    ("ledger", mutations.GivesBackWhatIsInFlight, none_is_attempted_twice_at_once),
    ("slots", mutations.ignores_the_limit_of_an_endpoint, the_cap_of_an_endpoint_is_kept),
    ("slots", mutations.ignores_the_limit_in_all, the_cap_in_all_is_kept),
    ("slots", mutations.LosesSlots, nothing_is_lost),
    ("slots", mutations.ForgetsLookUps, nothing_is_lost),
    ("attempts", mutations.GivesUpEarly, nothing_is_lost),
    ("slots", mutations.StarvesOne, every_endpoint_is_served),
    ("slots", mutations.ClaimsForOneEndpointAtATime, no_endpoint_is_in_the_way_of_a_good_one),
    ("slots", mutations.NewestFirst, what_is_claimed_first_begins_first),
    ("slots", mutations.NeverRenews, what_is_claimed_is_begun),
    ("ledger", mutations.LosesClaims, what_is_claimed_is_begun),
    ("ledger", mutations.ForgetsSettlements, what_has_ended_is_recorded),
    ("ledger", mutations.LosesSettlementsThatFail, what_has_ended_is_recorded),
    ("ledger", mutations.RecordsAgain, one_attempt_is_one_record),
    ("attempts", mutations.CountsInterruptions, an_interruption_spends_no_try),
    ("slots", mutations.KeepsWhatWaits, stopping_gives_everything_back),
    ("loop", mutations.StopsLate, stopping_ends_in_time),
    ("ledger", mutations.DiesWithTheDatabase, nothing_ends_by_itself),
]
"""A part of the dispatcher, what stands in its place, and the promise that it breaks."""


@pytest.mark.parametrize(("part", "mutation", "promise"), CAUGHT, ids=lambda value: getattr(value, "__name__", value))
def test_what_is_broken_is_caught(part: str, mutation: Any, promise: Promise) -> None:
    parts = Parts(**{part: mutation})
    assert any(next(promise(run(seed, parts)), None) for seed in SEEDS), f"{promise.__name__} was kept"


def test_each_promise_is_broken_by_something() -> None:
    assert {promise for _, _, promise in CAUGHT} == set(PROMISES)
