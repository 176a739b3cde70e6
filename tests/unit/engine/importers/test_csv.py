import pytest

from chainbell.engine import InvalidInputError
from chainbell.engine.importers import read_csv
from tests.plan_files import TASKS_CSV

SCHEDULE = b"""id,type,chain,start,finish,duration,resource_ids,predecessor_ids
A,task,critical,0,5,5,x,
B,task,critical,5,10,5,y,A;FB1:FB
C,task,f,0,3,3,y,
FB1,feeding_buffer,f,3,5,2,,C:FB
PB,project_buffer,critical,10,15,5,,B:PB
"""


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
    document = read_csv(SCHEDULE, "schedule.csv").document
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
        (b"", "s.csv:1", "needs the columns"),
        (b"id,duration\n", "s.csv", "has no rows"),
        (b"id,duration\nA,1,2\n", "s.csv:2", "has 3 cells, the header 2"),
        (b"id,duration\n,1\n", "s.csv:2: id", "is empty"),
        (b"id,duration\nA,long\n", "s.csv:2: duration", "'long' is not a number"),
        (b'id,duration\n"A,1\n', "s.csv:2", "is not CSV"),
        (b"id,type,duration\nA,phase,1\n", "s.csv:2: type", "neither a task nor a buffer"),
        (b"id,id,duration\nA,B,1\n", "s.csv:1", "names a column twice"),
    ],
)
def test_what_cannot_be_read_is_refused_with_line_and_column(data: bytes, place: str, reason: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_csv(data, "s.csv")
    assert refused.value.field == place
    assert reason in refused.value.reason
