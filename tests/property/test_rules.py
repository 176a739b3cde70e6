"""Laws of the critical chain that hold for every project."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from chainbell.delivery.javascript_json import compact
from chainbell.engine.documents.plan import read_plan
from chainbell.engine.planner import project_of
from chainbell.rules import Calendar, Cause, Link, Measure, Project, assess, compile_network, evaluate
from chainbell.rules.zones import Zone, ZonePolicy
from tests.plans import MONDAY
from tests.property.strategies import at_work, days, projects, random_contention

NOW = datetime(2025, 3, 10, 9, tzinfo=UTC)


@given(projects, days)
def test_a_positive_project_consumption_is_the_largest_task_s_share_of_the_project_buffer(
    project: Project, now: float
) -> None:
    seen = assess(project, now)
    alone = assess(replace(project, buffers=(project.project_buffer,)), now)
    assume(seen.project.consumption > 0)
    holding = [n for n, task in enumerate(project.tasks) if task.is_unfinished or n in seen.project.ends]
    assert abs(max(alone.tasks[n].percent for n in holding) - seen.project.consumption) < 1e-6


@given(st.randoms(use_true_random=False), days)
def test_a_derived_plan_that_ends_behind_its_promise_is_red(rng: Random, now: float) -> None:
    """Whichever of its ends it is, whatever is cancelled meanwhile, and whoever has gone on without waiting."""
    document = random_contention(rng)
    for link in document["links"]:
        link["lag"] = abs(link["lag"])
    project = at_work(rng, project_of(read_plan(document), MONDAY))
    seen = assess(project, now)
    promise = seen.project.baseline_finish + project.project_buffer.size
    finishes = [finish for task, finish in zip(project.tasks, seen.forecast.finish, strict=True) if task.is_unfinished]
    if max(finishes, default=0.0) > promise + 1e-6:
        assert seen.zone == Zone.RED


@given(projects, days, st.integers(0, 8), days)
def test_consumption_never_falls_when_a_remaining_duration_grows(
    project: Project, now: float, which: int, more: float
) -> None:
    position = which % len(project.tasks)
    task = project.tasks[position]
    assume(task.is_unfinished)
    tasks = list(project.tasks)
    tasks[position] = task._replace(remaining=task.remaining_duration + more)
    grown = assess(replace(project, tasks=tuple(tasks)), now)
    for before, after in zip(assess(project, now).buffers, grown.buffers, strict=True):
        if before.buffer.measure == Measure.FORECAST:  # on the gap, a joined task that slips gives its feeders room
            assert after.consumption >= before.consumption - 1e-9


@given(projects)
def test_evaluating_twice_adds_no_event(project: Project) -> None:
    once = evaluate(project, project, NOW, Cause("test"))
    assert evaluate(once.project, once.project, NOW, Cause("test")).events == ()


@given(projects, st.permutations(range(9)), days)
def test_the_order_in_which_a_plan_lists_its_tasks_changes_nothing(
    project: Project, ranks: list[int], now: float
) -> None:
    tasks = [task for _, task in sorted(zip(ranks, project.tasks, strict=False))]
    shuffled = replace(project, tasks=tuple(tasks), network=compile_network(tasks, project.network.links))
    before, after = assess(project, now), assess(shuffled, now)
    assert {b.buffer.id: b.consumption for b in before.buffers} == {b.buffer.id: b.consumption for b in after.buffers}
    for task in project.tasks:
        assert before.tasks[project.position(task.id)] == after.tasks[shuffled.position(task.id)]
    fired = [event.id for event in evaluate(project, project, NOW, Cause("t")).events]
    assert fired == [event.id for event in evaluate(shuffled, shuffled, NOW, Cause("t")).events]


@given(projects, days)
def test_other_names_for_the_tasks_change_nothing(project: Project, now: float) -> None:
    """Ids of the other type, in the same order among each other."""

    def renamed(task_id: object) -> str:
        return f"T-{task_id:>04}"

    tasks = tuple(task._replace(id=renamed(task.id)) for task in project.tasks)
    links = [Link(renamed(a), renamed(b), kind, lag) for a, b, kind, lag, _ in project.network.links]
    chains = tuple(
        replace(c, tasks=tuple(map(renamed, c.tasks)), joins=None if c.joins is None else renamed(c.joins))
        for c in project.chains
    )
    other = replace(project, tasks=tasks, chains=chains, network=compile_network(tasks, links))
    assert assess(other, now).tasks == assess(project, now).tasks
    before, after = (evaluate(p, p, NOW, Cause("t")).events for p in (project, other))
    assert [event.name for event in before] == [event.name for event in after]


working_weeks = st.sets(st.integers(1, 7), min_size=1).map(frozenset)
dates = st.dates(date(2000, 1, 1), date(2100, 1, 1))


@given(dates, working_weeks, st.frozensets(dates, max_size=20), st.integers(-4000, 4000), st.floats(0.001, 0.999))
def test_working_days_and_instants_map_one_to_one(
    origin: date, week: frozenset[int], holidays: frozenset[date], day: int, fraction: float
) -> None:
    calendar = Calendar(origin, week, holidays, time_zone="America/New_York")
    assert abs(calendar.coordinate(calendar.instant(day + fraction)) - (day + fraction)) < 1e-9
    assert calendar.start_of(calendar.start_date(day)) == day
    assert calendar.finish_of(calendar.finish_date(day)) == day
    assert calendar.is_working(calendar.start_date(day))


@given(st.floats(-500, 500), st.floats(0, 500), st.floats(-50, 150), st.sampled_from(["static", "fever"]))
def test_zones_are_monotone(consumption: float, more: float, completion: float, policy: str) -> None:
    order = [Zone.GREEN, Zone.YELLOW, Zone.RED]
    zones = ZonePolicy(policy=policy)
    lower, upper = (zones.project_zone(c, completion) for c in (consumption, consumption + more))
    assert order.index(lower) <= order.index(upper)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_javascript_json_is_json_and_stable(value: object) -> None:
    body = compact(value)
    assert compact(json.loads(body)) == body
