"""What the dispatcher promises, each promise a check of a run's history that yields how it was broken.

Leases are measured by elapsed time, as they were granted, whatever the database's clock has done since.

That first tries go before retries is decided by the claims, and shown where they are made (tests/contract/test_outbox):
the loop keeps the order in which they come, `what_is_claimed_first_begins_first`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from math import ceil

from chainbell.delivery.retry import OURS, RETRY_DELAYS, Outcome
from chainbell.storage import DeliveryState
from tests.property.simulated_database import SLOWEST_SECONDS
from tests.property.simulated_history import (
    DEADLINE,
    SLACK,
    AskedDatabase,
    AttemptBegan,
    AttemptEnded,
    Claimed,
    ClockStepped,
    Complained,
    Ended,
    GaveBack,
    History,
    Killed,
    OfDelivery,
    Recorded,
    Renewed,
    Started,
    Stopping,
)
from tests.property.simulated_network import GOOD_SECONDS
from tests.property.simulated_waits import since_calm, waits
from tests.property.simulated_world import GOOD_IN_THE_END

Promise = Callable[[History], Iterator[str]]
ROUNDING = 1e-6
NOTICED_SECONDS = SLACK / 3 + 1
"""How soon what has become due is claimed at the latest: with the next heartbeat, and its exchange."""


def nothing_is_lost(history: History) -> Iterator[str]:
    """Each delivery ends as its endpoint lets it: delivered, or failed after all its tries."""
    last = {event.delivery: event for event in history.events if isinstance(event, Recorded) and event.is_kept}
    for delivery, endpoint in history.owners.items():
        kind, record = history.kinds[endpoint], last.get(delivery)
        if record is None or record.state is DeliveryState.PENDING:
            yield f"{delivery}, {kind}, is still pending"
        elif kind in GOOD_IN_THE_END and record.state is not DeliveryState.DELIVERED:
            yield f"{delivery}, {kind}, has failed"
        elif kind not in GOOD_IN_THE_END and record.tries != len(RETRY_DELAYS) + 1:
            yield f"{delivery}, {kind}, has failed after {record.tries} tries"


def what_has_ended_is_recorded(history: History) -> Iterator[str]:
    """Each attempt comes to the database before its delivery is attempted again by the same dispatcher, and before that
    dispatcher ends, unless it was killed or the database did not answer it then."""
    missing: dict[tuple[int, str], AttemptEnded] = {}
    is_answered: dict[int, bool] = {}
    for event in history.events:
        match event:
            case AttemptBegan() if (event.dispatcher, event.delivery) in missing:
                yield f"{event} while the one before was not recorded"
            case AttemptEnded():
                missing[event.dispatcher, event.delivery] = event
            case Recorded():
                missing.pop((event.dispatcher, event.delivery), None)
            case AskedDatabase():
                is_answered[event.dispatcher] = event.is_answered
            case Killed():
                is_answered[event.dispatcher] = False
            case Ended() if is_answered.get(event.dispatcher):
                yield from (f"{end} was not recorded" for key, end in missing.items() if key[0] == event.dispatcher)


def one_attempt_is_one_record(history: History) -> Iterator[str]:
    """No attempt is recorded twice, though the database's answer was lost."""
    ended: set[tuple[int, str]] = set()
    for event in history.events:
        if isinstance(event, AttemptEnded):
            ended.add((event.dispatcher, event.delivery))
        elif isinstance(event, Recorded) and event.is_kept:
            if (event.dispatcher, event.delivery) not in ended:
                yield f"{event} without an attempt"
            ended.discard((event.dispatcher, event.delivery))


def an_interruption_spends_no_try(history: History) -> Iterator[str]:
    """Tries count what the endpoint did, never what was our own doing."""
    outcomes: dict[tuple[int, str], Outcome] = {}
    tries: Counter[str] = Counter()
    for event in history.events:
        if isinstance(event, AttemptEnded):
            outcomes[event.dispatcher, event.delivery] = event.outcome
        elif isinstance(event, Recorded) and event.is_kept:
            outcome = outcomes.get((event.dispatcher, event.delivery))
            tries[event.delivery] += outcome not in OURS
            if event.tries != tries[event.delivery]:
                yield f"{event} after {outcome}: it has had {tries[event.delivery]} tries"


def none_begins_past_its_lease(history: History) -> Iterator[str]:
    """An attempt begins with a lease of its own that outlasts its deadline."""
    until: dict[tuple[str, int], float] = {}
    for event in history.events:
        match event:
            case Claimed() | Renewed():
                until[event.delivery, event.fence] = event.until
            case GaveBack() | Recorded():
                until.pop((event.delivery, event.fence), None)
            case AttemptBegan():
                lease = until.get((event.delivery, event.fence))
                if lease is None or event.counted_from + DEADLINE > lease + ROUNDING or event.at > lease:
                    yield f"{event} with a lease until {lease}"


def none_is_attempted_twice_at_once(history: History) -> Iterator[str]:
    """However many dispatchers there are; a clock that steps may end a lease before its time."""
    if any(isinstance(event, ClockStepped) for event in history.events):
        return
    under_way: dict[str, AttemptBegan] = {}
    for event in history.events:
        if isinstance(event, AttemptBegan):
            if event.delivery in under_way:
                yield f"{event} beside {under_way[event.delivery]}"
            under_way[event.delivery] = event
        elif isinstance(event, AttemptEnded):
            under_way.pop(event.delivery, None)


def the_cap_of_an_endpoint_is_kept(history: History) -> Iterator[str]:
    for event, in_flight in _beginnings(history):
        count = in_flight[event.dispatcher][event.endpoint]
        if count > history.per_webhook:
            yield f"{event}: {count} to {event.endpoint}"


def the_cap_in_all_is_kept(history: History) -> Iterator[str]:
    for event, in_flight in _beginnings(history):
        count = in_flight[event.dispatcher].total()
        if count > history.in_flight:
            yield f"{event}: {count} in all"


def _beginnings(history: History) -> Iterator[tuple[AttemptBegan, dict[int, Counter[str]]]]:
    """Each attempt that begins, and how many are then in flight, by dispatcher and endpoint."""
    in_flight: dict[int, Counter[str]] = defaultdict(Counter)
    for event in history.events:
        if isinstance(event, AttemptBegan):
            in_flight[event.dispatcher][event.endpoint] += 1
            yield event, in_flight
        elif isinstance(event, AttemptEnded):
            in_flight[event.dispatcher][event.endpoint] -= 1


def every_endpoint_is_served(history: History) -> Iterator[str]:
    """In a calm world no endpoint that has something due is left idle for longer than two rounds of all the endpoints
    through all the slots, each of which may be taken for a whole deadline: one round to be claimed, one to begin."""
    rounds = ceil(len(history.kinds) / history.in_flight)
    bound = 2 * rounds * DEADLINE + 2 * NOTICED_SECONDS
    for endpoint, waited in waits(history):
        if waited > bound:
            yield f"{endpoint}, {history.kinds[endpoint]}, was idle for {waited:.1f} s, over {bound:.1f} s"


def no_endpoint_is_in_the_way_of_a_good_one(history: History) -> Iterator[str]:
    """In a calm world with slots left when all the bad endpoints have as many as they may, a good endpoint waits for
    nothing but the good ones: it is tried within seconds."""
    good = [name for name, kind in history.kinds.items() if kind in GOOD_IN_THE_END]
    bad = len(history.kinds) - len(good)
    if bad * history.per_webhook >= history.in_flight:
        return
    bound = NOTICED_SECONDS + len(good) * GOOD_SECONDS
    for endpoint, waited in waits(history):
        if endpoint in good and waited > bound:
            yield f"{endpoint} was idle for {waited:.1f} s, over {bound:.1f} s"


def what_is_claimed_first_begins_first(history: History) -> Iterator[str]:
    """In a calm world the attempts of one endpoint begin in the order of their claims."""
    last: dict[str, int] = {}
    claims: list[tuple[str, int]] = []
    for event in since_calm(history):
        if isinstance(event, Claimed):
            claims.append((event.delivery, event.fence))
        elif isinstance(event, AttemptBegan):
            place = claims.index((event.delivery, event.fence))
            if place < last.get(event.endpoint, -1):
                yield f"{event} after one that was claimed later"
            last[event.endpoint] = place


def what_is_claimed_is_begun(history: History) -> Iterator[str]:
    """In a calm world no lease is left to end: what is claimed is begun, or given back."""
    held: dict[tuple[str, int], Claimed] = {}
    for event in since_calm(history):
        if isinstance(event, Claimed):
            held[event.delivery, event.fence] = event
        elif isinstance(event, (AttemptBegan, GaveBack)):
            held.pop((event.delivery, event.fence), None)
    yield from (f"{claim} came to nothing" for claim in held.values())


def stopping_gives_everything_back(history: History) -> Iterator[str]:
    """A dispatcher that was stopped leaves no lease behind, if the database is there."""
    untroubled = {event.dispatcher for event in history.events if isinstance(event, Started) and not event.has_trouble}
    stopped: set[int] = set()
    leases: dict[str, OfDelivery] = {}
    for event in history.events:
        match event:
            case Claimed():
                leases[event.delivery] = event
            case GaveBack() | Recorded() if event.delivery in leases:
                if leases[event.delivery].fence == event.fence:
                    del leases[event.delivery]
            case Stopping():
                stopped.add(event.dispatcher)
            case Ended() if event.dispatcher in untroubled & stopped:
                left = [lease for lease in leases.values() if lease.dispatcher == event.dispatcher]
                yield from (f"{lease} was left by {event}" for lease in left)


def stopping_ends_in_time(history: History) -> Iterator[str]:
    """Within the grace, and what the database takes for the calls that are under way and the last ones."""
    slow = {event.dispatcher: event.has_trouble for event in history.events if isinstance(event, Started)}
    stopping: dict[int, Stopping] = {}
    for event in history.events:
        if isinstance(event, Stopping):
            stopping[event.dispatcher] = event
        elif isinstance(event, Ended) and event.dispatcher in stopping:
            asked = stopping[event.dispatcher]
            bound = asked.grace_seconds + (4 * SLOWEST_SECONDS if slow[event.dispatcher] else 1)
            if event.at - asked.at > bound:
                yield f"{event}, {event.at - asked.at:.1f} s after {asked}"


def nothing_ends_by_itself(history: History) -> Iterator[str]:
    """A dispatcher runs until it is stopped or killed, and nothing fails in it but the database."""
    for event in history.events:
        if isinstance(event, Complained) or (isinstance(event, Ended) and event.error is not None):
            yield str(event)


PROMISES: tuple[Promise, ...] = (
    nothing_is_lost,
    what_has_ended_is_recorded,
    one_attempt_is_one_record,
    an_interruption_spends_no_try,
    none_begins_past_its_lease,
    none_is_attempted_twice_at_once,
    the_cap_of_an_endpoint_is_kept,
    the_cap_in_all_is_kept,
    every_endpoint_is_served,
    no_endpoint_is_in_the_way_of_a_good_one,
    what_is_claimed_first_begins_first,
    what_is_claimed_is_begun,
    stopping_gives_everything_back,
    stopping_ends_in_time,
    nothing_ends_by_itself,
)


def broken(history: History) -> dict[str, str]:
    """The promises that were not kept, by name, and how each was broken first."""
    firsts = {promise.__name__: next(promise(history), None) for promise in PROMISES}
    return {name: how for name, how in firsts.items() if how is not None}
