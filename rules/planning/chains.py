"""Which tasks form the critical chain and which feed it, read off a schedule and the links that hold it together.

The critical chain is the longest path through precedence and resource links alike (Goldratt, Critical Chain, 1997):
from the last finish backwards through links that leave no gap and, where a date opens one, across it to the predecessor
that finished last. Everything else feeds it: each feeding chain runs backwards from a task whose successors are all on
chains already, each time to the predecessor that leaves the least room.
"""

from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import pairwise

from chainbell.rules.forecast import start_bound
from chainbell.rules.ids import HostId, id_order
from chainbell.rules.model import Chain, ChainKind, Network, Task

NOISE = 1e-6
"""Working days below which a gap is none: the noise of summing floats."""
PLACES = 6
"""Decimals of a working day that order instants."""

CRITICAL = "critical"


def find_chains(
    tasks: Sequence[Task], network: Network, start: Sequence[float], finish: Sequence[float]
) -> tuple[Chain, ...]:
    """The critical chain and the feeding chains `feeding-1`, `feeding-2` ... of a schedule (coordinates by position).

    Every task is on exactly one chain. Ties are broken by the longer task, then by id, so the order in which a plan
    lists its tasks changes nothing.
    """
    critical = _critical_chain(tasks, network, start, finish)
    chains = [Chain(CRITICAL, ChainKind.CRITICAL, tuple(tasks[position].id for position in critical))]
    on_critical, placed = set(critical), set(critical)
    unplaced = [len({after for after, _, _ in edges}) for edges in network.successors]
    ends: list[tuple[bool, float, tuple[bool, int, str], int]] = []

    def place(path: list[int]) -> None:
        """A task whose successors are all on chains can end one; those next to the critical chain come first."""
        for position in path:
            for other in {edge[0] for edge in network.predecessors[position]}:
                unplaced[other] -= 1
        for other in {edge[0] for position in path for edge in network.predecessors[position]} - placed:
            if unplaced[other] == 0:
                heappush(ends, end_key(other))

    def end_key(position: int) -> tuple[bool, float, tuple[bool, int, str], int]:
        joins_critical = any(after in on_critical for after, _, _ in network.successors[position])
        return not joins_critical, -round(finish[position], PLACES), id_order(tasks[position].id), position

    place(critical)
    for position in range(len(tasks)):
        if not network.successors[position] and position not in placed:
            heappush(ends, end_key(position))
    while ends:
        end = heappop(ends)[-1]
        if end in placed:
            continue
        path = _feeding_path(tasks, network, end, placed, start, finish)
        joins = _tightest_successor(tasks, network, end, start, finish)
        placed.update(path)
        place(path)
        members = tuple(tasks[position].id for position in path)
        name = f"feeding-{len(chains)}"
        chains.append(Chain(name, ChainKind.FEEDING, members, None if joins is None else tasks[joins].id))
    return tuple(chains)


def _critical_chain(
    tasks: Sequence[Task], network: Network, start: Sequence[float], finish: Sequence[float]
) -> list[int]:
    """Walks back from the last finish through binding links, preferring the longer predecessor.

    Of several tasks that finish last, the chain ends in one that nothing follows, so a finish milestone is on it.
    """

    def preferred(position: int) -> tuple[float, tuple[bool, int, str]]:
        return -tasks[position].duration, id_order(tasks[position].id)

    end = max(finish)
    last = [position for position in range(len(tasks)) if finish[position] >= end - NOISE]
    position = min(last, key=lambda p: (bool(network.successors[p]), *preferred(p)))
    path = [position]
    while network.predecessors[position]:
        duration = finish[position] - start[position]
        edges = network.predecessors[position]
        binding = [edge[0] for edge in edges if start_bound(edge, duration, start, finish) >= start[position] - NOISE]
        held_until = tasks[position].not_before
        if not binding and (held_until is None or held_until < start[position] - NOISE):
            break  # nothing holds the task but the project's own start
        if not binding:
            latest = max(finish[edge[0]] for edge in edges)
            binding = [edge[0] for edge in edges if finish[edge[0]] >= latest - NOISE]
        position = min(binding, key=preferred)
        path.append(position)
    return path[::-1]


def gaps(
    chain: Chain, tasks: Sequence[Task], network: Network, start: Sequence[float], finish: Sequence[float]
) -> list[tuple[HostId, HostId, float]]:
    """Where a date holds a chain open: a task, the next one, and the working days between them."""
    found = []
    for before, after in pairwise(chain.tasks):
        position = network.positions[after]
        duration = finish[position] - start[position]
        bound = max(start_bound(edge, duration, start, finish) for edge in network.predecessors[position])
        if bound < start[position] - NOISE:
            found.append((before, after, start[position] - bound))
    return found


def _feeding_path(
    tasks: Sequence[Task],
    network: Network,
    end: int,
    placed: set[int],
    start: Sequence[float],
    finish: Sequence[float],
) -> list[int]:
    """Walks back from the chain's end, each time to the most binding of the predecessors that are on no chain yet."""
    path = [end]
    while True:
        position = path[-1]
        duration = finish[position] - start[position]
        bounds = [
            (-round(start_bound(edge, duration, start, finish), PLACES), id_order(tasks[edge[0]].id), edge[0])
            for edge in network.predecessors[position]
            if edge[0] not in placed
        ]
        if not bounds:
            return path[::-1]
        path.append(min(bounds)[-1])


def _tightest_successor(
    tasks: Sequence[Task], network: Network, position: int, start: Sequence[float], finish: Sequence[float]
) -> int | None:
    """The successor that moves first when this task slips; None at an end of the network."""
    rooms = [
        (
            round(
                start[after] - start_bound((position, kind, lag), finish[after] - start[after], start, finish), PLACES
            ),
            id_order(tasks[after].id),
            after,
        )
        for after, kind, lag in network.successors[position]
    ]
    return min(rooms)[-1] if rooms else None
