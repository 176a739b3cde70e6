"""Which tasks take the buffers: forecast finish plus longest remaining path, in one backward sweep over the network.

A task's consumption is the largest share of any buffer downstream of it that its own forecast finish, plus the longest
remaining path to that buffer, takes. It is measured on the forecast, whatever the buffer's own measure.
"""

from typing import NamedTuple

from chainbell.rules.buffers import NOWHERE, BufferState, consumption
from chainbell.rules.forecast import FS, WAITING, Forecast, tail_step
from chainbell.rules.ids import HostId
from chainbell.rules.model import Project


class TaskConsumption(NamedTuple):
    """The percent of the buffer that a task takes most of, that buffer's id, and whether the project's is touched."""

    percent: float
    buffer: HostId | None
    touches_project_buffer: bool


NOISE = 1e-9
"""Working days of delay that are none: the noise of summing floats."""
UNTOUCHED = TaskConsumption(0.0, None, False)

Tails = tuple[list[float], list[dict[int, float] | None]]
"""Longest remaining paths (working days) by task position: to the project buffer, and to feeding buffers by their
number. The finish that the buffer needs is subtracted from each, so a finish plus a tail is a delay."""


def task_consumptions(
    project: Project, ahead: Forecast, states: tuple[BufferState, ...]
) -> tuple[TaskConsumption, ...]:
    """By task position, how much each task takes of the buffer that it takes most of; `UNTOUCHED` where it takes none.

    A share is `100 * (finish + tail - needed) / size`, the delay with which the task alone would reach the buffer.
    `states` begin with the project buffer's.
    """
    taken = [UNTOUCHED] * len(project.tasks)
    if all(state.forecast_finish <= state.needed_finish + NOISE for state in states):
        return tuple(taken)
    main, feeding = _tails(project, ahead, states)
    finish, size, buffer = ahead.finish, states[0].buffer.size, states[0].buffer.id
    scale = 100.0 / size if size > 0 else 0.0
    for position, tail in enumerate(main):
        if tail != NOWHERE:
            delay = finish[position] + tail
            taken[position] = TaskConsumption(delay * scale if scale else consumption(delay, size), buffer, True)
        tails = feeding[position]
        if tails:
            shares = [(consumption(finish[position] + t, states[n].buffer.size), -n) for n, t in tails.items()]
            percent, number = max(shares)
            share = taken[position]
            if percent > share.percent:
                own = states[-number].buffer.id
                taken[position] = TaskConsumption(percent, own, share.touches_project_buffer)
    return tuple(taken)


def _tails(project: Project, ahead: Forecast, states: tuple[BufferState, ...]) -> Tails:  # noqa: C901  one hot loop
    """One backward sweep: each task hands its predecessors the tails to the buffers that it takes part of.

    A tail to a buffer that the task takes nothing of is dropped, since no task before it on this path can take anything
    of that buffer either. So is one to a buffer of which it takes no more than of a larger one: that holds all the way
    back. Nearly all tails lead to the project buffer, so those are kept in a list.
    """
    main = [NOWHERE] * len(project.tasks)
    feeding: list[dict[int, float] | None] = [None] * len(main)
    for number, state in enumerate(states):
        if number and state.is_done:
            continue
        for end in state.ends:
            if ahead.finish[end] <= state.needed_finish + NOISE:
                continue
            if number == 0:
                main[end] = -state.needed_finish
            else:
                feeding[end] = {**(feeding[end] or {}), number: -state.needed_finish}
    network, finish, phase, remaining = project.network, ahead.finish, ahead.phase, ahead.remaining
    successors, least = network.successors, NOISE
    for position in reversed(network.order):
        mine, tail, here = finish[position], main[position], feeding[position]
        for edge in successors[position]:
            after, kind, lag = edge
            longer, beyond = main[after], feeding[after]
            if longer == NOWHERE and beyond is None:
                continue
            if kind is FS:
                if phase[after] is not WAITING:
                    continue
                step = lag + remaining[after]
            else:
                passed_on = tail_step(ahead, position, edge)
                if passed_on is None:
                    continue
                step = passed_on
            longer += step
            if longer > tail and mine + longer > least:
                tail = longer
            if beyond is not None:
                here = _hand_on(here, beyond, step, mine)
        main[position] = tail
        if here is not None:
            feeding[position] = _undominated(here, mine, tail, states)
    return main, feeding


def _hand_on(
    here: dict[int, float] | None, beyond: dict[int, float], step: float, finish: float
) -> dict[int, float] | None:
    for number, shorter in beyond.items():
        longer = shorter + step
        if finish + longer > NOISE:
            if here is None:
                here = {number: longer}
            elif longer > here.get(number, NOWHERE):
                here[number] = longer
    return here


def _undominated(
    here: dict[int, float], finish: float, main: float, states: tuple[BufferState, ...]
) -> dict[int, float] | None:
    """Drops the tails to buffers that cannot be the one most taken of, here or further back.

    A task further back has at least as much slack, and slack lowers the share of a larger buffer less.
    """
    main_size = states[0].buffer.size
    if main != NOWHERE and main_size > 0:
        share = (finish + main) / main_size
        here = {
            n: tail
            for n, tail in here.items()
            if (size := states[n].buffer.size) > main_size or size <= 0 or (finish + tail) / size > share
        }
    if len(here) > 1:
        ranked = sorted(here, key=lambda n: (-consumption(finish + here[n], states[n].buffer.size), n))
        largest = -1.0
        kept = {}
        for n in ranked:
            size = states[n].buffer.size
            if size > largest or size <= 0:
                kept[n] = here[n]
                largest = max(largest, size)
        here = kept
    return here or None
