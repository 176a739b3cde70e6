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

from chainbell.rules.forecast import BEGUN, FS, GONE, OVER, WAITING, Forecast, forecast, start_bound, tail_step
from chainbell.rules.model import Buffer, Chain, HostId, Measure, Project, Task, TaskStatus
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


class BufferState(NamedTuple):
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
        return max([self.projected_finish, *self.forecast.finish])  # a cancelled task's NaN is never larger

    @property
    def project(self) -> BufferState:
        """The project buffer's state."""
        return self.buffers[0]


def assess(project: Project, now: float) -> Assessment:
    """The state of every buffer and task at the coordinate `now`."""
    ahead = forecast(project, now)
    states = _buffer_states(project, ahead)
    c = states[0].consumption
    x = chain_completion(project, ahead)
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


def chain_completion(project: Project, ahead: Forecast) -> float:
    """Percent of the critical chain done, `100 * (L0 - sum of remaining) / L0` (Sciforma); negative if more is left.

    A chain of no length is done when its tasks are.
    """
    where, tasks = project.network.positions, project.tasks
    positions = [where[task_id] for task_id in project.critical_chain.tasks]
    length = sum([tasks[position].duration for position in positions])
    left = sum([ahead.remaining[position] for position in positions])
    if length == 0:
        return 100.0 if all(ahead.phase[position] >= OVER for position in positions) else 0.0
    return 100.0 * (length - left) / length


def _buffer_states(project: Project, ahead: Forecast) -> tuple[BufferState, ...]:
    """One state per buffer, the project buffer first."""
    chains = {chain.id: chain for chain in project.chains}
    first = project.project_buffer
    ordered = [first, *(buffer for buffer in project.buffers if buffer is not first)]
    return tuple(_buffer_state(project, ahead, buffer, chains[buffer.chain]) for buffer in ordered)


def _buffer_state(project: Project, ahead: Forecast, buffer: Buffer, chain: Chain) -> BufferState:
    """The buffer protects the last of its chain's tasks in the baseline; of several that finish together, the one that
    the chain names last. Cancelled tasks are no longer protected, but what was promised with them stands."""
    where, tasks, phase = project.network.positions, project.tasks, ahead.phase
    baseline_finish = latest = NOWHERE
    end, is_done = None, True
    for task_id in chain.tasks:
        position = where[task_id]
        finish, its_phase = tasks[position].planned_finish, phase[position]
        if finish > baseline_finish:
            baseline_finish = finish
        if finish >= latest and its_phase is not GONE:
            latest, end = finish, position
        if its_phase is WAITING or its_phase is BEGUN:
            is_done = False
    if end is None:
        return BufferState(buffer, chain, None, baseline_finish, baseline_finish, baseline_finish, 0.0, True)
    finish, needed = ahead.finish[end], baseline_finish
    if buffer.measure is Measure.GAP and chain.joins is not None:
        needed += _slip_for_other_reasons(project, ahead, chain.joins, {where[task_id] for task_id in chain.tasks})
    delay = finish - needed
    if buffer.measure is Measure.OVERAGE:
        delay = sum(_overage(tasks[where[task_id]], ahead.now) for task_id in chain.tasks)
    taken = consumption(delay, buffer.size)
    return BufferState(buffer, chain, end, baseline_finish, finish, needed, taken, is_done)


def _overage(task: Task, now: float) -> float:
    """Working days that a task has taken and will still take beyond its planned duration: TOC Handbook, ch. 3."""
    elapsed = 0.0
    if task.status is TaskStatus.CANCELLED:
        return 0.0
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


Tails = tuple[list[float], list[dict[int, float] | None]]
"""Longest remaining paths by task position: to the project buffer, and by number to feeding buffers. Each is kept less
the finish that its buffer needs, so that a finish plus a tail is a delay."""


def _task_consumptions(
    project: Project, ahead: Forecast, states: tuple[BufferState, ...]
) -> tuple[TaskConsumption, ...]:
    taken = [UNTOUCHED] * len(project.tasks)
    if all(state.forecast_finish <= state.needed_finish for state in states):
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
    """One backward sweep: each task hands its predecessors the tails to those buffers that it takes something of.

    A buffer a task takes nothing of is not handed on: what precedes the task over this path cannot take anything of it
    either. Nor is one of which it takes no more than of a larger buffer: that stays so all the way back. Nearly all
    tails lead to the project buffer, so those stand in a list.
    """
    main = [NOWHERE] * len(project.tasks)
    feeding: list[dict[int, float] | None] = [None] * len(main)
    for number, state in enumerate(states):
        if state.end is None or state.forecast_finish <= state.needed_finish:
            continue
        if number == 0:
            main[state.end] = -state.needed_finish
        elif not state.is_done:
            feeding[state.end] = {**(feeding[state.end] or {}), number: -state.needed_finish}
    network, finish, phase, remaining = project.network, ahead.finish, ahead.phase, ahead.remaining
    successors = network.successors
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
            if longer > tail and mine + longer > 0:
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
        if finish + longer > 0:
            if here is None:
                here = {number: longer}
            elif longer > here.get(number, NOWHERE):
                here[number] = longer
    return here


def _undominated(
    here: dict[int, float], finish: float, main: float, states: tuple[BufferState, ...]
) -> dict[int, float] | None:
    """Without the tails to buffers that can never be the one most taken of, here or further back.

    Further back a task has as much or more slack, and slack lowers the share of a larger buffer less.
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
