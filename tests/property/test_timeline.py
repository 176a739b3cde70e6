"""A resource's timeline in blocks finds what a plain list of what was taken finds."""

from hypothesis import given, settings
from hypothesis import strategies as st

from chainbell.rules.planning.timeline import NOISE, SIZE, Timeline

HALVES = st.integers(0, 120).map(lambda halves: halves / 2)
WORK = st.tuples(HALVES, st.integers(1, 12).map(lambda halves: halves / 2), st.integers(1, 5).map(float))
CAPACITY = 5.0


def first_fit(taken: list[tuple[float, float, float]], begin: float, duration: float, units: float) -> float:
    """The earliest of the starts that can be: `begin`, and wherever something that was taken ends."""
    for start in sorted({begin, *(end for _, end, _ in taken if end > begin)}):
        edges = [start, *(at for one in taken for at in one[:2] if start < at < start + duration)]
        used = [sum(u for b, e, u in taken if b <= at < e) for at in edges]
        if max(used) + units <= CAPACITY + NOISE:
            return start
    raise AssertionError("behind all work everything is free")


@settings(max_examples=60)
@given(st.lists(WORK, min_size=1, max_size=40))
def test_each_piece_of_work_begins_where_a_plain_list_says(work: list[tuple[float, float, float]]) -> None:
    timeline = Timeline(CAPACITY)
    taken: list[tuple[float, float, float]] = []
    for begin, duration, units in work:
        found = timeline.first_fit(begin, duration, units)
        assert found == first_fit(taken, begin, duration, units)
        timeline.take(found, found + duration, units)
        taken.append((found, found + duration, units))


@settings(max_examples=3)
@given(st.lists(WORK, min_size=8 * SIZE, max_size=8 * SIZE))
def test_so_it_does_over_many_blocks(work: list[tuple[float, float, float]]) -> None:
    timeline = Timeline(CAPACITY)
    taken: list[tuple[float, float, float]] = []
    for begin, duration, units in work:
        found = timeline.first_fit(begin, duration, units)
        timeline.take(found, found + duration, units)
        taken.append((found, found + duration, units))
    for begin, duration, units in work[: 2 * SIZE]:
        assert timeline.first_fit(begin, duration, units) == first_fit(taken, begin, duration, units)
