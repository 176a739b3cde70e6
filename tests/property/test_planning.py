"""Laws of planning: levelled schedules, chains and buffers of random networks with contention."""

from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainbell.engine.documents.plan import read_plan
from chainbell.engine.planner import plan_project, project_of
from chainbell.rules.forecast import start_bound
from chainbell.rules.planning.levelling import level
from chainbell.rules.planning.planning import Planned
from chainbell.rules.planning.schedule import forward, schedule
from tests.plans import MONDAY
from tests.property.strategies import contentions, random_contention


def planned(document: dict[str, Any]) -> Planned:
    return plan_project(read_plan(document), MONDAY)


@given(contentions)
def test_no_resource_is_asked_for_more_than_it_has(document: dict[str, Any]) -> None:
    project = planned(document).project
    wanted = {task["id"]: {r["id"]: r["units"] for r in task["resources"]} for task in document["tasks"]}
    capacity = {resource["id"]: resource["capacity"] for resource in document["resources"]}
    for at in {task.planned_start for task in project.tasks}:
        running = [t for t in project.tasks if t.planned_start <= at + 1e-9 and t.planned_finish > at + 1e-9]
        for resource, units in capacity.items():
            assert sum(wanted[task.id].get(resource, 0) for task in running) <= units + 1e-9


@given(contentions)
def test_the_resource_links_alone_hold_the_levelled_schedule_together(document: dict[str, Any]) -> None:
    """The longest path through both kinds of links gives the very dates of the serial scheme."""
    plain = project_of(read_plan({**document, "planning": {**document["planning"], "levelling": "none"}}), MONDAY)
    demands = [{r["id"]: r["units"] for r in task["resources"]} for task in document["tasks"]]
    capacity = {resource["id"]: resource["capacity"] for resource in document["resources"]}
    levelled = level(plain.tasks, plain.network, demands, capacity, priority=document["planning"]["priority"])
    project = planned(document).project
    assert [task.planned_start for task in project.tasks] == pytest.approx(list(levelled.start), abs=1e-6)
    assert len(project.network.links) - len(plain.network.links) == len(levelled.links)
    assert all(link.resource is not None for link in levelled.links)


@given(contentions)
def test_the_critical_chain_has_no_gap_and_is_no_shorter_than_the_longest_precedence_path(
    document: dict[str, Any],
) -> None:
    seen = planned(document)
    project = seen.project
    start, finish = forward(project.tasks, project.network, {})
    positions = [project.position(task_id) for task_id in project.critical_chain.tasks]
    assert start[positions[0]] == pytest.approx(0, abs=1e-6)
    assert finish[positions[-1]] == pytest.approx(max(finish), abs=1e-6)
    assert max(finish) >= max(seen.dates.finish) - 1e-6
    for before, after in pairwise(positions):
        edges = [edge for edge in project.network.predecessors[after] if edge[0] == before]
        duration = finish[after] - start[after]
        assert max(start_bound(edge, duration, start, finish) for edge in edges) == pytest.approx(
            start[after], abs=1e-6
        )


@given(contentions)
def test_every_task_is_on_one_chain_and_every_feeding_chain_joins_what_follows_it(document: dict[str, Any]) -> None:
    project = planned(document).project
    members = [task_id for chain in project.chains for task_id in chain.tasks]
    assert sorted(members) == sorted(task.id for task in project.tasks)
    links = {(link.predecessor, link.successor) for link in project.network.links}
    for chain in project.chains:
        assert all(pair in links for pair in pairwise(chain.tasks))
        if chain is not project.critical_chain:
            ends = {after for before, after in links if before == chain.tasks[-1]}
            assert chain.joins in ends if ends else chain.joins is None


def shuffled_alike(document: dict[str, Any], rng: Random) -> None:
    shuffled = {
        **document,
        **{key: rng.sample(document[key], len(document[key])) for key in ("tasks", "links", "resources")},
    }
    before, after = planned(document).project, planned(shuffled).project
    assert before.chains == after.chains
    assert before.buffers == after.buffers
    finishes = {task.id: task.planned_finish for task in before.tasks}
    assert finishes == pytest.approx({task.id: task.planned_finish for task in after.tasks}, abs=1e-6)


@given(contentions, st.randoms(use_true_random=False))
def test_the_order_in_which_a_plan_lists_things_changes_no_chain_and_no_buffer(
    document: dict[str, Any], rng: Random
) -> None:
    shuffled_alike(document, rng)


@pytest.mark.parametrize("seed", [1029, 1031, 1688, *range(200)])
def test_ties_between_tasks_that_free_a_resource_are_broken_by_id(seed: int) -> None:
    """The first three are plans in which the position in the file decided."""
    rng = Random(seed)
    shuffled_alike(random_contention(rng), rng)


def test_slack_is_how_far_a_task_slips_before_the_project_s_end_moves() -> None:
    """Each task pushed by exactly its slack, and by a little more."""
    rng = Random(11)
    for _ in range(400):
        document = random_contention(rng)
        document["planning"]["levelling"] = "none"
        project = project_of(read_plan(document), MONDAY)
        dates = schedule(project.tasks, project.network)
        end = max(dates.finish)
        for n, task in enumerate(project.tasks):
            for more, moves in ((0.0, False), (0.25, True)):
                pushed = list(project.tasks)
                pushed[n] = task._replace(not_before=dates.start[n] + dates.slack(n) + more)
                moved = max(forward(pushed, project.network, {})[1]) > end + 1e-6
                assert moved == moves


@settings(max_examples=15)
@given(contentions)
def test_an_optimal_schedule_is_no_longer_than_the_serial_one(document: dict[str, Any]) -> None:
    serial = planned(document).project
    optimal = planned({**document, "planning": {"levelling": "cp-sat"}}).project
    ends = [max(task.planned_finish for task in project.tasks) for project in (serial, optimal)]
    assert ends[1] <= ends[0] + 1e-6
