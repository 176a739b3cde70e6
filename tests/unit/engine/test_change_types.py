"""The static types of changes say what is checked at run time; typed changes go in, typed payloads come out."""

from typing import get_args, get_type_hints

import pytest
from pydantic import BaseModel

from chainbell.engine import ChangeFields, Engine, TaskUpdateFields, read_change
from chainbell.engine.documents.change import ClockTick, MilestoneComplete, Plan, ProjectUpdate, TaskUpdate
from chainbell.engine.documents.change_types import (
    ClockFields,
    MilestoneCompleteFields,
    PlanFields,
    ProjectUpdateFields,
)
from chainbell.rules import CATALOGUE, Event, EventName, MalformedPayloadError, TaskReady, TaskRed
from tests.plans import MONDAY, line_plan


@pytest.mark.parametrize(
    ("fields", "model"),
    [
        (ProjectUpdateFields, ProjectUpdate),
        (TaskUpdateFields, TaskUpdate),
        (MilestoneCompleteFields, MilestoneComplete),
        (PlanFields, Plan),
        (ClockFields, ClockTick),
    ],
)
def test_both_forms_have_the_same_fields(fields: type, model: type[BaseModel]) -> None:
    schema = model.model_json_schema(by_alias=True)
    assert set(get_type_hints(fields)) == set(schema["properties"])
    assert fields.__required_keys__ == frozenset(schema["required"])  # type: ignore[attr-defined]


def test_the_names_of_the_events_are_those_of_the_catalogue() -> None:
    assert list(get_args(EventName)) == [rule.event for rule in CATALOGUE]


def test_a_typed_change_goes_in_and_a_typed_payload_comes_out() -> None:
    heard: list[Event] = []
    with Engine("sqlite://") as engine:
        name: EventName = "task.red"

        def hear(_: Engine, event: Event) -> None:
            heard.append(event)

        engine.signal(name).connect(hear)
        engine.load(line_plan(5, 5), at=MONDAY)
        late: TaskUpdateFields = {
            "kind": "task.update",
            "projectId": 1,
            "taskId": 1,
            "status": "InProgress",
            "remainingDuration": 25,
            "at": "2025-03-03T09:00:00+00:00",
        }
        changes: list[ChangeFields] = [late]
        assert read_change(late) == read_change(dict(late))
        engine.apply_all(changes)
    (event,) = heard
    red = event.payload(TaskRed)
    assert (red.task_id, red.remaining_duration, red.due_date.isoformat()) == (1, 25.0, "2025-03-07")
    with pytest.raises(MalformedPayloadError):
        event.payload(TaskReady)
