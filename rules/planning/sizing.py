"""How large a buffer a chain needs: three published methods, by name.

Each takes the chain's tasks as pairs of estimates in working days, the aggressive one that is planned and the safe one
that people would have promised, and returns working days. The safety removed from a task is the difference.
"""

from collections.abc import Callable, Sequence
from math import sqrt

Estimates = Sequence[tuple[float, float]]
"""(aggressive, safe) working days of each task of a chain."""


def half_chain(chain: Estimates) -> float:
    """Half the length of the chain: Goldratt, Critical Chain (1997); the usual default in Leach (2014)."""
    return sum(aggressive for aggressive, _ in chain) / 2


def cut_and_paste(chain: Estimates) -> float:
    """Half the safety removed from the chain's tasks: Goldratt's cut and paste, as in Herroelen and Leus, On the merits
    and pitfalls of critical chain scheduling, Journal of Operations Management 19 (2001)."""
    return sum(safe - aggressive for aggressive, safe in chain) / 2


def root_sum_of_squares(chain: Estimates) -> float:
    """The root of the sum of the squared safeties: two standard deviations of independent tasks, each taken as half its
    safety (Newbold, Project Management in the Fast Lane, 1998)."""
    return sqrt(sum((safe - aggressive) ** 2 for aggressive, safe in chain))


METHODS: dict[str, Callable[[Estimates], float]] = {
    "half-chain": half_chain,
    "cut-and-paste": cut_and_paste,
    "rsem": root_sum_of_squares,
}
