"""How much of each buffer is gone.

A buffer's consumption is a delay over its size, in percent. What counts as delay is the buffer's `measure`:

- `forecast`: forecast lateness of what the buffer protects, `E^ - E0` (Leach, Critical Chain Project Management, 3rd
  ed. 2014). The default of the project buffer.
- `overage`: what the chain's own tasks have taken and will take beyond their plan, `sum(elapsed + remaining - planned)`
  (Theory of Constraints Handbook, 2010, ch. 3).
- `gap`, for feeding buffers only and their default: how much of the planned gap between the chain and the task that it
  joins is lost. Where the joined task slips for other reasons, the chain has that much more room; where it gains, the
  chain loses none: a chain that keeps to its plan consumes none of its buffer.

A feeding buffer protects the last task of its chain. The project buffer protects every end of the network: the tasks
whose finish nothing waits for, and the critical chain's own last one.
"""

from typing import NamedTuple

from chainbell.rules.forecast import BEGUN, GONE, OVER, WAITING, Forecast, start_bound
from chainbell.rules.ids import HostId
from chainbell.rules.model import Buffer, Chain, ChainKind, LinkType, Measure, Project, Task, TaskStatus
from chainbell.rules.network import holds_finish

NOWHERE = float("-inf")
NOISE = 1e-6
"""Working days below which two finishes are one: the noise of summing floats."""

Holds = dict[int, list[tuple[float, int]]]
"""By position of the joined task: the coordinate at which each predecessor lets it start, the latest first, with the
predecessor's position. It is computed once for all chains that join the same task."""


def consumption(delay: float, size: float) -> float:
    """The percent of a buffer of `size` working days that `delay` working days consume; signed, not clamped.

    A buffer of size 0 is untouched without delay; any delay overflows it, counted as on a one-day buffer already full.
    """
    if size > 0:
        return 100.0 * delay / size
    return 100.0 * (1.0 + delay) if delay > 1e-9 else 0.0


class BufferState(NamedTuple):
    """A buffer at one instant. Finishes are coordinates, `ends` are the positions of the tasks that it protects.

    `baseline_finish` is the chain's, `forecast_finish` the latest of the ends. `needed_finish` is the finish beyond
    which the buffer is consumed: the baseline's, moved by the slip of the joined task where the buffer is measured on
    the gap. `consumption` is percent, signed. `is_done` is true once no task of a feeding chain, or no end that the
    project buffer protects, is left to finish.
    """

    buffer: Buffer
    chain: Chain
    ends: tuple[int, ...]
    baseline_finish: float
    forecast_finish: float
    needed_finish: float
    consumption: float
    is_done: bool


def buffer_states(project: Project, ahead: Forecast) -> tuple[BufferState, ...]:
    """One state per buffer, the project buffer first."""
    chains = {chain.id: chain for chain in project.chains}
    first = project.project_buffer
    ordered = [first, *(buffer for buffer in project.buffers if buffer is not first)]
    holds: Holds = {}
    return tuple([_buffer_state(project, ahead, buffer, chains[buffer.chain], holds) for buffer in ordered])


def _buffer_state(project: Project, ahead: Forecast, buffer: Buffer, chain: Chain, holds: Holds) -> BufferState:
    """The end of a chain is the task that finishes last in the baseline; of several that finish together, the one that
    the chain names last. Cancelled tasks are no longer protected, but the promise that was made with them stands."""
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
    if chain.kind is ChainKind.CRITICAL:
        ends = protected_ends(project, ahead, baseline_finish, end)
        is_done = all(phase[position] is OVER for position in ends)
    else:
        ends = () if end is None else (end,)
    if not ends:
        return BufferState(buffer, chain, (), baseline_finish, baseline_finish, baseline_finish, 0.0, True)
    finish, needed = max([ahead.finish[position] for position in ends]), baseline_finish
    if buffer.measure is Measure.GAP and chain.joins is not None:
        members = {where[task_id] for task_id in chain.tasks}
        slip = _slip_for_other_reasons(project, ahead, chain.joins, members, holds)
        needed += max(0.0, slip)
    delay = finish - needed
    if buffer.measure is Measure.OVERAGE:
        delay = sum(_overage(tasks[where[task_id]], ahead.now) for task_id in chain.tasks)
    taken = consumption(delay, buffer.size)
    return BufferState(buffer, chain, ends, baseline_finish, finish, needed, taken, is_done)


def protected_ends(project: Project, ahead: Forecast, promised: float, last: int | None) -> tuple[int, ...]:
    """The positions of the tasks that the project buffer protects, in plan order.

    These are the tasks, cancelled ones left out, whose finish no other task that is not cancelled waits for, and
    `last`, the critical chain's own end. Ends that were planned to finish after the critical chain (the coordinate
    `promised`) are left out: the buffer never covered them. An unfinished task whose successors have gone on without
    it is an end as well.
    """
    phase, tasks, network = ahead.phase, project.tasks, project.network
    ends = network.ends
    if GONE in phase:
        ends = tuple(
            position
            for position, edges in enumerate(network.successors)
            if phase[position] is not GONE
            and not any(phase[after] is not GONE and holds_finish(kind) for after, kind, _ in edges)
        )
    if ahead.overtaken:
        loose = [position for position in set(ahead.overtaken) if not _is_waited_for(project, ahead, position)]
        ends = (*ends, *loose)
    most = promised + NOISE
    kept = {position for position in ends if tasks[position].planned_finish <= most}
    if last is not None:
        kept.add(last)
    return tuple(sorted(kept))


def _is_waited_for(project: Project, ahead: Forecast, position: int) -> bool:
    """Whether a task still waits for this one's finish: one yet to start through FS, one yet to finish through FF."""
    return any(
        ahead.phase[after] is WAITING or (ahead.phase[after] is BEGUN and kind is LinkType.FF)
        for after, kind, _ in project.network.successors[position]
        if holds_finish(kind)
    )


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


def _slip_for_other_reasons(project: Project, ahead: Forecast, joins: HostId, chain: set[int], holds: Holds) -> float:
    """The working days by which the joined task starts late for reasons other than this chain; negative if early."""
    position = project.position(joins)
    task = project.tasks[position]
    if ahead.phase[position] is not WAITING:
        return 0.0 if task.started is None else task.started - task.planned_start
    if position not in holds:
        holds[position] = sorted(
            [
                (start_bound(edge, ahead.remaining[position], ahead.start, ahead.finish), edge[0])
                for edge in project.network.predecessors[position]
                if ahead.phase[edge[0]] is not GONE
            ],
            reverse=True,
        )
    latest = next((bound for bound, other in holds[position] if other not in chain), None)
    if latest is None:
        return 0.0
    return (latest if task.not_before is None else max(latest, task.not_before)) - task.planned_start
