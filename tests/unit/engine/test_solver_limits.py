"""What CP-SAT is given: limits that do not depend on the machine's load."""

from typing import Any

import pytest

from chainbell.engine.documents.plan import read_plan
from chainbell.engine.planner import plan_project
from tests.plans import MONDAY, line_plan


def test_the_solver_s_effort_is_counted_in_its_own_time_and_not_on_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    cp_model = pytest.importorskip("ortools.sat.python.cp_model")
    asked: list[Any] = []
    solve = cp_model.CpSolver.solve

    def recorded(solver: Any, model: Any) -> Any:
        asked.append(solver.parameters)
        return solve(solver, model)

    monkeypatch.setattr(cp_model.CpSolver, "solve", recorded)
    plan = line_plan(3, 4)
    plan = {key: plan[key] for key in ("accountId", "project", "tasks")} | {"planning": {"levelling": "cp-sat"}}
    for task in plan["tasks"]:
        task["resources"] = ["dev"]
    plan_project(read_plan(plan), MONDAY)
    (parameters,) = asked
    assert 0 < parameters.max_deterministic_time < 1e9
    assert parameters.max_time_in_seconds >= 1e9
    assert (parameters.num_workers, parameters.random_seed) == (1, 1)
