"""A project whose rows the database does not take is named, and holds up nobody."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from chainbell.engine import Engine, EvaluationError, StorageError
from chainbell.storage.tables import ProjectRow, table
from tests.contract.api_client import API, Caller, served
from tests.plans import MONDAY, line_plan, task_update

LATE = datetime(2025, 3, 21, 17, tzinfo=UTC)
TICK = {"kind": "clock", "at": LATE.isoformat(), "changeId": "tick"}


def with_one_that_cannot_be_written(engine: Engine) -> None:
    """Projects 1 to 5; the version of the third is the last number that its column takes."""
    for number in range(1, 6):
        engine.load(line_plan(project_id=number), at=MONDAY)
    last = 2**63 - 1 if engine.database.is_sqlite else 2**31 - 1
    rows = table(ProjectRow)
    with engine.database.write() as connection:
        connection.execute(update(rows).where(rows.c.id == 3).values(version=last))


def reds(engine: Engine) -> set[object]:
    return {event.project_id for event in engine.events(name="task.red")}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_reevaluation_names_it_and_does_the_others(engine: Engine, workers: int) -> None:
    with_one_that_cannot_be_written(engine)
    report = engine.reevaluate(LATE, workers=workers)
    assert (report.projects, [project for project, _ in report.refused]) == (5, [3])
    assert reds(engine) == {1, 2, 4, 5}
    assert engine.core.metrics.registry.get_sample_value("chainbell_evaluations_refused_total") == 1


def test_a_tick_for_all_does_the_others(engine: Engine) -> None:
    with_one_that_cannot_be_written(engine)
    heard: list[object] = []

    def hear(_: Engine, event: object) -> None:
        heard.append(event)

    engine.signal("task.red").connect(hear)
    fired = engine.apply(TICK)
    assert {event.project_id for event in fired} == reds(engine) == {1, 2, 4, 5}
    assert len(heard) == 4
    assert len(engine.apply(TICK)) == len(fired)  # the same tick again answers the same
    assert len(heard) == 4


def test_each_of_several_changes_stands_by_itself(engine: Engine) -> None:
    with_one_that_cannot_be_written(engine)
    at = (MONDAY + timedelta(days=1)).isoformat()
    changes = [task_update(1, at, number, status="InProgress") for number in (1, 2, 3, 4, 5)]
    outcomes = engine.apply_each([*changes, TICK, {"kind": "nothing"}])
    assert [outcome.is_kept for outcome in outcomes] == [True, True, False, True, True, True, False]
    assert isinstance(outcomes[2].error, EvaluationError)
    assert outcomes[2].error.project_id == 3
    assert sum(engine.status(n).tasks[0].status == "InProgress" for n in (1, 2, 3, 4, 5)) == 4
    assert reds(engine) == {1, 2, 4, 5}


def test_all_or_nothing_stays_so(engine: Engine) -> None:
    with_one_that_cannot_be_written(engine)
    before = len(engine.events())
    at = (MONDAY + timedelta(days=1)).isoformat()
    with pytest.raises(StorageError):
        engine.apply_all([task_update(1, at, number, status="InProgress") for number in (1, 3)])
    assert len(engine.events()) == before


def test_a_server_counts_it(engine: Engine) -> None:
    with_one_that_cannot_be_written(engine)

    async def work(mine: Caller, _: Caller) -> None:
        status, answer = await mine("POST", f"{API}/changes", TICK)
        assert (status, len(answer["events"])) == (200, 8)
        async with mine.client.get("/metrics") as metrics:
            assert "chainbell_evaluations_refused_total 1.0" in (await metrics.text()).splitlines()

    served(engine, work)
