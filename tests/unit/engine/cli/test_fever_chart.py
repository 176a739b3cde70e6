"""The fever chart in the terminal: what its axes and marks say."""

from datetime import timedelta
from itertools import pairwise

import pytest

from chainbell.engine.cli.fever_chart import fever_chart
from chainbell.rules import FeverPoint, Zone, ZonePolicy
from tests.plans import MONDAY


def points(*consumptions: float) -> list[FeverPoint]:
    return [
        FeverPoint(
            at=MONDAY + timedelta(days=number),
            recorded_at=None,
            baseline=1,
            completion=number,
            consumption=consumption,
            zone=Zone.GREEN,
        )
        for number, consumption in enumerate(consumptions)
    ]


@pytest.mark.parametrize("consumptions", [(0.0,), (0, 40, 120), (-35, 12), (0, 2500), (-900, 900)])
def test_the_levels_are_multiples_of_ten_that_hold_every_point(consumptions: tuple[float, ...]) -> None:
    rows = [row for row in fever_chart(points(*consumptions), ZonePolicy()).plain.splitlines() if "┤" in row]
    levels = [int(row.split("%")[0]) for row in rows]
    assert len(levels) <= 17
    assert [level % 10 for level in levels] == [0] * len(levels)
    assert levels[0] >= max(110, *consumptions)
    assert levels[-1] <= min(0, *consumptions)
    assert len({above - below for above, below in pairwise(levels)}) == 1


def test_a_long_trail_is_thinned_out_and_each_mark_is_dated() -> None:
    chart = fever_chart(points(*range(100)), ZonePolicy()).plain
    assert "1: 2025-03-03" in chart
    assert "c: 2025-06-10" in chart, "the last point is shown"
    assert chart.count(": 2025-") == 12
    assert max(map(len, chart.splitlines())) <= 80
