"""The fever chart in the terminal: chain completion across, buffer consumption up, the trail numbered in time."""

from collections.abc import Sequence

from rich.text import Text

from chainbell.engine.reading.report import FeverPoint
from chainbell.rules import ZonePolicy

WIDTH, HEIGHT = 60, 14
_COLOURS = {"green": "on dark_green", "yellow": "on dark_goldenrod", "red": "on dark_red"}
_SHADES = {"green": " ", "yellow": "·", "red": "░"}
_MARKS = "123456789abcdefghijklmnopqrstuvwxyz"


def fever_chart(trail: Sequence[FeverPoint], zones: ZonePolicy) -> Text:
    """The last points of a trail over the policy's zones; the scale reaches at least 110 % of the buffer."""
    points = list(trail)[-len(_MARKS) :]
    top = max([110.0, *(point.consumption for point in points)])
    bottom = min([0.0, *(point.consumption for point in points)])
    marks: dict[tuple[int, int], str] = {}
    for point, mark in zip(points, _MARKS, strict=False):
        column = min(WIDTH - 1, max(0, round(point.completion / 100 * (WIDTH - 1))))
        row = round((top - point.consumption) / (top - bottom) * (HEIGHT - 1))
        marks[(row, column)] = mark
    chart = Text("  buffer consumed\n")
    for row in range(HEIGHT):
        level = top - (top - bottom) * row / (HEIGHT - 1)
        chart.append(f"{level:6.0f} % ┤")
        for column in range(WIDTH):
            zone = zones.project_zone(level, 100 * column / (WIDTH - 1))
            style = _COLOURS[zone] + (" bold white" if (row, column) in marks else " dim")
            chart.append(marks.get((row, column), _SHADES[zone]), style=style)
        chart.append("\n")
    chart.append("         └" + "─" * WIDTH + "\n")
    chart.append("          0 %" + "critical chain done".center(WIDTH - 9) + "100 %\n")
    chart.append("          zones: green (blank), yellow (·), red (░); marks 1, 2, 3 ... in order of time\n")
    return chart
