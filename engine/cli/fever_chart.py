"""The fever chart in the terminal: chain completion across, buffer consumption up, the trail numbered in order."""

from collections.abc import Sequence
from math import ceil, floor

from rich.text import Text

from chainbell.rules import FeverPoint, ZonePolicy

WIDTH = 60
MOST_ROWS, MOST_MARKS = 16, 12
"""A longer trail is thinned evenly; its first and last points are always shown."""
_COLOURS = {"green": "on dark_green", "yellow": "on dark_goldenrod", "red": "on dark_red"}
_SHADES = {"green": " ", "yellow": "·", "red": "░"}
_MARKS = "123456789abc"


def fever_chart(trail: Sequence[FeverPoint], zones: ZonePolicy) -> Text:
    """The trail over the policy's zones, with the date (UTC) of each mark; the scale reaches at least 110 %."""
    points = _thinned(trail)
    levels = _levels([point.consumption for point in points])
    marks: dict[tuple[int, int], str] = {}
    for point, mark in zip(points, _MARKS, strict=False):
        column = min(WIDTH - 1, max(0, round(point.completion / 100 * (WIDTH - 1))))
        row = round((levels[0] - point.consumption) / (levels[0] - levels[1]))
        marks[(row, column)] = mark
    chart = Text("  buffer consumed\n")
    for row, level in enumerate(levels):
        chart.append(f"{level:6} % ┤")
        for column in range(WIDTH):
            zone = zones.project_zone(level, 100 * column / (WIDTH - 1))
            style = _COLOURS[zone] + (" bold white" if (row, column) in marks else " dim")
            chart.append(marks.get((row, column), _SHADES[zone]), style=style)
        chart.append("\n")
    chart.append("         └" + "─" * WIDTH + "\n")
    chart.append("          0 %" + "critical chain done".center(WIDTH - 9) + "100 %\n")
    chart.append("          zones: green (blank), yellow (·), red (░)\n")
    dated = [f"{mark}: {point.at:%Y-%m-%d}" for point, mark in zip(points, _MARKS, strict=False)]
    for start in range(0, len(dated), 4):
        chart.append("          " + "  ".join(dated[start : start + 4]) + "\n")
    return chart


def _thinned(trail: Sequence[FeverPoint]) -> list[FeverPoint]:
    if len(trail) <= MOST_MARKS:
        return list(trail)
    return [trail[round(number * (len(trail) - 1) / (MOST_MARKS - 1))] for number in range(MOST_MARKS)]


def _levels(consumptions: Sequence[float]) -> list[int]:
    """The consumption of each row, from the top, in equal steps of 10, 20, 50, 100 ... percent."""
    top, bottom = max([110.0, *consumptions]), min([0.0, *consumptions])
    step, factors = 10, (2, 2.5, 2)
    turn = 0
    while ceil(top / step) - floor(bottom / step) >= MOST_ROWS:
        step = round(step * factors[turn % 3])
        turn += 1
    return [number * step for number in range(ceil(top / step), floor(bottom / step) - 1, -1)]
