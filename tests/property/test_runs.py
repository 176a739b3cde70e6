"""The same history in other portions: change by change, all at once, replayed, re-evaluated on the way."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainbell.engine import Engine, InvalidInputError
from tests.plans import line_plan

DAYS = [f"2025-03-{day:02}T{hour:02}:00:00Z" for day in range(3, 29) for hour in (9, 13, 17)]


def random_history(rng: Random) -> list[dict[str, Any]]:
    """Reports on a line of three tasks and one that feeds it, in time order, with re-evaluations between them."""
    changes: list[dict[str, Any]] = [{"kind": "project.update", "projectId": 1, "status": "Active", "at": DAYS[0]}]
    for at in sorted(rng.sample(DAYS, rng.randint(1, 15))):
        update: dict[str, Any] = {"kind": "task.update", "projectId": 1, "taskId": rng.randint(1, 4), "at": at}
        match rng.randint(0, 4):
            case 0:
                changes.append({"kind": "clock", "at": at})
            case 1:
                changes.append({**update, "status": rng.choice(["InProgress", "OnHold", "Completed", "NotStarted"])})
            case 2:
                changes.append({**update, "percentComplete": rng.choice([0, 25, 99, 100])})
            case _:
                changes.append({**update, "remainingDuration": rng.randint(0, 60) / 4})
    return changes


def plan() -> dict[str, Any]:
    document = line_plan(5, 10, 5, buffer=6)
    document["tasks"].append({"id": 4, "name": "Task 4", "duration": 4})
    document["links"].append({"from": 4, "to": 3})
    document["chains"].append({"id": "f", "kind": "feeding", "tasks": [4], "joins": 3})
    document["buffers"].append({"id": "FB", "chain": "f", "size": 3})
    document["project"]["status"] = "Planning"
    return document


@settings(max_examples=40)
@given(st.randoms(use_true_random=False).map(random_history), st.integers(1, 5))
def test_a_batch_run_and_a_change_by_change_run_end_in_the_same_events(
    history: list[dict[str, Any]], portion: int
) -> None:
    with Engine("sqlite://") as one_by_one, Engine("sqlite://") as batch:
        for engine in (one_by_one, batch):
            engine.load(plan(), at=None)
        for change in history:
            one_by_one.apply(change)
        for first in range(0, len(history), portion):
            batch.apply_all(history[first : first + portion])
        last = history[-1]["at"]
        for _ in range(2):  # evaluating again adds nothing
            batch.apply({"kind": "clock", "at": last})
        events = [(event.id, event.name, event.occurred_at, event.data) for event in one_by_one.events(1)]
        assert events == [(event.id, event.name, event.occurred_at, event.data) for event in batch.events(1)]


@settings(max_examples=20)
@given(st.randoms(use_true_random=False).map(random_history))
def test_a_replayed_history_adds_nothing(history: list[dict[str, Any]]) -> None:
    stream = [{**change, "changeId": f"c-{number}"} for number, change in enumerate(history)]
    with Engine("sqlite://") as engine:
        engine.load(plan())
        fired = [[event.id for event in engine.apply(change)] for change in stream]
        before = engine.events(1)
        assert [[event.id for event in engine.apply(change)] for change in stream] == fired
        assert engine.events(1) == before


def test_a_refused_change_in_a_batch_refuses_the_batch() -> None:
    with Engine("sqlite://") as engine:
        engine.load(plan())
        good = {"kind": "project.update", "projectId": 1, "status": "Active", "at": DAYS[0]}
        with pytest.raises(InvalidInputError, match="projectId"):
            engine.apply_all([good, {**good, "projectId": 2}])
        assert engine.events(1) == []
