"""How much of each buffer is gone, and which tasks are taking it.

A buffer's consumption is a delay over its size, in percent. What counts as delay is the buffer's `measure`:

- `forecast`, the default: forecast lateness of the last protected task, `E^ - E0` (Leach, Critical Chain Project
  Management, 3rd ed. 2014).
- `overage`: what the chain's own tasks have taken and will take beyond their plan, `sum(elapsed + remaining - planned)`
  (Theory of Constraints Handbook, 2010, ch. 3).
- `gap`, for feeding buffers: how much of the planned gap between the chain and the task it joins is lost. What the
  joined task slips for other reasons gives the chain as much more room, what it gains takes room away.

A task's consumption is the largest share of any buffer downstream of it that its own forecast finish and the longest
remaining path to that buffer take; it is measured on the forecast, whatever the buffer's measure.
"""

from dataclasses import dataclass
from typing import NamedTuple

from chainbell.rules.forecast import FS, GONE, OVER, WAITING, Forecast, forecast, start_bound, tail_step
from chainbell.rules.model import Buffer, Chain, HostId, Measure, Project, Task
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
    """A buffer at one instant. Finishes are coordinates of the last protected task, `end` is its position.

    `needed_finish` is the finish beyond which the buffer is taken: the baseline's, moved by the slip of the joined task
    where the buffer is measured on the gap. `is_done` once no task of the chain is left to finish.
    """

    buffer: Buffer
    chain: Chain
    end: int | None
    baseline_finish: float
    forecast_finish: float
    needed_finish: float
    consumption: float
    is_done: bool


class TaskConsumption(NamedTuple):
    """Percent of the buffer that the task takes most of, which buffer that is, and whether the project's is touched."""

    percent: float
    buffer: HostId | None
    touches_project_buffer: bool


UNTOUCHED = TaskConsumption(0.0, None, False)
NOWHERE = float("-inf")


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
    length = sum([task.duration for task in chain])
    left = sum([task.remaining_duration for task in chain])
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
    where, tasks, phase = project.network.positions, project.tasks, ahead.phase
    positions = [where[task_id] for task_id in chain.tasks]
    baseline_finish = tasks[protected_end(project, positions)].planned_finish
    standing = [p for p in positions if phase[p] is not GONE]
    if not standing:
        return BufferState(buffer, chain, None, baseline_finish, baseline_finish, baseline_finish, 0.0, True)
    end = protected_end(project, standing)
    finish = ahead.finish[end]
    needed = baseline_finish
    if buffer.measure is Measure.GAP and chain.joins is not None:
        needed += _slip_for_other_reasons(project, ahead, chain.joins, set(positions))
    delay = finish - needed
    if buffer.measure is Measure.OVERAGE:
        delay = sum(_overage(tasks[p], ahead.now) for p in standing)
    done = all(phase[p] >= OVER for p in positions)
    return BufferState(buffer, chain, end, baseline_finish, finish, needed, consumption(delay, buffer.size), done)


def _overage(task: Task, now: float) -> float:
    """Working days that a task has taken and will still take beyond its planned duration: TOC Handbook, ch. 3."""
    elapsed = 0.0
    if task.started is not None:
        elapsed = (now if task.finished is None else task.finished) - task.started
    elif task.is_complete:
        return 0.0
    return elapsed + task.remaining_duration - task.duration


def _slip_for_other_reasons(project: Project, ahead: Forecast, joins: HostId, chain: set[int]) -> float:
    """How far the joined task starts behind its plan but for this chain, in working days; negative if ahead of it."""
    position = project.position(joins)
    task = project.tasks[position]
    if ahead.phase[position] is not WAITING:
        return 0.0 if task.started is None else task.started - task.planned_start
    bounds = [
        start_bound(edge, ahead.remaining[position], ahead.start, ahead.finish)
        for edge in project.network.predecessors[position]
        if edge[0] not in chain and ahead.phase[edge[0]] is not GONE
    ]
    if not bounds:
        return 0.0
    return max([*bounds, *([] if task.not_before is None else [task.not_before])]) - task.planned_start


def protected_end(project: Project, positions: list[int]) -> int:
    """The last of these tasks in the baseline; of several that finish together, the one the chain names last."""
    tasks = project.tasks
    best, latest = positions[0], tasks[positions[0]].planned_finish
    for position in positions:
        finish = tasks[position].planned_finish
        if finish >= latest:
            best, latest = position, finish
    return best


Tails = tuple[list[float], dict[int, dict[int, float]]]
"""Longest remaining paths by task position: to the project buffer, and by number to feeding buffers. Each is kept less
the finish that its buffer needs, so that a finish plus a tail is a delay."""


def _task_consumptions(
    project: Project, ahead: Forecast, states: tuple[BufferState, ...]
) -> tuple[TaskConsumption, ...]:
    taken = [UNTOUCHED] * len(project.tasks)
    main, feeding = _tails(project, ahead, states)
    size, buffer = states[0].buffer.size, states[0].buffer.id
    for position, tail in enumerate(main):
        if tail != NOWHERE:
            delay = ahead.finish[position] + tail
            percent = 100.0 * delay / size if size > 0 else consumption(delay, size)
            taken[position] = TaskConsumption(percent, buffer, True)
    for position, tails in feeding.items():
        finish = ahead.finish[position]
        shares = {n: consumption(finish + tail, states[n].buffer.size) for n, tail in tails.items()}
        largest = max(shares, key=lambda n: (shares[n], -n))
        share = taken[position]
        if shares[largest] > share.percent:
            taken[position] = TaskConsumption(shares[largest], states[largest].buffer.id, share.touches_project_buffer)
    return tuple(taken)


def _tails(project: Project, ahead: Forecast, states: tuple[BufferState, ...]) -> Tails:  # noqa: C901  one hot loop
    """One backward sweep: each task hands its predecessors the tails to those buffers that it takes something of.

    A buffer a task takes nothing of is not handed on: what precedes the task over this path cannot take anything of it
    either. Nearly all tails lead to the project buffer, so those stand in a list.
    """
    main = [NOWHERE] * len(project.tasks)
    feeding: dict[int, dict[int, float]] = {}
    for number, state in enumerate(states):
        if state.end is None or state.forecast_finish <= state.needed_finish:
            continue
        if number == 0:
            main[state.end] = -state.needed_finish
        elif not state.is_done:
            feeding.setdefault(state.end, {})[number] = -state.needed_finish
    if not feeding and states[0].forecast_finish <= states[0].needed_finish:
        return main, feeding
    network, finish, phase, remaining = project.network, ahead.finish, ahead.phase, ahead.remaining
    for position in reversed(network.order):
        mine, tail = finish[position], main[position]
        for edge in network.successors[position]:
            after, kind, lag = edge
            beyond = feeding.get(after)
            if main[after] == NOWHERE and beyond is None:
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
            longer = main[after] + step
            if longer > tail and mine + longer > 0:
                tail = longer
            if beyond is not None:
                _hand_on(feeding, position, beyond, step, mine)
        main[position] = tail
    return main, feeding


def _hand_on(
    feeding: dict[int, dict[int, float]], position: int, beyond: dict[int, float], step: float, finish: float
) -> None:
    here = feeding.get(position, {})
    for number, shorter in beyond.items():
        longer = shorter + step
        if finish + longer > 0 and longer > here.get(number, NOWHERE):
            here[number] = longer
            feeding[position] = here
