"""From a plan document to a project: dates, chains and buffers checked, or derived where the plan brings none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from chainbell.engine.documents import PersonDocument
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.optimal import optimal_ranks
from chainbell.engine.plan_checks import check_chains, check_promises
from chainbell.engine.plan_documents import SMALLEST_BUFFER, PlanDocument, TaskDocument
from chainbell.engine.plan_notes import feeding_room, plan_notes
from chainbell.rules import (
    Buffer,
    Calendar,
    Chain,
    ChainKind,
    HostId,
    Link,
    Measure,
    Milestone,
    Network,
    NetworkError,
    Options,
    Person,
    Project,
    Task,
    ZonePolicy,
    compile_network,
)
from chainbell.rules.baseline import PlannedDates, with_planned_dates
from chainbell.rules.chains import find_chains
from chainbell.rules.levelling import LevellingError, level
from chainbell.rules.progress import Report, carried_over
from chainbell.rules.schedule import Schedule, as_reported, forward, schedule
from chainbell.rules.sizing import METHODS


@dataclass(frozen=True, slots=True)
class Planned:
    """A project as planned, what was derived for it in words, and its dates by precedence alone."""

    project: Project
    notes: tuple[str, ...]
    dates: Schedule


def project_of(plan: PlanDocument, at: datetime) -> Project:
    """The project that a plan document describes, baseline 1; raises InvalidInputError naming field and reason."""
    return plan_project(plan, at).project


def plan_project(plan: PlanDocument, at: datetime) -> Planned:
    """The project that a plan document describes, loaded at this instant, with what had to be derived for it.

    Remaining durations of work under way count from the plan's `statusDate`, from the instant of loading without one.
    Chains that the plan leaves out are found on the earliest schedule, levelled where tasks name resources; buffers
    that it leaves out are sized by `planning.buffers`. Raises InvalidInputError naming field and reason.
    """
    heading = plan.project
    calendar, zones = _calendar_and_zones(plan)
    given = {task.id: _planned_dates(calendar, task, number) for number, task in enumerate(plan.tasks)}
    tasks = tuple(_unplanned(task, calendar, number) for number, task in enumerate(plan.tasks))
    reports = [_done(task, calendar, number) for number, task in enumerate(plan.tasks)]
    links = tuple(Link(link.from_, link.to, link.type, link.lag, link.resource) for link in plan.links)
    network = _compiled(tasks, links)
    check_chains(plan, set(network.positions))
    releases = {task_id: begin for task_id, (begin, _) in given.items() if begin is not None}
    by_precedence = network
    notes: list[str] = []
    if plan.chains:
        chains = tuple(Chain(chain.id, chain.kind, chain.tasks, chain.joins) for chain in plan.chains)
    else:
        network = _levelled(plan, tasks, network, releases, notes)
        chains = find_chains(tasks, network, *forward(tasks, network, releases))
        notes.append(f"critical chain found: {' -> '.join(str(task_id) for task_id in chains[0].tasks)}")
    tasks = with_planned_dates(tasks, network, given)
    joining = {chain.id for chain in chains if chain.joins is not None and chain.kind is ChainKind.FEEDING}
    buffers = tuple(
        Buffer(buffer.id, buffer.chain, buffer.size, buffer.measure or _usual_measure(buffer.chain in joining))
        for buffer in plan.buffers
    )
    if not buffers:
        buffers = _sized(plan, tasks, network, chains, notes)
    data_date = calendar.coordinate(at) if heading.status_date is None else _start(calendar, heading.status_date)
    tasks = tuple(carried_over(task, done, calendar, data_date) for task, done in zip(tasks, reports, strict=True))
    dates = schedule([as_reported(task) for task in tasks], by_precedence, releases)
    project = Project(
        account_id=plan.account_id,
        id=heading.id,
        name=heading.name,
        status=heading.status,
        start_date=heading.start_date,
        target_end_date=heading.target_end_date,
        calendar=calendar,
        tasks=tasks,
        chains=chains,
        buffers=buffers,
        network=network,
        milestones=tuple(
            Milestone(m.id, m.name, m.planned_date, tuple(d.value() for d in m.deliverables)) for m in plan.milestones
        ),
        manager=_person(heading.manager),
        team_size=heading.team_size,
        zones=zones,
        options=Options(heading.readiness, heading.inherited_red, heading.remaining_from),
    )
    check_promises(project)
    if not plan.buffers:
        notes += feeding_room(project)
    notes += plan_notes(plan, project)
    return Planned(project, tuple(notes), dates)


def _usual_measure(joins: bool) -> Measure:
    return Measure.GAP if joins else Measure.FORECAST


def _calendar_and_zones(plan: PlanDocument) -> tuple[Calendar, ZonePolicy]:
    try:
        return plan.project.calendar.value(plan.project.start_date), ZonePolicy(**plan.project.zones.model_dump())
    except ValueError as error:
        field, _, reason = str(error).partition(": ")
        parent = "project" if field.startswith("zones") else "project.calendar"
        raise InvalidInputError(f"{parent}.{field}", reason) from None


def _unplanned(task: TaskDocument, calendar: Calendar, number: int) -> Task:
    release = task.start_no_earlier_than
    return Task(
        task.id,
        task.name,
        task.duration,
        0.0,
        0.0,
        assigned_to=_person(task.assigned_to),
        not_before=None if release is None else _start(calendar, release),
    )


def _compiled(tasks: Sequence[Task], links: Sequence[Link]) -> Network:
    try:
        return compile_network(tasks, links)
    except NetworkError as error:
        field, _, reason = str(error).partition(": ")
        raise InvalidInputError(field, reason) from None


def _levelled(
    plan: PlanDocument, tasks: Sequence[Task], network: Network, releases: Mapping[HostId, float], notes: list[str]
) -> Network:
    """The network with a resource link for each pair of tasks that contend."""
    capacities = _capacities(plan)
    demands = [_demands(task, number) for number, task in enumerate(plan.tasks)]
    if plan.planning.levelling == "none" or not any(demands):
        return network
    try:
        rule: str = plan.planning.priority
        levelled = level(tasks, network, demands, capacities, releases=releases, priority=rule)
        if plan.planning.levelling == "cp-sat":
            ranks = optimal_ranks(tasks, network, demands, capacities, releases)
            optimal = level(tasks, network, demands, capacities, releases=releases, ranks=ranks)
            if max(optimal.finish) < max(levelled.finish):
                levelled, rule = optimal, "cp-sat"
    except LevellingError as error:
        field, _, reason = str(error).partition(": ")
        raise InvalidInputError(field, reason) from None
    before = max(forward(tasks, network, releases)[1])
    notes.append(
        f"resources levelled ({rule}): {len(levelled.links)} resource links; "
        f"the work ends after {max(levelled.finish):g} working days, {before:g} without contention"
    )
    return _compiled(tasks, (*network.links, *levelled.links))


def _capacities(plan: PlanDocument) -> dict[HostId, float]:
    capacities: dict[HostId, float] = {}
    for number, resource in enumerate(plan.resources):
        if resource.id in capacities:
            raise InvalidInputError(f"resources[{number}].id", f"two have the id {resource.id!r}")
        capacities[resource.id] = resource.capacity
    if not plan.resources:  # named by the tasks alone: one unit of each
        capacities = {demand.id: 1.0 for task in plan.tasks for demand in task.resources}
    return capacities


def _demands(task: TaskDocument, number: int) -> dict[HostId, float]:
    demands: dict[HostId, float] = {}
    for place, demand in enumerate(task.resources):
        if demand.id in demands:
            raise InvalidInputError(f"tasks[{number}].resources[{place}]", f"{demand.id!r} is named twice")
        demands[demand.id] = demand.units
    return demands


def _sized(
    plan: PlanDocument, tasks: Sequence[Task], network: Network, chains: Sequence[Chain], notes: list[str]
) -> tuple[Buffer, ...]:
    """A buffer for the critical chain and for every feeding chain that joins it or ends by itself."""
    method = plan.planning.buffers
    where = network.positions
    critical = next(chain for chain in chains if chain.kind == ChainKind.CRITICAL)
    safe = {task.id: task.safe_duration for task in plan.tasks}
    if method != "half-chain" and None in safe.values():
        notes.append("tasks without safeDuration are taken to have a safe estimate of twice their duration")

    def buffer(name: str, chain: Chain) -> Buffer:
        estimates = []
        for task_id in chain.tasks:
            duration, promised = tasks[where[task_id]].duration, safe[task_id]
            estimates.append((duration, 2 * duration if promised is None else max(duration, promised)))
        size = METHODS[method](estimates)
        asked = plan.planning.measure
        measure = _usual_measure(chain.joins is not None) if asked is None else Measure(asked)
        return Buffer(name, chain.id, max(size, SMALLEST_BUFFER) if size > 0 else 0.0, measure)

    buffers = [buffer("PB", critical)]
    for chain in chains:
        if chain is critical or (chain.joins is not None and chain.joins not in critical.tasks):
            continue
        if any(tasks[where[task_id]].duration for task_id in chain.tasks):
            buffers.append(buffer(f"FB{len(buffers)}", chain))
    notes.append(f"buffers sized by {method}: " + ", ".join(f"{b.id} {round(b.size, 2):g}" for b in buffers))
    return tuple(buffers)


def _person(document: PersonDocument | None) -> Person | None:
    return None if document is None else document.value()


def _planned_dates(calendar: Calendar, task: TaskDocument, number: int) -> PlannedDates:
    begin = None if task.planned_start is None else _start(calendar, task.planned_start)
    end = None if task.planned_finish is None else _finish(calendar, task.planned_finish)
    if begin is not None and end is not None and end < begin:
        raise InvalidInputError(f"tasks[{number}].plannedFinish", "lies before plannedStart")
    return begin, end


def _done(task: TaskDocument, calendar: Calendar, number: int) -> Report:
    """What the plan itself says has been done of a task."""
    begin = None if task.actual_start is None else _start(calendar, task.actual_start)
    end = None if task.actual_finish is None else _finish(calendar, task.actual_finish)
    if begin is not None and end is not None and end < begin:
        raise InvalidInputError(f"tasks[{number}].actualFinish", "lies before actualStart")
    return Report(task.status, task.remaining_duration, task.percent_complete, begin, end)


def _start(calendar: Calendar, value: date | float) -> float:
    if isinstance(value, datetime):
        return calendar.coordinate(value)
    return calendar.start_of(value) if isinstance(value, date) else value


def _finish(calendar: Calendar, value: date | float) -> float:
    if isinstance(value, datetime):
        return calendar.coordinate(value)
    return calendar.finish_of(value) if isinstance(value, date) else value
