"""The links that hold a levelled schedule: from each task that frees units of a resource to the one that takes them."""

from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush

from chainbell.rules.ids import HostId, id_order
from chainbell.rules.model import Link, LinkType, Network, Task
from chainbell.rules.planning.timeline import NOISE

PLACES = 6
"""Decimals of a working day that order instants; the noise of summing floats decides nothing."""
Demand = Mapping[HostId, float]
"""Units wanted of each resource for as long as the task lasts."""


def resource_links(
    tasks: Sequence[Task],
    network: Network,
    demands: Sequence[Demand],
    capacities: Demand,
    start: Sequence[float],
    finish: Sequence[float],
) -> tuple[Link, ...]:
    """Follows the units: a task takes them from tasks that it follows anyway, else from those that freed them first.

    All arguments but `capacities` are by task position, starts and finishes in coordinates.
    """
    behind = _finish_to_start_ancestors(network)
    order = [id_order(task.id) for task in tasks]
    holders = {resource: _Holders(capacity, order) for resource, capacity in capacities.items()}
    links: dict[tuple[int, int], Link] = {}
    for position in sorted(
        range(len(tasks)), key=lambda p: (round(start[p], PLACES), round(finish[p], PLACES), order[p])
    ):
        if tasks[position].duration <= 0:
            continue
        for resource, units in demands[position].items():
            for holder in holders[resource].take(units, start[position], behind[position]):
                links.setdefault(
                    (holder, position), Link(tasks[holder].id, tasks[position].id, LinkType.FS, 0.0, resource)
                )
            holders[resource].hold(position, units, finish[position])
    return tuple(links.values())


def _finish_to_start_ancestors(network: Network) -> list[int]:
    """By position, a bit set of the tasks that are over before this one starts, by precedence alone."""
    behind = [0] * len(network.order)
    for position in network.order:
        for other, kind, lag in network.predecessors[position]:
            if kind is LinkType.FS and lag >= 0:
                behind[position] |= behind[other] | (1 << other)
    return behind


class _Holders:
    """Who holds the units of one resource: nobody yet, tasks at work, and tasks that are over and may hand them on.

    Taking costs a logarithm of the number of holders, beside those that are taken from.
    """

    def __init__(self, capacity: float, order: Sequence[tuple[bool, int, str]]) -> None:
        self._unowned = capacity
        self._order = order
        self._busy: list[tuple[float, int, float]] = []
        self._over: list[tuple[float, tuple[bool, int, str], int]] = []
        self._until: dict[int, float] = {}
        self._left: dict[int, float] = {}
        self._over_bits = 0

    def hold(self, position: int, units: float, until: float) -> None:
        """The task holds these units until it finishes."""
        if units > NOISE:
            heappush(self._busy, (until, position, units))

    def take(self, units: float, at: float, behind: int) -> Iterable[int]:
        """Takes units at an instant; returns the positions of the tasks that hand some on and are not `behind`."""
        while self._busy and self._busy[0][0] <= at + NOISE:
            until, position, amount = heappop(self._busy)
            self._until[position] = round(until, PLACES)
            heappush(self._over, (*self._freed(position), position))
            self._left[position] = amount
            self._over_bits |= 1 << position
        wanted = units - self._take_unowned(units)
        if wanted > NOISE:
            for position in sorted(_positions(self._over_bits & behind), key=self._freed):
                wanted -= self._take_from(position, wanted)
                if wanted <= NOISE:
                    break
        given: list[int] = []
        while wanted > NOISE and self._over:
            position = self._over[0][2]
            if position in self._left:
                wanted -= self._take_from(position, wanted)
                given.append(position)
            if position not in self._left:
                heappop(self._over)
        return given

    def _take_unowned(self, wanted: float) -> float:
        taken = min(self._unowned, wanted)
        self._unowned -= taken
        return taken

    def _take_from(self, position: int, wanted: float) -> float:
        amount = self._left.pop(position)
        taken = min(amount, wanted)
        if amount - taken > NOISE:
            self._left[position] = amount - taken
        else:
            self._over_bits ^= 1 << position
        return taken

    def _freed(self, position: int) -> tuple[float, tuple[bool, int, str]]:
        return self._until[position], self._order[position]


def _positions(bits: int) -> Iterable[int]:
    """The positions of the bits that are set."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
