"""Runs a history through chainbell's engine and through the oracle, and says where they part."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pprint import pformat
from typing import Any

from chainbell.engine import ChainbellError, Engine, InvalidInputError
from chainbell.storage import generate_key
from tests.property.histories import History
from tests.property.history_plans import Document
from tests.property.oracle.figures import figures
from tests.property.oracle.oracle import Event, Oracle, RefusedError

NOW = datetime(2026, 1, 5, tzinfo=UTC)
"""The engine's clock: after everything that the histories tell."""

KEY = generate_key()
TOLERANCE = 1e-6
ROUNDED = 0.1 + TOLERANCE
NOT_COMPARED = ("recommendations",)
FIGURES_NOT_COMPARED = ("account_id", "project_id", "project_name", "as_of", "zones", "target_end_date", "trail")


def engine_on(url: str) -> Engine:
    return Engine(url, keys=[KEY], clock=lambda: NOW)


@dataclass(frozen=True)
class Run:
    """What a history gave: the changes that were accepted, and the ids of their events."""

    accepted: list[Document]
    event_ids: list[str]


def run(engine: Engine, history: History, *, previewing: bool = False) -> Run:
    """Every change through both; raises AssertionError at the first difference."""
    oracle: Oracle | None = None
    accepted, ids = [], []
    for step, change in enumerate([history.plan, *history.changes]):
        where = f"seed {history.seed}, step {step}\n{_shown(history, step, change)}"
        try:
            if oracle is None:
                oracle = Oracle(change)
                expected: list[Event] | None = oracle.first_events
            else:
                expected = oracle.apply(change)
        except RefusedError:
            expected = None
        preview = engine.preview(change) if previewing and expected is not None and _names_project(change) else None
        try:
            got = [event for event in engine.apply(change) if event.project_id == history.project]
        except InvalidInputError as refusal:
            if expected is not None:
                raise AssertionError(f"{where}\nthe engine refuses: {refusal}\nnot so the oracle: {expected}") from None
            continue
        except ChainbellError as error:
            raise AssertionError(f"{where}\nthe engine fails: {error}") from error
        assert expected is not None, f"{where}\nthe oracle refuses, the engine gives {pformat(got)}"
        accepted.append(change)
        ids += [event.id for event in got]
        _compare([_comparable(event) for event in got], [asdict(event) for event in expected], where)
        if preview is not None:
            assert preview == got, f"{where}\nthe preview gave {pformat(preview)}\nthe change {pformat(got)}"
        if oracle is not None and oracle.evaluated is not None and (step % 5 == 4 or step == len(history.changes)):
            _compare_figures(engine, history, oracle, where)
    return Run(accepted, ids)


def _names_project(change: Document) -> bool:
    return change["kind"] == "plan" or "projectId" in change


def _comparable(event: Any) -> Document:
    data = {key: value for key, value in event.data.items() if key not in NOT_COMPARED}
    return {"name": event.name, "subject": event.subject_id, "at": event.occurred_at, "data": data}


def _compare_figures(engine: Engine, history: History, oracle: Oracle, where: str) -> None:
    assert oracle.evaluated is not None
    report = engine.status(history.project, as_of=oracle.evaluated)
    got = {field: value for field, value in asdict(report).items() if field not in FIGURES_NOT_COMPARED}
    expected = figures(oracle.assess(oracle.evaluated))
    _compare(got, expected, f"{where}\nstatus at {oracle.evaluated}")


def _compare(got: Any, expected: Any, where: str) -> None:
    parted = list(differences(got, expected))
    assert not parted, "\n".join(
        [where, *parted[:12], "--- the engine", pformat(got, width=160), "--- the oracle", pformat(expected, width=160)]
    )


def differences(got: Any, expected: Any, path: str = "") -> list[str]:
    """Where two values part, one line each; lists and tuples are alike, numbers within a tolerance.

    A percentage is told to one decimal: half of one may be rounded either way.
    """
    if isinstance(got, dict) and isinstance(expected, dict):
        if list(got) != list(expected):
            return [f"{path}: fields {list(got)} in the engine, {list(expected)} in the oracle"]
        return [line for key in got for line in differences(got[key], expected[key], f"{path}.{key}")]
    if isinstance(got, (list, tuple)) and isinstance(expected, (list, tuple)):
        if len(got) != len(expected):
            return [f"{path}: {len(got)} in the engine, {len(expected)} in the oracle"]
        pairs = enumerate(zip(got, expected, strict=True))
        return [line for place, pair in pairs for line in differences(*pair, f"{path}[{place}]")]
    if isinstance(got, float | int) and isinstance(expected, float | int) and not isinstance(got, bool):
        same = abs(got - expected) <= (ROUNDED if path.lower().endswith("consumption") else TOLERANCE)
    else:
        same = got == expected
    return [] if same else [f"{path}: {got!r} in the engine, {expected!r} in the oracle"]


def _shown(history: History, step: int, change: Document) -> str:
    shown = change if step == 0 else {"plan": history.plan["plan"], "change": change}
    return pformat(shown, width=160, sort_dicts=False)
