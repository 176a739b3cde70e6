"""Forecasts and tails recomputed in a slow and obvious way, on thousands of random networks with every kind of link."""

from dataclasses import replace
from math import isnan
from random import Random

import pytest

from chainbell.rules import Link, LinkType, Measure, Project, TaskStatus, assess, compile_network
from chainbell.rules.buffers import BufferState, consumption
from chainbell.rules.forecast import forecast, has_begun
from tests.property.strategies import random_project

NETWORKS = 1500
"""Networks of each of the two sizes, for each of the two laws."""
FAR = 1000.0
"""Working days: more than any slack."""

Dates = dict[int, float]


def slow_forecast(project: Project, now: float) -> tuple[Dates, Dates]:
    """Longest paths in a graph of start and finish nodes, relaxed until nothing moves; cancelled tasks have none."""
    earliest: dict[tuple[int, str], float] = {}
    arcs: list[tuple[tuple[int, str], tuple[int, str], float]] = []
    for n, task in enumerate(project.tasks):
        start, end = (n, "start"), (n, "finish")
        if task.status == TaskStatus.CANCELLED:
            continue
        if task.is_complete:
            assert task.finished is not None
            assert task.started is not None
            earliest |= {start: task.started, end: task.finished}
        elif has_begun(task):
            assert task.counted_from is not None
            earliest |= {start: task.started or 0.0, end: max(now, task.counted_from + task.remaining_duration)}
        else:
            planned = now if project.network.predecessors[n] else max(now, task.planned_start)
            planned = planned if task.not_before is None else max(planned, task.not_before)
            earliest |= {start: planned, end: planned + task.remaining_duration}
            arcs += [(start, end, task.remaining_duration), (end, start, -task.remaining_duration)]
    ends = {"FS": ("finish", "start"), "SS": ("start", "start"), "FF": ("finish", "finish"), "SF": ("start", "finish")}
    for link in project.network.links:
        one, other = project.position(link.predecessor), project.position(link.successor)
        source, target = (one, ends[link.type][0]), (other, ends[link.type][1])
        after = project.tasks[other]
        fixed = after.is_complete or (has_begun(after) and link.type in (LinkType.FS, LinkType.SS))
        if source in earliest and target in earliest and not fixed:
            arcs.append((source, target, link.lag))
    moved = True
    while moved:
        moved = False
        for source, target, length in arcs:
            if earliest[source] + length > earliest[target] + 1e-9:
                earliest[target] = earliest[source] + length
                moved = True
    return (
        {n: at for (n, end), at in earliest.items() if end == "start"},
        {n: at for (n, end), at in earliest.items() if end == "finish"},
    )


def slow_tail(project: Project, position: int, end: int, now: float) -> float | None:
    """How far `end` finishes behind this task once this task is so late that nothing else matters: pushed, and seen.

    Work that has not begun is pushed by its start, work that has by what is left of it. None if the end does not move.
    """
    before = slow_forecast(project, now)[1]
    starts = slow_forecast(project, now)[0]
    task = project.tasks[position]
    if has_begun(task):
        late = before[position] + FAR
        pushed = task._replace(status=TaskStatus.IN_PROGRESS, remaining=late - now, counted_from=now)
    else:
        pushed = task._replace(not_before=starts[position] + FAR)
    tasks = (*project.tasks[:position], pushed, *project.tasks[position + 1 :])
    after = slow_forecast(replace(project, tasks=tasks), now)[1]
    if after[end] <= before[end] + FAR / 4:
        return None
    return after[end] - after[position]


def slow_share(project: Project, position: int, states: tuple[BufferState, ...], now: float) -> float:
    """The largest share of any buffer that the task's own finish and the path from it to that buffer take, percent."""
    finish = slow_forecast(project, now)[1][position]
    shares = [0.0]
    for number, state in enumerate(states):
        if number and state.is_done:
            continue
        for end in state.ends:
            if slow_forecast(project, now)[1][end] <= state.needed_finish:
                continue
            tail = slow_tail(project, position, end, now)
            if tail is not None:
                shares.append(consumption(finish + tail - state.needed_finish, state.buffer.size))
    return max(shares)


@pytest.mark.parametrize("largest", [6, 14])
def test_the_forecast_is_the_longest_path_from_what_is_known(largest: int) -> None:
    rng = Random(largest)
    for _ in range(NETWORKS):
        project, now = random_project(rng, largest), rng.randint(0, 40) / 4
        start, finish = slow_forecast(project, now)
        ahead = forecast(project, now)
        for n, task in enumerate(project.tasks):
            if task.status == TaskStatus.CANCELLED:
                assert isnan(ahead.finish[n])
            else:
                assert ahead.finish[n] == pytest.approx(finish[n], abs=1e-6)
                assert ahead.start[n] == pytest.approx(start[n], abs=1e-6)


@pytest.mark.parametrize("largest", [6, 14])
def test_a_task_s_consumption_is_what_pushing_it_far_would_show(largest: int) -> None:
    rng = Random(100 + largest)
    taken = 0
    for _ in range(NETWORKS):
        project, now = random_project(rng, largest), rng.randint(0, 40) / 4
        seen = assess(project, now)
        position = rng.randrange(len(project.tasks))
        if not project.tasks[position].is_unfinished:
            continue
        share = slow_share(project, position, seen.buffers, now)
        assert seen.tasks[position].percent == pytest.approx(share, abs=1e-6)
        taken += share > 0
    assert taken > NETWORKS / 10


def test_a_buffer_measured_on_the_gap_forgives_what_the_joined_task_slips_for_other_reasons() -> None:
    rng = Random(7)
    for _ in range(NETWORKS):
        project, now = random_project(rng), rng.randint(0, 40) / 4
        for state in assess(project, now).buffers[1:]:
            assert state.chain.joins is not None
            if state.buffer.measure != Measure.GAP or not state.ends:
                continue
            joined = project.position(state.chain.joins)
            members = set(state.chain.tasks)
            kept = [
                link
                for link in project.network.links
                if link.predecessor not in members or link.successor != state.chain.joins
            ]
            alone = slow_forecast(_with_links(project, kept), now)[0]
            others = any(
                link.successor == state.chain.joins
                and project.tasks[project.position(link.predecessor)].status != TaskStatus.CANCELLED
                for link in kept
            )
            if not others or has_begun(project.tasks[joined]) or joined not in alone or alone[joined] <= now:
                continue
            if project.tasks[joined].is_complete:
                continue
            slip = alone[joined] - project.tasks[joined].planned_start
            assert state.needed_finish == pytest.approx(state.baseline_finish + max(0.0, slip), abs=1e-6)


def _with_links(project: Project, links: list[Link]) -> Project:
    return replace(project, network=compile_network(project.tasks, links))
