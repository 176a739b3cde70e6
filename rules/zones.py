"""Green, yellow, red: one zone function for every caller.

The static thresholds are the field's customary thirds adapted by the specification; the fever-chart policy lets both
thresholds rise with chain completion (ProChain's fever chart, default points 10 + 0.6x and 30 + 0.6x).
"""

from dataclasses import dataclass
from enum import StrEnum

from chainbell.rules.errors import ZonePolicyError

NOISE = 1e-9
"""Percentage points below which a value equals its threshold: the noise of floating-point sums."""


class Zone(StrEnum):
    """What buffer consumption asks for: green nothing, yellow a plan, red action."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True, slots=True)
class ZonePolicy:
    """Where the zones lie, in percent of buffer consumed.

    With policy `static` the thresholds are constant: yellow from `yellow`, red strictly above `red`. With policy
    `fever` both are straight lines over chain completion x (0..100), yellow and red at or above their line, given by
    their values at x = 0 and x = 100. Task zones are static under both. `margin` is how far below a threshold
    consumption must fall before an alarm is armed again, in percentage points; one working day of the buffer where that
    is more; with 0 the threshold alone decides. Raises ZonePolicyError for thresholds out of order or out of range.
    """

    policy: str = "static"
    yellow: float = 50.0
    red: float = 70.0
    task_yellow: float = 50.0
    task_red: float = 90.0
    margin: float = 5.0
    fever_yellow: tuple[float, float] = (10.0, 70.0)
    fever_red: tuple[float, float] = (30.0, 90.0)

    def __post_init__(self) -> None:
        if self.policy not in ("static", "fever"):
            raise ZonePolicyError("zones.policy", f"{self.policy!r} is neither 'static' nor 'fever'")
        pairs = [(self.yellow, self.red), (self.task_yellow, self.task_red)]
        pairs += list(zip(self.fever_yellow, self.fever_red, strict=True))
        for yellow, red in pairs:
            if not 0 <= yellow < red <= 1000:
                raise ZonePolicyError(
                    "zones", f"yellow must lie below red, both within 0..1000; got {yellow:g} and {red:g}"
                )
        if not 0 <= self.margin <= 1000:
            raise ZonePolicyError("zones.margin", f"{self.margin:g} is not within 0 and 1000")

    def check_margin(self) -> None:
        """Raises ZonePolicyError for a margin that is larger than the thresholds it is subtracted from.

        Only new plans are checked: a policy that was kept before this check existed stays readable, and its alarms are
        armed again when nothing is consumed.
        """
        line, highest = ("project's yellow threshold", self.yellow)
        if self.policy == "fever":
            line, highest = ("fever chart's highest yellow", max(self.fever_yellow))
        if self.margin > highest:
            raise ZonePolicyError("zones.margin", f"must be at most {highest:g}, the {line}; it is {self.margin:g}")
        if self.margin > self.task_red:
            raise ZonePolicyError(
                "zones.margin", f"must be at most {self.task_red:g}, the tasks' red threshold; it is {self.margin:g}"
            )

    def project_thresholds(self, completion: float) -> tuple[float, float]:
        """The yellow and red thresholds for a project at this chain completion (percent, clamped to 0..100)."""
        if self.policy == "static":
            return self.yellow, self.red
        x = min(100.0, max(0.0, completion)) / 100.0
        (y0, y1), (r0, r1) = self.fever_yellow, self.fever_red
        return y0 + (y1 - y0) * x, r0 + (r1 - r0) * x

    def project_zone(self, consumption: float, completion: float) -> Zone:
        """The zone of a project by buffer consumption and chain completion, both in percent."""
        yellow, red = self.project_thresholds(completion)
        if self.policy == "fever":
            red -= 2 * NOISE  # a point on the red line is red, on the static threshold it is yellow still
        return zone(consumption, yellow, red)

    def task_zone(self, consumption: float) -> Zone:
        """The zone of a task that takes this percent of a buffer."""
        return zone(consumption, self.task_yellow, self.task_red)

    def is_recovered(self, consumption: float, threshold: float, size: float) -> bool:
        """Whether an alarm at this threshold of a buffer of `size` working days is armed again: consumption has fallen
        below the threshold less the margin, or nothing is consumed any more."""
        if consumption <= NOISE:
            return True
        margin = self.margin
        if margin > 0:
            margin = max(margin, 100.0 / size) if size > 0 else float("inf")
        return consumption < threshold - margin - NOISE


STATIC = ZonePolicy()


def zone(consumption: float, yellow: float, red: float) -> Zone:
    """Green below `yellow`, red strictly above `red`, yellow between; all in percent. Nothing consumed is green."""
    if consumption <= NOISE:
        return Zone.GREEN
    if consumption > red + NOISE:
        return Zone.RED
    return Zone.YELLOW if consumption >= yellow - NOISE else Zone.GREEN
