"""Figures at the edge of all numbers: each is refused by its field, or all that follows from it is finite."""

import asyncio
import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from chainbell.engine import Engine, InvalidInputError, NotFoundError
from chainbell.rules.payload import wire
from chainbell.storage import METADATA
from tests.plans import MONDAY, line_plan, task_update
from tests.soak import SOAK

EXAMPLES = 10_000 if SOAK else 300
EXTREME = [0, 5e-324, 1e-300, 1e-9, 1e-6, 0.0099, 0.01, 1 / 3, 99_999.999, 100_000, 1e308, -5e-324, -1, -1e308]
EXTREME += [math.inf, -math.inf, math.nan, 2**31, 2**63, 10**400]
DAYS = ["0001-01-01", "1900-01-01", "2025-03-10", "2200-12-31", "9999-12-31"]
INSTANTS = ["0001-01-01T00:00:00+14:00", "1900-01-01T00:00:00Z", "2025-03-10T12:00:00Z", "9999-12-31T23:59:59-12:00"]
IDS = [2**31, 2**53 - 1, 2**53, 2**63, -(2**31) - 1, "x" * 64, "x" * 65, "", "\x00", True]
CALENDARS: list[dict[str, Any]] = [
    {"workingDays": [7], "hours": ["02:30", "02:31"], "timeZone": "Europe/Berlin"},
    {"hours": ["09:00", "09:00:00.000001"]},
    {"hours": ["00:00", "24:00"], "timeZone": "Pacific/Kiritimati"},
    {"calendarDays": True},
    {"workingDays": [1], "holidays": [date.fromordinal(738_000 + n * 7).isoformat() for n in range(9_000)]},
    {"workingDays": [1], "holidays": ["2025-03-10"] * 10_001},
]
numbers = st.sampled_from(EXTREME) | st.floats() | st.floats(0, 1) | st.integers()
few = st.integers(0, 3)


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """A plan with a few extreme figures in it; most of them are taken."""
    plan = line_plan(3, 4, 5)
    project, tasks = plan["project"], plan["tasks"]
    if draw(st.booleans()):
        del plan["chains"], plan["buffers"]
        plan["planning"] = {"buffers": draw(st.sampled_from(["half-chain", "cut-and-paste", "rsem"]))}
        for task in tasks:
            task["safeDuration"] = draw(st.sampled_from([3, 4, 5, 5 + 1e-9, 5 + 1e-300]))
    else:
        plan["buffers"][0]["measure"] = draw(st.sampled_from(["forecast", "overage"]))
    places: list[Callable[[], None]] = [
        lambda: draw(st.sampled_from(tasks)).update(duration=draw(numbers)),
        lambda: draw(st.sampled_from(tasks)).update(safeDuration=draw(numbers)),
        lambda: draw(st.sampled_from(tasks)).update(remainingDuration=draw(numbers)),
        lambda: draw(st.sampled_from(tasks)).update(percentComplete=draw(numbers)),
        lambda: draw(st.sampled_from(tasks)).update(plannedStart=draw(numbers | st.sampled_from(DAYS + INSTANTS))),
        lambda: draw(st.sampled_from(tasks)).update(plannedFinish=draw(numbers | st.sampled_from(DAYS + INSTANTS))),
        lambda: draw(st.sampled_from(tasks)).update(actualStart=draw(numbers | st.sampled_from(DAYS + INSTANTS))),
        lambda: draw(st.sampled_from(tasks)).update(startNoEarlierThan=draw(numbers | st.sampled_from(DAYS))),
        lambda: draw(st.sampled_from(plan["links"])).update(lag=draw(numbers)),
        lambda: draw(st.sampled_from(plan["links"])).update(type=draw(st.sampled_from(["SS", "FF", "SF"]))),
        lambda: plan.get("buffers", [{}])[0].update(size=draw(numbers)),
        lambda: plan.update(resources=[{"id": "r", "capacity": draw(numbers)}]),
        lambda: tasks[0].update(resources=[{"id": "r", "units": draw(numbers)}]),
        lambda: project.update(zones={"policy": "fever", "feverYellow": [draw(numbers), 70], "margin": draw(numbers)}),
        lambda: project.update(zones={draw(st.sampled_from(["yellow", "red", "taskRed", "margin"])): draw(numbers)}),
        lambda: project.update(teamSize=draw(numbers)),
        lambda: project.update(startDate=draw(st.sampled_from(DAYS))),
        lambda: project.update(targetEndDate=draw(st.sampled_from(DAYS))),
        lambda: project.update(statusDate=draw(numbers | st.sampled_from(DAYS + INSTANTS))),
        lambda: project.update(calendar=draw(st.sampled_from(CALENDARS))),
        lambda: project.update(remainingFrom="percent"),
        lambda: draw(st.sampled_from(tasks)).update(id=draw(st.sampled_from(IDS))),
    ]
    for place in draw(st.lists(st.sampled_from(places), max_size=3)):
        place()
    return plan


@st.composite
def reports(draw: st.DrawFn) -> dict[str, Any]:
    fields: dict[str, Any] = {"remainingDuration": draw(numbers)}
    if draw(st.booleans()):
        fields = {"percentComplete": draw(numbers)}
    at = draw(st.sampled_from(["1900-01-01T00:00:00Z", "2025-03-05T09:00:00Z", "2026-01-01T00:00:00Z", *INSTANTS]))
    return {**task_update(draw(st.integers(1, 3)), at, **fields), "allowStale": True}


def taken(ask: Callable[[], Any]) -> Any:
    """What is answered; None for what is refused, by its field."""
    try:
        return ask()
    except InvalidInputError as refused:
        if not (refused.field and refused.reason):
            raise
        return None


def finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(finite, value))
    return not isinstance(value, float) or math.isfinite(value)


@pytest.mark.soak
def test_whatever_figure_comes_in_what_is_kept_and_answered_is_finite(engine: Engine) -> None:
    numbered = count(1)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=not SOAK,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(plans(), st.lists(reports(), max_size=2), st.sampled_from([MONDAY, datetime(1900, 1, 1, tzinfo=UTC)]))
    def any_figure(plan: dict[str, Any], changes: list[dict[str, Any]], at: datetime) -> None:
        plan["project"]["id"] = number = next(numbered)
        if taken(lambda: engine.load(plan, at=at)) is None:
            with pytest.raises(NotFoundError):
                engine.status(number)
            return
        for change in changes:
            change["projectId"] = number
            taken(partial(engine.preview, change))
            taken(partial(engine.apply, change))
        ticks = ["1900-01-01T00:00:00Z", "2200-12-31T23:00:00Z"]
        for tick in ticks:
            fired = taken(partial(engine.preview, {"kind": "clock", "at": tick, "projectId": number}))
            assert finite([event.data for event in fired or ()])
        for as_of in (None, date(1900, 1, 1), date(2200, 12, 31)):
            report = taken(partial(engine.status, number, as_of=as_of))
            assert report is not None or as_of is not None
            json.dumps(wire(report), allow_nan=False)
        assert engine.baselines(number)

    any_figure()
    assert engine.reevaluate().refused == ()
    with engine.database.read() as connection:
        for table in METADATA.sorted_tables:
            for row in connection.execute(select(table)):
                assert finite(tuple(row)), (table.name, row)


@pytest.mark.parametrize("figure", [5e-324, 1e-300, 9e-7])
def test_a_duration_that_is_a_sliver_is_refused_with_its_field(engine: Engine, figure: float) -> None:
    """Shares of it are infinite: a critical chain of 5e-324 days was kept as done to minus infinity percent."""
    plan = line_plan(3, figure, 0, buffer=1)
    with pytest.raises(InvalidInputError, match="at least 1e-06 working days") as refused:
        engine.load(plan, at=MONDAY)
    assert refused.value.field == "tasks[1].duration"


@pytest.mark.parametrize("data", [{"a": [1e400]}, {"a": 10**400}, {"a": "\ud800"}, {"\x00": 1}, {"a": object()}])
def test_data_of_a_test_event_is_what_json_holds(engine: Engine, data: dict[str, Any]) -> None:
    webhook, _ = engine.webhooks.add(7, "http://127.0.0.1:9/")
    with pytest.raises(InvalidInputError) as refused:
        asyncio.run(engine.webhooks.test(7, webhook.id, "task.red", data))
    assert refused.value.field.startswith("data")
