"""What a plan gives reason to say, in words."""

from typing import Any

import pytest

from chainbell.engine.documents.plan import read_plan
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.planner import plan_project
from tests.plans import MONDAY, line_plan


def notes(plan: dict[str, Any]) -> list[str]:
    return list(plan_project(read_plan(plan), MONDAY).notes)


def derived(*tasks: dict[str, Any], links: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    plan = line_plan(1)
    named = [{"name": str(task["id"]), **task} for task in tasks]
    return {key: plan[key] for key in ("accountId", "project")} | {"tasks": named, "links": links or []}


def test_a_date_that_holds_the_critical_chain_open_is_told_and_the_chain_goes_on_over_it() -> None:
    plan = derived(
        {"id": "A", "duration": 10}, {"id": "B", "duration": 8},
        {"id": "C", "duration": 1, "startNoEarlierThan": 40},
        links=[{"from": "A", "to": "C"}, {"from": "B", "to": "C"}],
    )  # fmt: skip
    planned = plan_project(read_plan(plan), MONDAY)
    assert planned.project.critical_chain.tasks == ("A", "C")
    assert planned.project.project_buffer.size == 5.5
    assert (
        "a date holds the critical chain open: 30 working days between A and C, in which delay costs no buffer"
        in planned.notes
    )


def test_a_short_project_buffer_is_told() -> None:
    assert any("less than a tenth of the 20 planned" in note for note in notes(line_plan(5, 10, 5, buffer=1.9)))
    assert notes(line_plan(5, 10, 5, buffer=2)) == []


def test_an_end_planned_behind_the_critical_chain_is_told() -> None:
    plan = line_plan(5)
    plan["tasks"].append({"id": 9, "name": "Z", "duration": 6})
    assert notes(plan) == ["planned to finish behind the critical chain, unprotected by the project buffer: 9"]


def test_resources_beside_given_chains_are_told() -> None:
    plan = line_plan(5)
    plan["tasks"][0]["resources"] = ["x"]
    assert notes(plan) == ["resources are not levelled: the plan brings its own chains"]


def test_planned_dates_that_contradict_links_are_told() -> None:
    plan = line_plan(5, 5)
    plan["tasks"][1]["plannedStart"] = "2025-03-04"
    assert any("contradict links" in note and note.endswith(": 2") for note in notes(plan))


def test_actuals_in_planning_are_told() -> None:
    plan = line_plan(5, status="Planning")
    plan["tasks"][0]["actualStart"] = "2025-03-03"
    assert any("nothing rings before it is Active" in note for note in notes(plan))
    plan["project"]["status"] = "Active"
    assert notes(plan) == []


@pytest.mark.parametrize(
    ("buffers", "field", "reason"),
    [
        ([{"id": "PB", "chain": "critical", "size": 5}], "buffers", "need the chains that they stand on"),
        ([{"id": "PB", "chain": "critical", "size": 5e-324}], r"buffers\[0\]\.size", "0 or at least 0.01"),
    ],
)
def test_buffers_that_cannot_be(buffers: list[dict[str, Any]], field: str, reason: str) -> None:
    plan = derived({"id": "A", "duration": 10}) | {"buffers": buffers}
    with pytest.raises(InvalidInputError, match=f"{field}: .*{reason}"):
        notes(plan)


def test_two_buffers_under_one_chain_are_refused_with_the_reason() -> None:
    plan = line_plan(5)
    plan["buffers"].append({"id": "FB", "chain": "critical", "size": 1})
    with pytest.raises(InvalidInputError, match=r"buffers\[1\]\.chain: chain 'critical' has a buffer already"):
        notes(plan)


@pytest.mark.parametrize(("status_date", "finish"), [("2025-03-10", 13.0), (None, 8.0), ("2025-03-05T13:00:00Z", 10.5)])
def test_what_is_left_of_work_under_way_counts_from_the_data_date(status_date: str | None, finish: float) -> None:
    plan = line_plan(10)
    plan["project"]["statusDate"] = status_date
    plan["tasks"][0] |= {"actualStart": "2025-03-03", "remainingDuration": 8}
    task = plan_project(read_plan(plan), MONDAY).project.tasks[0]
    assert task.counted_from is not None
    assert task.counted_from + task.remaining_duration == finish
