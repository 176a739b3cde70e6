"""From a plan to a project: dates, chains and buffers as given, or derived where the plan brings none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chainbell.rules.ids import HostId
from chainbell.rules.model import Buffer, Chain, ChainKind, Network, Project, Task
from chainbell.rules.network import compile_network
from chainbell.rules.planning.baseline import with_planned_dates
from chainbell.rules.planning.chains import find_chains
from chainbell.rules.planning.invariants import check_buffers, check_chains, check_milestones, check_promises
from chainbell.rules.planning.levelling import level
from chainbell.rules.planning.notes import feeding_room, plan_notes
from chainbell.rules.planning.plan import SMALLEST_BUFFER, Plan, usual_measure
from chainbell.rules.planning.resource_links import Demand
from chainbell.rules.planning.schedule import Schedule, as_reported, forward, schedule
from chainbell.rules.planning.sizing import METHODS
from chainbell.rules.progress import carried_over

Ranking = Callable[[Sequence[Task], Network, Sequence[Demand], Demand, Mapping[HostId, float]], Sequence[float]]
"""A solver: takes tasks, network, demands, capacities and releases; returns ranks by task position for `level`."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A project as planned, notes in words on what was derived for it, and its dates by precedence alone."""

    project: Project
    notes: tuple[str, ...]
    dates: Schedule


def plan_project(plan: Plan, optimal: Ranking | None = None) -> Planned:
    """The project that a plan describes, baseline 1, with what had to be derived for it.

    Chains that the plan leaves out are found on the earliest schedule, levelled where tasks name resources; buffers
    that it leaves out are sized by the plan's method. `optimal` is the solver for the levelling `cp-sat`. Raises
    PlanError for parts that do not fit together (LevellingError for demands that no schedule meets), NetworkError for
    links that do not form a network.
    """
    tasks = tuple(one.task for one in plan.tasks)
    given = {one.task.id: (one.begin, one.end) for one in plan.tasks}
    releases = {task_id: begin for task_id, (begin, _) in given.items() if begin is not None}
    network = by_precedence = compile_network(tasks, plan.links)
    check_milestones(plan.milestones)
    notes: list[str] = []
    if plan.chains:
        chains = plan.chains
        check_chains(chains, network.positions)
    else:
        network = _levelled(plan, tasks, network, releases, optimal, notes)
        chains = find_chains(tasks, network, *forward(tasks, network, releases))
        notes.append(f"critical chain found: {' -> '.join(str(task_id) for task_id in chains[0].tasks)}")
    if plan.buffers:
        check_buffers(plan.buffers, plan.chains)
    tasks = with_planned_dates(tasks, network, given)
    buffers = plan.buffers or _sized(plan, tasks, network, chains, notes)
    done = [one.done for one in plan.tasks]
    tasks = tuple(carried_over(task, d, plan.calendar, plan.data_date) for task, d in zip(tasks, done, strict=True))
    dates = schedule([as_reported(task) for task in tasks], by_precedence, releases)
    project = Project(
        account_id=plan.account_id,
        id=plan.id,
        name=plan.name,
        status=plan.status,
        start_date=plan.start_date,
        target_end_date=plan.target_end_date,
        calendar=plan.calendar,
        tasks=tasks,
        chains=chains,
        buffers=buffers,
        network=network,
        milestones=plan.milestones,
        manager=plan.manager,
        team_size=plan.team_size,
        zones=plan.zones,
        options=plan.options,
    )
    check_promises(project)
    if not plan.buffers:
        notes += feeding_room(project)
    notes += plan_notes(plan, project)
    return Planned(project, tuple(notes), dates)


def _levelled(
    plan: Plan,
    tasks: Sequence[Task],
    network: Network,
    releases: Mapping[HostId, float],
    optimal: Ranking | None,
    notes: list[str],
) -> Network:
    """The network with resource links between the tasks that contend; appends a note where it levels."""
    demands = [one.demands for one in plan.tasks]
    if plan.method.levelling == "none" or not any(demands):
        return network
    rule = plan.method.priority
    levelled = level(tasks, network, demands, plan.capacities, releases=releases, priority=rule)
    if plan.method.levelling == "cp-sat" and optimal is not None:
        ranks = optimal(tasks, network, demands, plan.capacities, releases)
        shortest = level(tasks, network, demands, plan.capacities, releases=releases, ranks=ranks)
        if max(shortest.finish) < max(levelled.finish):
            levelled, rule = shortest, "cp-sat"
    before, count = max(forward(tasks, network, releases)[1]), len(levelled.links)
    notes.append(
        f"resources levelled ({rule}): {count} resource link{'' if count == 1 else 's'}; "
        f"the work ends after {max(levelled.finish):g} working days, {before:g} without contention"
    )
    return compile_network(tasks, (*network.links, *levelled.links))


def _sized(
    plan: Plan, tasks: Sequence[Task], network: Network, chains: Sequence[Chain], notes: list[str]
) -> tuple[Buffer, ...]:
    """Buffers for the critical chain and for every feeding chain with work on it that joins it or joins no task."""
    method, where = plan.method, network.positions
    critical = next(chain for chain in chains if chain.kind is ChainKind.CRITICAL)
    safe = {one.task.id: one.safe_duration for one in plan.tasks}
    if method.buffers != "half-chain" and None in safe.values():
        notes.append("tasks without safeDuration are taken to have a safe estimate of twice their duration")

    def buffer(name: str, chain: Chain) -> Buffer:
        estimates = []
        for task_id in chain.tasks:
            duration, promised = tasks[where[task_id]].duration, safe[task_id]
            estimates.append((duration, 2 * duration if promised is None else max(duration, promised)))
        size = METHODS[method.buffers](estimates)
        return Buffer(
            name, chain.id, max(size, SMALLEST_BUFFER) if size > 0 else 0.0, method.measure or usual_measure(chain)
        )

    buffers = [buffer("PB", critical)]
    for chain in chains:
        if chain is critical or (chain.joins is not None and chain.joins not in critical.tasks):
            continue
        if any(tasks[where[task_id]].duration for task_id in chain.tasks):
            buffers.append(buffer(f"FB{len(buffers)}", chain))
    notes.append(f"buffers sized by {method.buffers}: " + ", ".join(f"{b.id} {round(b.size, 2):g}" for b in buffers))
    return tuple(buffers)
