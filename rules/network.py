"""The task network compiled once per baseline: positions, a topological order, links by task."""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from chainbell.rules.errors import NetworkError
from chainbell.rules.ids import HostId
from chainbell.rules.model import Edge, Link, LinkType, Network, Task


def holds_finish(kind: LinkType) -> bool:
    """Whether a link of this type makes its successor wait for the predecessor's finish (SS and SF: for its start)."""
    return kind is LinkType.FS or kind is LinkType.FF


def compile_network(tasks: Sequence[Task], links: Sequence[Link]) -> Network:
    """The network of these tasks, in time linear in tasks plus links (times the logarithm of the ready set).

    Raises NetworkError for two tasks with one id, a link to an unknown task, or a cycle, whose tasks it names.
    """
    positions = {task.id: position for position, task in enumerate(tasks)}
    if len(positions) < len(tasks):
        _refuse_twins(tasks)
    before: list[list[Edge]] = [[] for _ in tasks]
    after: list[list[Edge]] = [[] for _ in tasks]
    in_order = True
    for number, (predecessor, successor, kind, lag, _) in enumerate(links):
        try:
            first, second = positions[predecessor], positions[successor]
        except KeyError:
            end, task_id = ("from", predecessor) if predecessor not in positions else ("to", successor)
            raise NetworkError(f"links[{number}].{end}", f"there is no task {task_id!r}") from None
        before[second].append((first, kind, lag))
        after[first].append((second, kind, lag))
        in_order = in_order and first < second
    order = list(range(len(tasks))) if in_order else _topological(before, after)
    if len(order) < len(tasks):
        cycle = _find_cycle(before, set(range(len(tasks))).difference(order))
        names = " -> ".join(repr(tasks[position].id) for position in cycle)
        raise NetworkError("links", f"the tasks form a cycle: {names}")
    return Network(
        tuple(links),
        positions,
        tuple(order),
        tuple(tuple(edges) for edges in before),
        tuple(tuple(edges) for edges in after),
        tuple(
            [position for position, edges in enumerate(after) if not any(holds_finish(kind) for _, kind, _ in edges)]
        ),
    )


def _refuse_twins(tasks: Sequence[Task]) -> None:
    seen: set[HostId] = set()
    for position, task in enumerate(tasks):
        if task.id in seen:
            raise NetworkError(f"tasks[{position}].id", f"two tasks have the id {task.id!r}")
        seen.add(task.id)


def _topological(before: list[list[Edge]], after: list[list[Edge]]) -> list[int]:
    """Kahn's order, the earliest in the plan first; tasks of a cycle and behind one are left out."""
    waiting = [len(edges) for edges in before]
    ready = [position for position, count in enumerate(waiting) if count == 0]
    heapify(ready)
    order: list[int] = []
    while ready:
        position = heappop(ready)
        order.append(position)
        for successor, _, _ in after[position]:
            waiting[successor] -= 1
            if waiting[successor] == 0:
                heappush(ready, successor)
    return order


def _find_cycle(before: list[list[Edge]], stuck: set[int]) -> list[int]:
    """Walks back from a task that never became ready through others like it, until one is met again."""
    position = min(stuck)
    trail: list[int] = []
    while position not in trail:
        trail.append(position)
        position = next(p for p, _, _ in before[position] if p in stuck)
    cycle = trail[trail.index(position) :]
    return [position, *reversed(cycle)]
