"""The engine as one account sees it, and ids that are none."""

from typing import Any

import pytest

from chainbell.engine import Engine, InvalidInputError, NotFoundError
from tests.plans import MONDAY, line_plan


@pytest.mark.parametrize("account", [None, True, 1.5, "", "x" * 65, "\ud800", 2**63, [7]])
def test_there_is_no_view_of_what_is_no_account(engine: Engine, account: Any) -> None:
    """None above all: elsewhere it stands for all accounts."""
    with pytest.raises(InvalidInputError, match="account: "):
        engine.for_account(account)


def test_a_view_shows_one_account_s_last_baseline(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    engine.load(line_plan(5, 10, 6), at=MONDAY)
    made = engine.for_account(7).last_baseline(1)
    assert made == engine.baselines(1)[-1]
    assert [change.field for change in made.changes] == ["tasks[3].duration", "tasks[3].plannedFinish"]
    with pytest.raises(NotFoundError):
        engine.for_account(8).last_baseline(1)


@pytest.mark.parametrize(
    "given",
    ["\ud800", pytest.param(10**5000, id="long"), [1], True, "a\0b"],
)
def test_an_id_that_is_none_is_refused_by_name(engine: Engine, given: Any) -> None:
    engine.load(line_plan(), at=MONDAY)
    for ask in (engine.status, engine.baselines, engine.events, lambda one: engine.reevaluate(projects=[one])):
        with pytest.raises(InvalidInputError, match=r"projectId: |projects: "):
            ask(given)


@pytest.mark.parametrize(
    ("field", "plan"),
    [
        ("project.teamSize", {"project": {**line_plan()["project"], "teamSize": 2**31}}),
        pytest.param("tasks[0].id", {"tasks": [{"id": 10**5000, "name": "T", "duration": 1}]}, id="long"),
    ],
)
def test_a_number_that_no_database_holds_is_refused_by_name(engine: Engine, field: str, plan: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError) as refused:
        engine.load({**line_plan(), **plan}, at=MONDAY)
    assert refused.value.field == field


def test_a_change_id_is_text(engine: Engine) -> None:
    with pytest.raises(InvalidInputError, match="changeId"):
        engine.apply({"kind": "clock", "at": MONDAY.isoformat(), "changeId": "a\0b"})
