"""What must fit together in a project: chains with tasks, buffers with chains, and every promise with a date."""

from collections.abc import Collection, Sequence

from chainbell.rules.errors import CalendarRangeError, PlanError
from chainbell.rules.ids import HostId
from chainbell.rules.model import Buffer, Chain, ChainKind, Measure, Milestone, Project


def check_chains(chains: Sequence[Chain], tasks: Collection[HostId]) -> None:
    """One critical chain, no task on two, no unknown id; raises PlanError otherwise."""
    _refuse_twins("chains", [chain.id for chain in chains])
    chain_of: dict[HostId, HostId] = {}
    for number, chain in enumerate(chains):
        for place, task_id in enumerate(chain.tasks):
            if task_id not in tasks:
                raise PlanError(f"chains[{number}].tasks[{place}]", f"there is no task {task_id!r}")
            if task_id in chain_of:
                reason = f"task {task_id!r} is on chain {chain_of[task_id]!r} already"
                raise PlanError(f"chains[{number}].tasks[{place}]", reason)
            chain_of[task_id] = chain.id
        if chain.joins is not None and chain.joins not in tasks:
            raise PlanError(f"chains[{number}].joins", f"there is no task {chain.joins!r}")
    critical = sum(chain.kind is ChainKind.CRITICAL for chain in chains)
    if critical != 1:
        raise PlanError("chains", f"one chain must be critical, {critical} are")


def check_buffers(buffers: Sequence[Buffer], chains: Sequence[Chain]) -> None:
    """At most one buffer per chain, one for the critical chain, no unknown chain; raises PlanError otherwise."""
    _refuse_twins("buffers", [buffer.id for buffer in buffers])
    if not chains:
        raise PlanError(
            "buffers",
            "need the chains that they stand on: name them in chains, or leave the buffers out to have both derived",
        )
    kinds = {chain.id: chain.kind for chain in chains}
    buffered: set[HostId] = set()
    for number, buffer in enumerate(buffers):
        if buffer.chain not in kinds:
            raise PlanError(f"buffers[{number}].chain", f"there is no chain {buffer.chain!r}")
        if buffer.chain in buffered:
            reason = f"chain {buffer.chain!r} has a buffer already: a chain has one, at its end"
            raise PlanError(f"buffers[{number}].chain", reason)
        buffered.add(buffer.chain)
        if buffer.measure is Measure.GAP and kinds[buffer.chain] is ChainKind.CRITICAL:
            raise PlanError(f"buffers[{number}].measure", "only a feeding buffer is measured on the gap")
    critical = next(chain.id for chain in chains if chain.kind is ChainKind.CRITICAL)
    if critical not in buffered:
        raise PlanError("buffers", f"the critical chain {critical!r} has none")


def check_milestones(milestones: Sequence[Milestone]) -> None:
    """No two milestones with the same id; raises PlanError otherwise."""
    _refuse_twins("milestones", [milestone.id for milestone in milestones])


def check_promises(project: Project) -> None:
    """Every buffer must end on a date; raises PlanError for one that reaches beyond all of them."""
    chains = {chain.id: chain for chain in project.chains}
    for number, buffer in enumerate(project.buffers):
        end = max(project.tasks[project.position(task_id)].planned_finish for task_id in chains[buffer.chain].tasks)
        try:
            project.calendar.finish_date(end + buffer.size)
        except CalendarRangeError as error:
            raise PlanError(f"buffers[{number}].size", f"reaches beyond all dates: {error}") from None


def _refuse_twins(name: str, ids: Sequence[HostId]) -> None:
    seen: set[HostId] = set()
    for number, one in enumerate(ids):
        if one in seen:
            raise PlanError(f"{name}[{number}].id", f"two have the id {one!r}")
        seen.add(one)
