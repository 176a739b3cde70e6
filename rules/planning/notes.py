"""What a planner should know about an accepted plan: sentences that name the tasks that they are about."""

from collections.abc import Iterator, Sequence

from chainbell.rules.calendar import NOISE
from chainbell.rules.forecast import start_bound
from chainbell.rules.ids import HostId
from chainbell.rules.model import ChainKind, Project, ProjectStatus, TaskStatus
from chainbell.rules.planning.baseline import left_aside
from chainbell.rules.planning.chains import gaps
from chainbell.rules.planning.plan import Plan

SHORT_BUFFER = 0.1
"""The share of the planned length below which a project buffer is called short."""
NAMED = 3
"""How many tasks a note names; the rest are counted."""


def plan_notes(plan: Plan, project: Project) -> Iterator[str]:
    """Yields the notes on the plan's own content; notes on what was derived are written where it is derived."""
    start = [task.planned_start for task in project.tasks]
    finish = [task.planned_finish for task in project.tasks]
    if not plan.chains:
        for before, after, days in gaps(project.critical_chain, project.tasks, project.network, start, finish):
            yield (
                f"a date holds the critical chain open: {days:g} working days between {before} and {after}, in which "
                "delay costs no buffer"
            )
    yield from _open_ends(project)
    yield from _short_buffer(project, start)
    if plan.chains and any(one.demands for one in plan.tasks):
        yield "resources are not levelled: the plan brings its own chains"
    contradicting = list(_contradicting(project, start, finish))
    if contradicting:
        yield f"planned dates contradict links, the links decide once work is reported: {_named(contradicting)}"
    if plan.data_date > plan.given_at + 1 + NOISE:
        yield "the data date (statusDate) lies ahead of the instant at which the plan is loaded"
    has_actuals = any(task.status is not TaskStatus.NOT_STARTED for task in project.tasks)
    if has_actuals and project.status is ProjectStatus.PLANNING:
        yield "work is under way, but the project is in Planning: nothing rings before it is Active (project.status)"


def replan_notes(before: Project, plan: Project) -> Iterator[str]:
    """Yields a note on the progress in a new plan that is ignored in favour of reports."""
    aside = left_aside(before, plan)
    if aside:
        yield f"progress in the plan is left aside where reports say otherwise: {_named(aside)}"


def _open_ends(project: Project) -> Iterator[str]:
    """Yields a note on the ends of the network that the project buffer does not protect: planned after its chain."""
    tasks = project.tasks
    promised = max(tasks[project.position(task_id)].planned_finish for task_id in project.critical_chain.tasks)
    behind = [tasks[p].id for p in project.network.ends if tasks[p].planned_finish > promised + NOISE]
    if behind:
        yield f"planned to finish behind the critical chain, unprotected by the project buffer: {_named(behind)}"


def _short_buffer(project: Project, start: Sequence[float]) -> Iterator[str]:
    chain = [project.position(task_id) for task_id in project.critical_chain.tasks]
    length = max(project.tasks[position].planned_finish for position in chain) - min(start, default=0.0)
    size = project.project_buffer.size
    if length > 0 and size < SHORT_BUFFER * length - NOISE:
        yield (
            f"the project buffer of {size:g} working days is less than a tenth of the {length:g} planned: "
            "it will ring at small delays"
        )


def _contradicting(project: Project, start: Sequence[float], finish: Sequence[float]) -> Iterator[HostId]:
    """Tasks that are planned to start before their links allow."""
    for position, edges in enumerate(project.network.predecessors):
        duration = finish[position] - start[position]
        if any(start_bound(edge, duration, start, finish) > start[position] + NOISE for edge in edges):
            yield project.tasks[position].id


def feeding_room(project: Project) -> Iterator[str]:
    """Yields a note on each feeding buffer that does not fit into the gap before the task that its chain joins."""
    chains = {chain.id: chain for chain in project.chains}
    for buffer in project.buffers:
        chain = chains[buffer.chain]
        if chain.kind is ChainKind.CRITICAL or chain.joins is None:
            continue
        ends = max(project.tasks[project.position(task_id)].planned_finish for task_id in chain.tasks)
        room = project.tasks[project.position(chain.joins)].planned_start - ends
        if room < buffer.size - NOISE:
            yield (
                f"{buffer.id}: {buffer.size:g} working days, of which {max(0.0, room):g} lie before "
                f"task {chain.joins}; delay beyond those reaches the project buffer"
            )


def _named(tasks: Sequence[HostId]) -> str:
    more = f" and {len(tasks) - NAMED} more" if len(tasks) > NAMED else ""
    return ", ".join(str(task_id) for task_id in tasks[:NAMED]) + more
