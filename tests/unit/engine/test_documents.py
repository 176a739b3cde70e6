"""Bad input gets a clear error that names the field and the reason."""

import copy
from typing import Any

import pytest

from chainbell.engine import InvalidInputError, read_change, read_plan
from chainbell.engine.importers import read_json, read_yaml
from chainbell.engine.planner import project_of
from chainbell.rules import Measure, Readiness
from tests.plans import MONDAY, line_plan, task_update

AT = "2025-03-03T09:00:00Z"


def with_field(path: str, value: Any) -> dict[str, Any]:
    """The line plan with the value at `path` replaced; DELETE removes it."""
    plan = copy.deepcopy(line_plan())
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    target: Any = plan
    for part in parents:
        target = target[part]
    if value is DELETE:
        del target[last]
    elif isinstance(target, list) and last == len(target):
        target.append(value)
    else:
        target[last] = value
    return plan


DELETE = object()


@pytest.mark.parametrize(
    ("path", "value", "field", "reason"),
    [
        ("tasks/0/duration", -1, "tasks[0].duration", "greater than or equal to 0"),
        ("tasks/0/duration", float("nan"), "tasks[0].duration", "finite|greater"),
        ("tasks/0/duration", "5", "tasks[0].duration", "number"),
        ("tasks/0/duration", DELETE, "tasks[0].duration", "is missing"),
        ("tasks/1/id", 1, "tasks[1].id", "two tasks have the id 1"),
        ("tasks/0/id", True, "tasks[0].id", "integer or a string"),
        ("tasks/0/id", 2**53, "tasks[0].id", "2\\*\\*53"),
        ("tasks/0/id", "x" * 65, "tasks[0].id", "64 characters"),
        ("tasks/0/colour", "red", "tasks[0].colour", "not permitted"),
        ("links/2", {"from": 3, "to": 1}, "links", "cycle: 1 -> 2 -> 3 -> 1|cycle"),
        ("links/0/to", 99, "links[0].to", "no task 99"),
        ("links/0/type", "XX", "links[0].type", "FS"),
        ("chains/0/tasks/1", 99, "chains[0].tasks[1]", "no task 99"),
        ("chains/0/kind", "feeding", "chains", "one chain must be critical"),
        ("buffers/0/chain", "x", "buffers[0].chain", "no chain 'x'"),
        ("project/startDate", "2025-13-01", "project.startDate", "month"),
        ("project/status", "Sleeping", "project.status", "Planning"),
        ("project/calendar", {"timeZone": "Mars/Base"}, "project.calendar.timeZone", "IANA"),
        ("project/calendar", {"timeZone": 5}, "project.calendar.timeZone", "IANA"),
        ("project/calendar", {"hours": ["09:00Z", "17:00"]}, "project.calendar.hours", "wall-clock"),
        ("project/calendar", {"workingDays": []}, "project.calendar.workingDays", "at least one weekday"),
        ("project/calendar", {"hours": ["17:00", "09:00"]}, "project.calendar.hours", "closing"),
        ("project/zones", {"yellow": 80}, "project.zones", "yellow must lie below red"),
        ("project/startDate", "0001-01-01", "project.startDate", "years 1900 to 2200"),
        ("accountId", DELETE, "accountId", "is missing"),
    ],
)
def test_a_plan_that_cannot_be(path: str, value: Any, field: str, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason) as caught:
        project_of(read_plan(with_field(path, value)), MONDAY)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (task_update(1, AT, percentComplete=130), "percentComplete"),
        (task_update(1, AT, remainingDuration=-2), "remainingDuration"),
        (task_update(1, AT, remainingDuration=float("nan")), "remainingDuration"),
        (task_update(1, "2025-03-03T09:00:00", percentComplete=1), "at"),
        ({"kind": "task.update", "projectId": 1, "taskId": 1, "percentComplete": 1, "at": None}, "at"),
        ({"kind": "task.update", "taskId": 1, "at": AT, "percentComplete": 1}, "projectId"),
        (task_update(1, "0001-01-01T00:00:00+14:00", percentComplete=1), "at"),
        (task_update(1, AT), "document"),
        ({"kind": "task.explode", "at": AT}, "kind|document"),
        ({"at": AT}, "kind|document"),
        ([], "change"),
    ],
)
def test_a_change_that_cannot_be(change: Any, field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_change(change)
    assert caught.value.field in field.split("|")


@pytest.mark.parametrize("text", ['{"a": 1', '{"a": NaN}', '{"a": 1, "a": 2}', "", "\xff", "[" * 100_000])
def test_json_that_is_not(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not JSON"):
        read_json(text.encode("latin-1"), "plan.json")


def test_aliases_and_merges_of_yaml_are_bounded() -> None:
    lists = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    merges = "a0: &a0 {k: 1}\n" + "".join(
        f"a{n}: &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * 10)}]\n  k{n}: 1\n" for n in range(1, 12)
    )
    for text in (lists, merges):
        with pytest.raises(InvalidInputError, match="more than"):
            read_yaml(text.encode(), "bomb.yaml")
    assert read_yaml(b"a: &a {b: 1}\nc: {<<: *a, d: 2}\n", "merged.yaml")["c"] == {"b": 1, "d": 2}


def test_a_key_that_stands_twice_among_many_is_found_at_once() -> None:
    text = "{" + ", ".join(f'"k{n}": 1' for n in range(100_000)) + ', "k99999": 2}'
    with pytest.raises(InvalidInputError, match="'k99999' stands twice"):
        read_json(text.encode(), "plan.json")


@pytest.mark.parametrize(
    "zone", ["localtime", "posixrules", "Factory", "posix/Europe/Berlin", "right/UTC", "Nowhere", ""]
)
def test_a_time_zone_means_the_same_on_every_machine(zone: str) -> None:
    plan = line_plan()
    plan["project"]["calendar"] = {"timeZone": zone}
    with pytest.raises(InvalidInputError) as refused:
        read_plan(plan)
    assert refused.value.field == "project.calendar.timeZone"


def test_hours_in_yaml_need_no_quotes() -> None:
    assert read_yaml(b"hours: [09:00, 17:00, 17:30.5, 17]", "plan.yaml") == {"hours": ["09:00", "17:00", "17:30.5", 17]}


@pytest.mark.parametrize(
    "text",
    ["a: [1", "a: 1\na: 2", "a: !!python/object:os.system x", "\x00"]
    + ["[a]: 1\n[b]: 2", "!!set {? {a: b}}", "!!bool x", "!!timestamp x"],
)
def test_yaml_that_is_not(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"plan\.yaml"):
        read_yaml(text.encode(), "plan.yaml")


@pytest.mark.parametrize(("said", "measure"), [({}, Measure.GAP), ({"measure": "forecast"}, Measure.FORECAST)])
def test_a_feeding_buffer_is_measured_on_the_gap_unless_it_says_otherwise(
    said: dict[str, Any], measure: Measure
) -> None:
    plan = line_plan(5, 10)
    plan["tasks"].append({"id": 7, "name": "Feeder", "duration": 1})
    plan["links"].append({"from": 7, "to": 2})
    plan["chains"].append({"id": "f", "kind": "feeding", "tasks": [7], "joins": 2})
    plan["buffers"].append({"id": "FB", "chain": "f", "size": 4, **said})
    assert project_of(read_plan(plan), MONDAY).buffers[1].measure is measure


def test_a_project_says_how_its_tasks_become_ready() -> None:
    plan = with_field("project/readiness", "predecessors")
    assert project_of(read_plan(plan), MONDAY).options.readiness is Readiness.PREDECESSORS
