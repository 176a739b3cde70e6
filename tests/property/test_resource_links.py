"""Who hands units on to whom, beside a plain reading of the rule that looks at every holder for every task."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from chainbell.rules import Link, LinkType, Task
from chainbell.rules.ids import id_order
from chainbell.rules.network import compile_network
from chainbell.rules.planning.levelling import level

NOISE = 1e-9


@given(st.randoms(use_true_random=False))
def test_units_come_from_what_a_task_follows_then_from_who_freed_them_first(rng: Random) -> None:
    tasks = [_task(rng, number) for number in range(rng.randint(1, 30))]
    links = tuple(
        Link(rng.choice(tasks[:number]).id, tasks[number].id, LinkType.FS, rng.choice([0.0, 0.0, 1.0]))
        for number in range(1, len(tasks))
        if rng.random() < 0.5
    )
    capacity = rng.choice([1.0, 3.0, 7.5])
    wanted = [min(capacity, rng.choice([0.0, 0.5, 1.0, 2.0])) for _ in tasks]
    network = compile_network(tasks, links)
    levelled = level(tasks, network, [{"crew": units} for units in wanted], {"crew": capacity})

    expected = plainly(tasks, links, wanted, capacity, levelled.start, levelled.finish)
    assert [(link.predecessor, link.successor) for link in levelled.links] == expected


def _task(rng: Random, number: int) -> Task:
    task_id = number if rng.random() < 0.7 else f"t{number}"
    return Task(task_id, "", rng.choice([0.0, 0.5, 1.0, 2.0, 3.0]), 0.0, 0.0)


def plainly(
    tasks: list[Task],
    links: tuple[Link, ...],
    wanted: list[float],
    capacity: float,
    start: tuple[float, ...],
    finish: tuple[float, ...],
) -> list[tuple[object, object]]:
    """Pairs of ids, in the order of the starts of those that take over."""
    position = {task.id: n for n, task in enumerate(tasks)}
    behind: list[set[int]] = [set() for _ in tasks]
    for n in range(len(tasks)):  # links only lead to later tasks
        for link in links:
            if position[link.successor] == n:
                behind[n] |= behind[position[link.predecessor]] | {position[link.predecessor]}
    left = {-1: capacity}
    taken_over: list[tuple[object, object]] = []
    for n in sorted(range(len(tasks)), key=lambda n: (start[n], finish[n], id_order(tasks[n].id))):
        if tasks[n].duration == 0 or wanted[n] <= NOISE:
            continue
        free = [m for m in left if m < 0 or finish[m] <= start[n] + NOISE]
        nobody = (False, 0, "")
        free.sort(
            key=lambda m: (
                (m >= 0 and m not in behind[n], finish[m] if m >= 0 else 0.0)
                + ((id_order(tasks[m].id),) if m >= 0 else (nobody,))
            )
        )
        want = wanted[n]
        for m in free:
            units = min(left[m], want)
            if units > NOISE:
                want -= units
                left[m] -= units
                if m >= 0 and m not in behind[n]:
                    taken_over.append((tasks[m].id, tasks[n].id))
        left[n] = wanted[n]
        left = {m: units for m, units in left.items() if units > NOISE}
    return taken_over
