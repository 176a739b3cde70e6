import pytest

from chainbell.engine import InvalidInputError
from chainbell.engine.importers import read_csv
from tests.plan_files import SCHEDULE_CSV, TASKS_CSV


def test_a_list_of_tasks_is_halved_and_keeps_its_safety() -> None:
    imported = read_csv(TASKS_CSV, "tasks.csv")
    assert imported.document["tasks"][0] == {
        "id": "A",
        "name": "Spec",
        "duration": 5,
        "safeDuration": 10,
        "resources": ["blue"],
    }
    assert imported.document["links"][-1] == {"from": "B", "to": "C", "type": "FF", "lag": 1}
    assert any("half of it is planned" in warning for warning in imported.warnings)


def test_a_schedule_brings_chains_buffers_and_the_hand_over_of_resources() -> None:
    document = read_csv(SCHEDULE_CSV, "schedule.csv").document
    assert document["chains"] == [
        {"id": "critical", "kind": "critical", "tasks": ["A", "B"]},
        {"id": "f", "kind": "feeding", "tasks": ["C"], "joins": "B"},
    ]
    assert document["buffers"] == [{"id": "FB1", "chain": "f", "size": 2}, {"id": "PB", "chain": "critical", "size": 5}]
    assert {"from": "C", "to": "B"} in document["links"]
    assert document["tasks"][1]["plannedStart"] == 5


@pytest.mark.parametrize(
    ("data", "place", "reason"),
    [
        (b"", "s.csv:1", "has no column known as id or name or duration"),
        (b"id,chain\nA,f\n", "s.csv:1", "needs the columns"),
        (b"id,duration\n", "s.csv", "has no rows"),
        (b"id,duration\nA,1,2\n", "s.csv:2", "has 3 cells, the header 2"),
        (b"id,duration\n,1\n", "s.csv:2: id", "is empty"),
        (b"id,duration\nA,long\n", "s.csv:2: duration", "'long' is not a duration"),
        (b'id,duration\n"A,1\n', "s.csv:2", "is not CSV"),
        (b"id,type,duration,chain\nA,phase,1,f\n", "s.csv:2: type", "neither a task nor a buffer"),
        (b"id,id,duration\nA,B,1\n", "s.csv:1", "names the column id twice"),
        (b"id,chain,Chain,duration\nA,f,f,1\n", "s.csv:1", "names a column twice"),
        (b"id,chain,duration,predecessors\nA,f,1,\n", "s.csv:1", "'predecessors' holds links: name it predecessor_ids"),
    ],
)
def test_what_cannot_be_read_is_refused_with_line_and_column(data: bytes, place: str, reason: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_csv(data, "s.csv")
    assert refused.value.field == place
    assert reason in refused.value.reason


def test_the_optimal_duration_is_planned_with_and_the_realistic_one_is_the_safe_one() -> None:
    data = b"id,optimal_duration,realistic_duration,predecessor_ids\nA,4,10,\nB,3,5,A\n"
    imported = read_csv(data, "tasks.csv")
    assert [(task["duration"], task["safeDuration"]) for task in imported.document["tasks"]] == [(4, 10), (3, 5)]
    assert imported.warnings == ('task ids are strings, the column id: "A", "B"',)


SHARED = b"""id,type,chain,start,duration,predecessor_ids
A,task,critical,0,5,
B,task,critical,5,5,A;FB1:FB
E,task,critical,10,5,B;FB2:FB
C,task,feeding,0,2,
D,task,feeding,4,4,
D2,task,feeding,8,1,D
FB1,feeding_buffer,feeding,2,1,C:FB
FB2,feeding_buffer,feeding,9,2,D2:FB
PB,project_buffer,critical,15,7,E:PB
"""


def test_several_buffers_under_one_label_are_read_as_a_chain_for_each() -> None:
    imported = read_csv(SHARED, "schedule.csv")
    assert imported.document["chains"] == [
        {"id": "critical", "kind": "critical", "tasks": ["A", "B", "E"]},
        {"id": "feeding (FB1)", "kind": "feeding", "tasks": ["C"], "joins": "B"},
        {"id": "feeding (FB2)", "kind": "feeding", "tasks": ["D", "D2"], "joins": "E"},
    ]
    assert [buffer["chain"] for buffer in imported.document["buffers"]] == [
        "feeding (FB1)",
        "feeding (FB2)",
        "critical",
    ]
    assert "several buffers under the label feeding: read as a chain for each: FB1, FB2" in imported.warnings
    assert "the schedule's own dates are kept as the planned ones" in imported.warnings


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (b"FB2,feeding_buffer,feeding,9,2,D2:FB", b"FB2,feeding_buffer,feeding,9,2,", "task D leads to none of them"),
        (b"8,1,D\n", b"8,1,D;C\n", "task C leads to FB1 and FB2: give each buffer a chain of its own"),
    ],
)
def test_a_label_whose_tasks_fit_no_single_buffer_is_refused(before: bytes, after: bytes, reason: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_csv(SHARED.replace(before, after), "s.csv")
    assert refused.value.field == "s.csv:9: chain"
    assert reason in refused.value.reason
