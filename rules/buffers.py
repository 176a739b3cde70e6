"""How much of each buffer is gone, and which tasks are taking it.

Project and feeding buffer consumption is forecast lateness over buffer size, `100 * (E^ - E0) / B` (Leach, Critical
Chain Project Management, 3rd ed. 2014). A task's consumption is the largest share of any buffer downstream of it that
its own forecast finish and the longest remaining path to that buffer take.
"""

from dataclasses import dataclass
from typing import NamedTuple

from chainbell.rules.forecast import Forecast, forecast, tail_step
from chainbell.rules.model import Buffer, Chain, ChainKind, HostId, Project
from chainbell.rules.zones import Zone

TREND_FROM = 10.0
"""Percent of the critical chain that must be done before its burn rate is extrapolated."""


def consumption(delay: float, size: float) -> float:
    """Percent of a buffer of `size` working days that `delay` working days take; signed, unclamped.

    A buffer of size 0 is untouched without delay; any delay overflows it, counted as on a one-day buffer already full.
    """
    if size > 0:
        return 100.0 * delay / size
    return 100.0 * (1.0 + delay) if delay > 1e-9 else 0.0


@dataclass(frozen=True, slots=True)
class BufferState:
    """A buffer at one instant. `forecast_finish` and `baseline_finish` are coordinates of the last protected task."""

    buffer: Buffer
    chain: Chain
    end: int | None
    baseline_finish: float
    forecast_finish: float
    consumption: float
    is_done: bool


class TaskConsumption(NamedTuple):
    """Percent of the buffer that the task takes most of, which buffer that is, and whether the project's is touched."""

    percent: float
    buffer: HostId | None
    touches_project_buffer: bool


UNTOUCHED = TaskConsumption(0.0, None, False)


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything the rules look at, derived from a project at one instant.

    `completion` and `project.consumption` are percent; `burn_rate` is their ratio, None before any of the chain is
    done. `projected_finish` is a coordinate, `projection_basis` tells whether trend or forecast gave it.
    """

    forecast: Forecast
    buffers: tuple[BufferState, ...]
    tasks: tuple[TaskConsumption, ...]
    completion: float
    burn_rate: float | None
    zone: Zone
    projected_finish: float
    projection_basis: str

    @property
    def last_finish(self) -> float:
        """The coordinate at which the last task is forecast to finish, the project to be done by its trend if later."""
        return max([self.projected_finish, *(finish for finish in self.forecast.finish if finish == finish)])

    @property
    def project(self) -> BufferState:
        """The project buffer's state."""
        return self.buffers[0]


def assess(project: Project, now: float) -> Assessment:
    """The state of every buffer and task at the coordinate `now`."""
    ahead = forecast(project, now)
    states = _buffer_states(project, ahead)
    c = states[0].consumption
    x = chain_completion(project)
    forecast_finish, baseline_finish = states[0].forecast_finish, states[0].baseline_finish
    projected, basis = forecast_finish, "forecast"
    if c > 0 and x >= TREND_FROM:
        trend = baseline_finish + states[0].buffer.size * c / x
        if trend > projected:
            projected, basis = trend, "trend"
    return Assessment(
        ahead,
        states,
        _task_consumptions(project, ahead, states),
        x,
        c / x if x > 0 else None,
        project.zones.project_zone(c, x),
        projected,
        basis,
    )


def chain_completion(project: Project) -> float:
    """Percent of the critical chain done, `100 * (L0 - sum of remaining) / L0` (Sciforma); negative if more is left."""
    tasks, position = project.tasks, project.network.positions
    chain = [tasks[position[task_id]] for task_id in project.critical_chain.tasks]
    length = sum(task.duration for task in chain)
    left = sum(task.remaining_duration for task in chain)
    if length == 0:
        return 100.0 if all(not task.is_unfinished for task in chain) else 0.0
    return 100.0 * (length - left) / length


def _buffer_states(project: Project, ahead: Forecast) -> tuple[BufferState, ...]:
    """One state per buffer, the project buffer first."""
    chains = {chain.id: chain for chain in project.chains}
    first = project.project_buffer
    ordered = [first, *(buffer for buffer in project.buffers if buffer is not first)]
    return tuple(_buffer_state(project, ahead, buffer, chains[buffer.chain]) for buffer in ordered)


def _buffer_state(project: Project, ahead: Forecast, buffer: Buffer, chain: Chain) -> BufferState:
    positions = [project.position(task_id) for task_id in chain.tasks]
    baseline_finish = project.tasks[protected_end(project, positions)].planned_finish
    standing = [p for p in positions if ahead.finish[p] == ahead.finish[p]]  # a cancelled task's finish is NaN
    if not standing:
        return BufferState(buffer, chain, None, baseline_finish, baseline_finish, 0.0, True)
    end = protected_end(project, standing)
    finish = ahead.finish[end]
    taken = consumption(finish - baseline_finish, buffer.size)
    done = all(not project.tasks[p].is_unfinished for p in positions)
    return BufferState(buffer, chain, end, baseline_finish, finish, taken, done)


def protected_end(project: Project, positions: list[int]) -> int:
    """The last of these tasks in the baseline; of several that finish together, the one the chain names last."""
    best = positions[0]
    for position in positions[1:]:
        if project.tasks[position].planned_finish >= project.tasks[best].planned_finish:
            best = position
    return best


def _task_consumptions(
    project: Project, ahead: Forecast, states: tuple[BufferState, ...]
) -> tuple[TaskConsumption, ...]:
    """One backward sweep: each task hands its predecessors the tails to those buffers that it takes something of.

    A tail is kept as `tail - E0`, so that a finish plus a tail is a delay. A buffer a task takes nothing of is not
    handed on: what precedes the task over this path cannot take anything of it either.
    """
    tasks, network, finish = project.tasks, project.network, ahead.finish
    tails: list[dict[int, float]] = [{} for _ in tasks]
    for number, state in enumerate(states):
        if state.end is None or (state.is_done and state.chain.kind == ChainKind.FEEDING):
            continue
        if state.forecast_finish - state.baseline_finish > 0:
            tails[state.end][number] = -state.baseline_finish
    taken = [UNTOUCHED] * len(tasks)
    for position in reversed(network.order):
        task, here = tasks[position], tails[position]
        for after, kind, lag in network.successors[position]:
            if not tails[after]:
                continue
            step = tail_step(kind, lag, task, tasks[after])
            if step is None:
                continue
            for number, tail in tails[after].items():
                longer = tail + step
                if finish[position] + longer > 0 and longer > here.get(number, float("-inf")):
                    here[number] = longer
        if here:
            delays = {number: finish[position] + tail for number, tail in here.items()}
            shares = {n: consumption(delay, states[n].buffer.size) for n, delay in delays.items()}
            largest = max(shares, key=lambda n: (shares[n], -n))
            taken[position] = TaskConsumption(shares[largest], states[largest].buffer.id, 0 in here)
    return tuple(taken)
