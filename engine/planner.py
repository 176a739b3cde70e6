"""Plans plan documents with `rules/planning/`, and OR-Tools' CP-SAT for optimal levelling (`chainbell[cp-sat]`)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from chainbell.engine.documents.plan import PlanDocument
from chainbell.engine.documents.plan_values import plan_values
from chainbell.engine.errors import InvalidInputError
from chainbell.rules import FieldError, HostId, LevellingError, LinkType, Network, Project, ProjectStatus, Task
from chainbell.rules.planning import planning
from chainbell.rules.planning.planning import Planned
from chainbell.rules.planning.resource_links import Demand
from chainbell.rules.planning.schedule import release

EFFORT = 20.0
"""How long the solver looks for a better schedule, in its own deterministic time: about this many seconds, but always
the same work and so the same schedule, however busy the machine is."""
STEPS = 480
"""The solver's units in a working day: minutes of eight hours."""


def plan_project(document: PlanDocument, at: datetime, status: ProjectStatus | None = None) -> Planned:
    """The project that a plan document describes, loaded at this instant, with what was derived for it.

    Remaining durations of work in progress count from the plan's `statusDate`, or else from the instant of loading.
    `status` is the status of a project that already exists.
    Raises InvalidInputError naming field and reason.
    """
    plan = plan_values(document, at, status)
    try:
        return planning.plan_project(plan, optimal_ranks)
    except FieldError as error:
        raise InvalidInputError(error.field, error.reason) from None


class Planner:
    """Plans each document once: what follows from a plan alone is kept while its change is tried again."""

    def __init__(self) -> None:
        self._planned: dict[tuple[int, datetime, ProjectStatus | None], tuple[PlanDocument, Planned]] = {}

    def __call__(self, document: PlanDocument, at: datetime, status: ProjectStatus | None) -> Planned:
        """As `plan_project`."""
        name = (id(document), at, status)
        if name not in self._planned:
            self._planned[name] = document, plan_project(document, at, status)
        return self._planned[name][1]


def project_of(document: PlanDocument, at: datetime) -> Project:
    """The project that a plan document describes, baseline 1; raises InvalidInputError naming field and reason."""
    return plan_project(document, at).project


def optimal_ranks(
    tasks: Sequence[Task],
    network: Network,
    demands: Sequence[Demand],
    capacities: Demand,
    releases: Mapping[HostId, float],
) -> list[float]:
    """By task position, the start in the shortest schedule found; the serial scheme uses these starts as ranks.

    Durations and lags are minutes of an eight-hour day. Raises InvalidInputError without OR-Tools, and LevellingError
    if no schedule was found within EFFORT.
    """
    try:
        from ortools.sat.python import cp_model
    except ImportError:
        raise InvalidInputError("planning.levelling", "cp-sat needs OR-Tools: install chainbell[cp-sat]") from None
    model = cp_model.CpModel()
    lengths = [round(task.duration * STEPS) for task in tasks]
    earliest = [round(release(task, network, releases) * STEPS) for task in tasks]
    horizon = max(earliest, default=0) + sum(lengths) + sum(max(0, round(link.lag * STEPS)) for link in network.links)
    starts = [model.new_int_var(begin, horizon, f"s{n}") for n, begin in enumerate(earliest)]
    intervals = [
        model.new_fixed_size_interval_var(start, length, f"i{n}")
        for n, (start, length) in enumerate(zip(starts, lengths, strict=True))
    ]
    for position in network.order:
        for other, kind, lag in network.predecessors[position]:
            left = starts[other] + (lengths[other] if kind in (LinkType.FS, LinkType.FF) else 0) + round(lag * STEPS)
            right = starts[position] + (0 if kind in (LinkType.FS, LinkType.SS) else lengths[position])
            model.add(left <= right)
    for resource, capacity in capacities.items():
        users = [position for position, demand in enumerate(demands) if demand.get(resource)]
        if users:
            wanted = [round(demands[position][resource] * 1000) for position in users]
            model.add_cumulative([intervals[position] for position in users], wanted, round(capacity * 1000))
    end = model.new_int_var(0, horizon, "end")
    for start, length in zip(starts, lengths, strict=True):
        model.add(end >= start + length)
    model.minimize(end)
    solver = cp_model.CpSolver()
    solver.parameters.max_deterministic_time = EFFORT
    solver.parameters.num_workers = 1  # one worker and a fixed seed: the same plan gives the same schedule
    solver.parameters.random_seed = 1
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise LevellingError("planning.levelling", "CP-SAT found no schedule in time")
    return [float(solver.value(start)) for start in starts]
