"""Levelling: a schedule in which no resource is overloaded, and the links that say which task waits for which.

A serial schedule-generation scheme (Kelley 1963; Kolisch, European Journal of Operational Research 90, 1996): tasks are
taken one by one, once all their predecessors are scheduled, the most urgent by a priority rule first, and each starts
as early as its links and its resources allow. The units of a resource are then followed from task to task (a resource
flow, Artigues et al. 2003): where a task takes over units from one that it does not follow anyway, the two contend, and
a resource link joins them. The longest path through both kinds of links then reproduces the schedule, without gaps.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from chainbell.rules.errors import LevellingError, NetworkError
from chainbell.rules.forecast import earliest_start
from chainbell.rules.ids import HostId, id_order
from chainbell.rules.model import Link, LinkType, Network, Task
from chainbell.rules.network import compile_network
from chainbell.rules.planning.resource_links import Demand, resource_links
from chainbell.rules.planning.schedule import Schedule, release, schedule
from chainbell.rules.planning.timeline import NOISE, Timeline


@dataclass(frozen=True, slots=True)
class Levelled:
    """Start and finish by task position (coordinates), and the resource links that hold them apart."""

    start: tuple[float, ...]
    finish: tuple[float, ...]
    links: tuple[Link, ...]


Priority = Callable[[Schedule, int], float]
PRIORITIES: dict[str, Priority] = {
    "latest-finish": lambda dates, position: dates.late_finish[position],
    "latest-start": lambda dates, position: dates.late_start[position],
    "least-slack": lambda dates, position: dates.late_finish[position] - dates.finish[position],
}
"""Which of several tasks that could be scheduled goes first: the one with the smallest figure, then the longer one,
then by id. Figures are coordinates, and working days for `least-slack`."""


def level(
    tasks: Sequence[Task],
    network: Network,
    demands: Sequence[Demand],
    capacities: Demand,
    *,
    releases: Mapping[HostId, float] | None = None,
    priority: str = "latest-finish",
    ranks: Sequence[float] | None = None,
) -> Levelled:
    """A schedule within all capacities, with the resource links that hold it.

    `demands` are by task position; `releases` are coordinates before which a task without predecessors does not start;
    `priority` is a key of `PRIORITIES`, and `ranks` by task position replace it. Raises LevellingError for a demand on
    an unknown resource or above its capacity.
    """
    _check(tasks, demands, capacities)
    if ranks is None:
        dates, rule = schedule(tasks, network, releases), PRIORITIES[priority]
        ranks = [rule(dates, position) for position in range(len(tasks))]
    held: tuple[Link, ...] = ()
    while True:
        start, finish = _serial_schedule(tasks, network, demands, capacities, releases or {}, ranks)
        links = resource_links(tasks, network, demands, capacities, start, finish)
        try:
            compile_network(tasks, (*network.links, *links))
        except NetworkError:
            more = _held_back(tasks, network, demands, start)
            held = (*held, *more)
            network = compile_network(tasks, (*network.links, *more))
        else:
            return Levelled(tuple(start), tuple(finish), (*held, *links))


def _held_back(tasks: Sequence[Task], network: Network, demands: Sequence[Demand], start: list[float]) -> list[Link]:
    """A link for each task that starts before its own predecessor, as FF, SF and negative lags allow.

    Such a task may hand its resources on to the task that it follows, and the two would wait for each other. Where that
    happens, these tasks may no longer start before their predecessors.
    """
    return [
        Link(tasks[other].id, tasks[position].id, LinkType.SS, 0.0, next(iter(demands[position] or demands[other]), 0))
        for position in range(len(tasks))
        for other in {edge[0] for edge in network.predecessors[position]}
        if start[position] < start[other] - NOISE
    ]


def _serial_schedule(
    tasks: Sequence[Task],
    network: Network,
    demands: Sequence[Demand],
    capacities: Demand,
    releases: Mapping[HostId, float],
    ranks: Sequence[float],
) -> tuple[list[float], list[float]]:
    start, finish = [0.0] * len(tasks), [0.0] * len(tasks)
    timelines = {resource: Timeline(capacity) for resource, capacity in capacities.items()}
    waiting = [len(edges) for edges in network.predecessors]

    def rank(position: int) -> tuple[float, float, tuple[bool, int, str], int]:
        return ranks[position], -tasks[position].duration, id_order(tasks[position].id), position

    ready = [rank(position) for position, count in enumerate(waiting) if count == 0]
    heapify(ready)
    while ready:
        position = heappop(ready)[-1]
        task = tasks[position]
        begin = earliest_start(
            release(task, network, releases), task.duration, network.predecessors[position], start, finish
        )
        if task.duration > 0:
            wanted = [(timelines[resource], units) for resource, units in demands[position].items() if units > NOISE]
            begin = _first_fit(begin, task.duration, wanted)
            for timeline, units in wanted:
                timeline.take(begin, begin + task.duration, units)
        start[position], finish[position] = begin, begin + task.duration
        for after, _, _ in network.successors[position]:
            waiting[after] -= 1
            if waiting[after] == 0:
                heappush(ready, rank(after))
    return start, finish


def _check(tasks: Sequence[Task], demands: Sequence[Demand], capacities: Demand) -> None:
    for position, demand in enumerate(demands):
        for resource, units in demand.items():
            if resource not in capacities:
                raise LevellingError(f"tasks[{position}].resources", f"there is no resource {resource!r}")
            if units > capacities[resource] + NOISE and tasks[position].duration > 0:
                raise LevellingError(
                    f"tasks[{position}].resources",
                    f"{units:g} units of {resource!r} are wanted, its capacity is {capacities[resource]:g}",
                )


def _first_fit(begin: float, duration: float, wanted: list[tuple[Timeline, float]]) -> float:
    """The earliest start from `begin` on at which every resource has enough for the whole duration."""
    moved = True
    while moved:
        moved = False
        for timeline, units in wanted:
            later = timeline.first_fit(begin, duration, units)
            if later > begin:
                begin, moved = later, True
        moved = moved and len(wanted) > 1
    return begin
