"""The scenarios in fixtures/ are the living specification: each is run by the real command."""

from pathlib import Path
from typing import Any

import pytest

from chainbell.rules import CATALOGUE
from tests.e2e.commands import FIXTURES, chainbell, lines

SCENARIOS = sorted(FIXTURES.glob("*.yaml"))
REFERENCE_KEYS = {
    "project.started": "projectId projectName startDate targetEndDate managerId managerName managerEmail bufferSize "
    "criticalChainLength teamSize",
    "task.red": "taskId taskName projectId projectName assignedTo bufferConsumption remainingDuration dueDate "
    "previousStatus criticalChainImpact",
    "milestone.achieved": "milestoneId milestoneName projectId projectName achievedDate plannedDate daysEarly "
    "completedBy linkedDeliverables",
    "task.status_changed": "taskId taskName projectId previousStatus newStatus changedBy changedAt percentComplete "
    "estimatedCompletion",
    "project.early_warning": "projectId projectName warningLevel bufferConsumption projectedCompletion originalTarget "
    "daysLate criticalTasks recommendations",
    "project.frozen": "projectId projectName previousStatus newStatus changedBy changedAt reason",
    "project.status_changed": "projectId projectName previousStatus newStatus changedBy changedAt",
    "task.ready": "taskId taskName projectId projectName assignedTo plannedDuration remainingDuration dueDate readyAt "
    "predecessors criticalChainImpact bufferConsumption status",
    "task.completed": "taskId taskName projectId projectName completedBy completedAt plannedDuration actualDuration "
    "dueDate daysEarly bufferConsumption criticalChainImpact",
    "task.duration_changed": "taskId taskName projectId projectName previousRemainingDuration newRemainingDuration "
    "changedBy changedAt percentComplete estimatedCompletion bufferConsumption",
}


@pytest.fixture(scope="module")
def fired() -> dict[str, list[dict[str, Any]]]:
    """The events of every scenario by its file name; each run must meet its own expectations."""
    runs = {}
    for path in SCENARIOS:
        run = chainbell("simulate", path, "--json")
        assert run.returncode == 0, run.stderr
        runs[path.stem] = lines(run.stdout)
    return runs


def test_together_they_make_all_ten_events_fire(fired: dict[str, list[dict[str, Any]]]) -> None:
    assert {event["event"] for events in fired.values() for event in events} == {rule.event for rule in CATALOGUE}


def test_payloads_have_the_documented_keys_in_their_order(fired: dict[str, list[dict[str, Any]]]) -> None:
    for events in fired.values():
        for event in events:
            assert list(event) == ["event", "timestamp", "projectId", "taskId", "data"]
            assert list(event["data"]) == REFERENCE_KEYS[event["event"]].split()


def test_people_tasks_and_deliverables_inside_payloads_too(fired: dict[str, list[dict[str, Any]]]) -> None:
    data = {event["event"]: event["data"] for event in fired["reference-payloads"]}
    assert list(data["task.red"]["assignedTo"]) == ["id", "name", "email"]
    assert list(data["milestone.achieved"]["linkedDeliverables"][0]) == ["id", "name", "status"]
    assert list(data["project.early_warning"]["criticalTasks"][0]) == ["id", "name", "bufferConsumption"]
    assert any("Backend Development" in line for line in data["project.early_warning"]["recommendations"])


def test_an_expectation_that_is_not_met_exits_1(tmp_path: Path) -> None:
    scenario = (FIXTURES / "only-time-passes.yaml").read_text()
    for old, new in (("task.red: 1", "task.red: 2"), ("bufferConsumption: 50", "bufferConsumption: 51")):
        (tmp_path / "s.yaml").write_text(scenario.replace(old, new))
        run = chainbell("simulate", tmp_path / "s.yaml", "--json")
        assert run.returncode == 1
        assert "expectation" in run.stderr


def test_the_demonstration_delivers_and_verifies_everything() -> None:
    run = chainbell("simulate", FIXTURES / "product-launch.yaml", "--listen")
    assert run.returncode == 0, run.stderr
    assert "got 35 webhooks and verified the signatures of 35" in run.stdout
    assert "critical chain done" in run.stdout
