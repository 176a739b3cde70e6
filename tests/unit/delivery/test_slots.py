"""Who begins next: turns, limits, ramping up, leases that end. Pure: claims in, claims out."""

from collections import Counter
from datetime import UTC, datetime

from chainbell.delivery.slots import AHEAD, LOWEST_SHARE, Held, Slots
from chainbell.storage import Claim, Webhook

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def webhook(name: str, failing: bool = False, is_active: bool = True) -> Webhook:
    since = NOW if failing else None
    url = "https://x.example/"
    return Webhook(name, 1, name, url, (), "sealed", NOW, failing_since=since, is_active=is_active)


def claims(name: str, count: int, first: int = 0, fence: int = 1) -> list[Claim]:
    return [Claim(f"{name}{number}", name, "task.red", b"", 0, fence) for number in range(first, first + count)]


def begun(slots: Slots, now: float = 0.0) -> list[Held]:
    found = []
    while (one := slots.begin(now)) is not None:
        found.append(one[0])
    return found


def filled(in_flight: int, per_webhook: int, **counts: int) -> Slots:
    slots = Slots(in_flight, per_webhook)
    for name, count in counts.items():
        slots.add(claims(name, count), {name: webhook(name)}, until=100)
    return slots


def test_the_endpoints_take_turns_up_to_their_limits() -> None:
    slots = filled(6, 4, a=20, b=1, c=20)
    order = [held.claim.webhook_id for held in begun(slots)]
    assert order == ["a", "b", "c", "a", "c", "a"]
    assert (slots.in_flight, slots.begin(0)) == (6, None)
    assert Counter(held.claim.webhook_id for held in begun(filled(100, 4, a=20, b=1))) == {"a": 4, "b": 1}


def test_a_place_that_is_free_goes_to_whoever_is_next() -> None:
    slots = filled(2, 2, a=3, b=2)
    first, second = begun(slots)
    slots.end(first, went_well=True)
    (third,) = begun(slots)
    assert [first.claim.id, second.claim.id, third.claim.id] == ["a0", "b0", "a1"]


def test_while_everything_is_held_all_places_are_taken() -> None:
    """However many endpoints hang: what waits for theirs never keeps others from being claimed for a free place."""
    slots = Slots(16, 4)
    held = 0
    for name in "abcdefgh":
        count = min(slots.room, slots.room_of_one)
        slots.add(claims(name, count), {name: webhook(name)}, until=100)
        held += count
        begun(slots)
        if slots.room == 0:
            break
    assert (held, slots.in_flight) == (AHEAD * 16, 16)


def test_an_endpoint_that_struggles_has_fewer_places_and_earns_them_back() -> None:
    slots = filled(64, 32, a=300)
    for held in begun(slots):
        slots.end(held, went_well=False)
    lowest = 32 // LOWEST_SHARE
    assert slots.rooms() == {"a": AHEAD * lowest}
    sizes = []
    for _ in range(6):  # each round as many again as did well: it doubles
        started = begun(slots)
        sizes.append(len(started))
        for held in started:
            slots.end(held, went_well=True)
    assert sizes == [2, 4, 8, 16, 32, 32]
    assert slots.rooms() == {}


def test_what_says_nothing_of_the_endpoint_changes_nothing() -> None:
    slots = filled(8, 8, a=8)
    for held in begun(slots):
        slots.end(held, went_well=None)
    assert (slots.rooms(), len(slots), slots.in_flight) == ({}, 0, 0)


def test_one_that_was_failing_before_we_began_is_ramped_up() -> None:
    slots = Slots(64, 32)
    slots.add(claims("a", 50), {"a": webhook("a", failing=True)}, until=100)
    assert len(begun(slots)) == 32 // LOWEST_SHARE


def test_what_would_outlast_its_lease_is_not_begun() -> None:
    slots = filled(1, 1, a=2)
    (first,) = begun(slots, now=99.9)
    slots.end(first, went_well=True)
    assert begun(slots, now=100.0) == []
    assert len(slots) == 0


def test_a_renewed_lease_lasts_and_a_lost_one_is_dropped() -> None:
    slots = filled(1, 1, a=3)
    (first,) = begun(slots)
    asked = slots.to_renew(before=100)
    assert len(asked) == 3
    assert slots.to_renew(before=99) == []
    slots.renewed(asked, {"a1"}, until=200)
    assert len(slots) == 2  # the one in flight goes on, fenced if need be; a2 is gone
    slots.end(first, went_well=True)
    (second,) = begun(slots, now=150)
    assert second.claim.id == "a1"


def test_what_we_lease_from_ourselves_is_held_by_its_new_fence_and_begun_once() -> None:
    slots = filled(2, 2, a=2)
    begun(slots)
    slots.add(claims("a", 2, fence=2), {"a": webhook("a")}, until=300)
    assert begun(slots) == []
    assert [claim.fence for claim in slots.to_renew(before=300)] == [2, 2]


def test_what_waits_for_a_paused_webhook_is_dropped_to_be_given_back() -> None:
    slots = filled(1, 1, a=2, b=2, c=2)
    begun(slots)
    dropped = slots.refresh({"a": webhook("a", is_active=False), "b": webhook("b"), "c": None, "other": None})
    assert sorted(claim.id for claim in dropped) == ["a1", "c0", "c1"]
    assert slots.held_by_webhook() == {"a": 1, "b": 2}
    assert sorted(claim.id for claim in slots.drop_waiting()) == ["b0", "b1"]
    assert len(slots) == 1


def test_a_name_that_was_found_slowly_once_holds_nobody_back_afterwards() -> None:
    slots = filled(10, 4, a=20)
    held, _ = slots.begin(0) or (None, None)
    assert held is not None
    slots.set_aside(held, 0)
    assert len(slots.is_slow(held)) == 19
    assert slots.rooms() == {"a": 1}
    slots.bring_back(held, is_slow=True, failed=None)
    assert slots.rooms() == {}
