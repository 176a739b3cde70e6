"""Random histories give the same events, refusals and figures in the engine as in the independent oracle.

`make test` has 2,000 histories, `make soak` 20,000; `tests/property/oracle/` says how the oracle counts.
"""

import ast
from datetime import datetime
from pathlib import Path

import pytest

from chainbell.engine import Engine
from tests.property.histories import History, random_history
from tests.property.oracle_runs import engine_on, run
from tests.soak import SOAK

pytestmark = pytest.mark.soak

CHUNKS = 20
HISTORIES = 1_000 if SOAK else 100
"""In each chunk."""


def _put_away(engine: Engine, history: History) -> None:
    """Complete, so that clock ticks for all projects pass it by."""
    last = history.changes[-1]["at"]
    engine.apply(
        {"kind": "project.update", "projectId": history.project, "status": "Complete", "at": last, "allowStale": True}
    )


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_engine_and_the_oracle_agree(chunk: int) -> None:
    with engine_on("sqlite://") as engine:
        for seed in range(chunk * HISTORIES, (chunk + 1) * HISTORIES):
            history = random_history(seed)
            run(engine, history, previewing=seed % 20 == 0)
            _put_away(engine, history)


@pytest.mark.parametrize("chunk", range(5))
def test_other_portions_and_the_batch_give_the_same_events(chunk: int) -> None:
    for seed in range(chunk * 400, (chunk + 1) * 400, 20):
        history = random_history(seed)
        with engine_on("sqlite://") as engine:
            change_by_change = run(engine, history)
        with engine_on("sqlite://") as engine:
            portion = 2 + seed % 5
            accepted = change_by_change.accepted
            for first in range(0, len(accepted), portion):
                engine.apply_all(accepted[first : first + portion])
            assert [event.id for event in engine.events(history.project)] == change_by_change.event_ids, seed
        with engine_on("sqlite://") as engine:
            for change in accepted:
                _apply_or_reevaluate(engine, change, history)
            assert [event.id for event in engine.events(history.project)] == change_by_change.event_ids, seed


def _apply_or_reevaluate(engine: Engine, change: dict[str, object], history: History) -> None:
    if change["kind"] == "clock" and engine.status(history.project).status == "Active":
        engine.reevaluate(datetime.fromisoformat(str(change["at"])))
    else:
        engine.apply(change)


def test_a_restart_between_changes_gives_the_same_events(tmp_path: Path) -> None:
    for seed in range(0, 2_000, 100):
        history = random_history(seed)
        with engine_on("sqlite://") as engine:
            change_by_change = run(engine, history)
        url = f"sqlite:///{tmp_path / f'{seed}.db'}"
        for change in change_by_change.accepted:
            with engine_on(url) as engine:
                engine.apply(change)
        with engine_on(url) as engine:
            assert [event.id for event in engine.events(history.project)] == change_by_change.event_ids, seed


def test_on_postgresql(postgresql_url: str) -> None:
    with engine_on(postgresql_url) as engine:
        for seed in range(10, 2_000, 100):
            history = random_history(seed)
            run(engine, history)
            _put_away(engine, history)


def test_the_oracle_imports_nothing_from_chainbell() -> None:
    allowed = ("collections", "copy", "dataclasses", "datetime", "functools", "math", "typing", "zoneinfo")
    sources = list((Path(__file__).parent / "oracle").glob("*.py"))
    assert len(sources) > 5
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.startswith("tests.property.oracle.") or name.split(".")[0] in allowed, (source, name)
            assert not (isinstance(node, ast.Name) and node.id in ("__import__", "exec", "eval")), source
