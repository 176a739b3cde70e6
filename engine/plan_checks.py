"""What must fit together in a plan document: chains and tasks, buffers and chains, ids."""

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.plan_documents import PlanDocument
from chainbell.rules import CalendarRangeError, ChainKind, HostId, Measure, Project


def check_chains(plan: PlanDocument, tasks: set[HostId]) -> None:
    """One critical chain, no task on two, no unknown id, buffers on chains; raises InvalidInputError otherwise."""
    for name in ("chains", "buffers", "milestones"):
        seen: set[HostId] = set()
        for number, item in enumerate(getattr(plan, name)):
            if item.id in seen:
                raise InvalidInputError(f"{name}[{number}].id", f"two have the id {item.id!r}")
            seen.add(item.id)
    chain_of: dict[HostId, HostId] = {}
    for number, chain in enumerate(plan.chains):
        for place, task_id in enumerate(chain.tasks):
            if task_id not in tasks:
                raise InvalidInputError(f"chains[{number}].tasks[{place}]", f"there is no task {task_id!r}")
            if task_id in chain_of:
                reason = f"task {task_id!r} is on chain {chain_of[task_id]!r} already"
                raise InvalidInputError(f"chains[{number}].tasks[{place}]", reason)
            chain_of[task_id] = chain.id
        if chain.joins is not None and chain.joins not in tasks:
            raise InvalidInputError(f"chains[{number}].joins", f"there is no task {chain.joins!r}")
    critical = [chain.id for chain in plan.chains if chain.kind == ChainKind.CRITICAL]
    if plan.chains and len(critical) != 1:
        raise InvalidInputError("chains", f"one chain must be critical, {len(critical)} are")
    if plan.buffers:
        _check_buffers(plan, critical)


def _check_buffers(plan: PlanDocument, critical: list[HostId]) -> None:
    if not plan.chains:
        raise InvalidInputError(
            "buffers",
            "need the chains that they stand on: name them in chains, or leave the buffers out to have both derived",
        )
    chains = {chain.id for chain in plan.chains}
    buffered: set[HostId] = set()
    for number, buffer in enumerate(plan.buffers):
        if buffer.chain not in chains:
            raise InvalidInputError(f"buffers[{number}].chain", f"there is no chain {buffer.chain!r}")
        if buffer.chain in buffered:
            reason = f"chain {buffer.chain!r} has a buffer already: a chain has one, at its end"
            raise InvalidInputError(f"buffers[{number}].chain", reason)
        buffered.add(buffer.chain)
        if buffer.measure == Measure.GAP and buffer.chain in critical:
            raise InvalidInputError(f"buffers[{number}].measure", "only a feeding buffer is measured on the gap")
    if critical[0] not in buffered:
        raise InvalidInputError("buffers", f"the critical chain {critical[0]!r} has none")


def check_promises(project: Project) -> None:
    """Every buffer must end on a date; raises InvalidInputError for one that reaches beyond all of them."""
    chains = {chain.id: chain for chain in project.chains}
    for number, buffer in enumerate(project.buffers):
        end = max(project.tasks[project.position(task_id)].planned_finish for task_id in chains[buffer.chain].tasks)
        try:
            project.calendar.finish_date(end + buffer.size)
        except CalendarRangeError as error:
            raise InvalidInputError(f"buffers[{number}].size", f"reaches beyond all dates: {error}") from None
