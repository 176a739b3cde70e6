"""Scenarios: a plan, changes in time order, and what must and must not fire, run through the real engine."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, Field, ValidationError

from chainbell.delivery import Clock, system_clock
from chainbell.engine.documents.change import Change, Plan, read_change
from chainbell.engine.documents.fields import Document, Id, Text, invalid
from chainbell.engine.documents.plan import PlanDocument, read_plan
from chainbell.engine.engine import Engine
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers import read_document
from chainbell.engine.reading.report import ProjectReport
from chainbell.rules import Event
from chainbell.rules.payload import wire


class ExpectedEvent(Document):
    """Matches an event of this name; omitted fields match anything, and `data` is compared key by key."""

    event: Text
    task_id: Id | None = None
    at: AwareDatetime | None = None
    data: dict[str, Any] = Field(default_factory=dict)

    def matches(self, event: Event) -> bool:
        """Whether the event matches; only the fields that are given are compared."""
        return (
            event.name == self.event
            and (self.task_id is None or event.task_id == self.task_id)
            and (self.at is None or event.occurred_at == self.at)
            and _contains(event.data, self.data)
        )

    def __str__(self) -> str:
        return " ".join(f"{key}={value}" for key, value in self.model_dump(by_alias=True, exclude_unset=True).items())


class Expectation(Document):
    """`events` fire in this order, possibly with others between them; `never` do not fire; `counts` are exact.

    `status` is compared with what `project status --json` shows at the end, for the keys that are given.
    """

    events: tuple[ExpectedEvent, ...] = ()
    never: tuple[ExpectedEvent, ...] = ()
    counts: dict[str, int] = Field(default_factory=dict)
    status: dict[str, Any] = Field(default_factory=dict)


class ScenarioWebhook(Document):
    """A webhook of the scenario; its deliveries are created and held."""

    name: Text = "webhook"
    url: Text
    events: tuple[Text, ...] | None = None
    secret: Text | None = None
    headers: dict[str, str] = Field(default_factory=dict)


class _ScenarioDocument(Document):
    name: Text | None = None
    description: Text | None = None
    plan: dict[str, Any] | str
    webhooks: tuple[ScenarioWebhook, ...] = ()
    changes: tuple[dict[str, Any], ...] = ()
    expect: Expectation = Field(default=Expectation())


@dataclass(frozen=True, slots=True)
class Scenario:
    """A plan, the changes in order, and what they are expected to fire."""

    name: str
    description: str | None
    plan: PlanDocument
    webhooks: tuple[ScenarioWebhook, ...]
    changes: tuple[Change, ...]
    expect: Expectation


def read_scenario(path: Path) -> Scenario:
    """Reads and checks a scenario; raises InvalidInputError naming field and reason."""
    try:
        document = _ScenarioDocument.model_validate(read_document(path))
    except ValidationError as error:
        raise invalid(error) from None
    plan = document.plan
    if isinstance(plan, str):
        plan = read_document(path.parent / plan)
    changes = tuple(_within(f"changes[{n}]", read_change, change) for n, change in enumerate(document.changes))
    for number, change in enumerate(changes):
        if change.at is None:
            raise InvalidInputError(f"changes[{number}].at", "is missing")
    for number in range(1, len(changes)):
        if changes[number].at < changes[number - 1].at:
            raise InvalidInputError(f"changes[{number}].at", "is before the change that precedes it")
    return Scenario(
        document.name or path.stem,
        document.description,
        _within("plan", read_plan, plan),
        document.webhooks,
        changes,
        document.expect,
    )


def scenario_clock(scenario: Scenario) -> Clock:
    """A clock for the engine that runs the scenario: the current instant, but never before the last change."""
    last = max((change.at for change in scenario.changes), default=None)
    return lambda: system_clock() if last is None else max(system_clock(), last)


def run_scenario(engine: Engine, scenario: Scenario) -> Iterator[Event]:
    """Loads the plan at the opening of its start date, or at the first change if earlier; then applies the changes."""
    for webhook in scenario.webhooks:
        engine.webhooks.add(
            scenario.plan.account_id,
            webhook.url,
            name=webhook.name,
            events=webhook.events,
            secret=webhook.secret,
            headers=webhook.headers,
            is_active=False,  # their deliveries are made and held: a simulation calls nobody but --deliver-to
        )
    project = scenario.plan.project
    opening = scenario.plan.instant(project.start_date)
    first = min([opening, *(change.at for change in scenario.changes[:1])])
    yield from _within("plan", engine.apply, Plan(kind="plan", at=first, plan=scenario.plan))
    for number, change in enumerate(scenario.changes):
        yield from _within(f"changes[{number}]", engine.apply, change)


def unmet(expect: Expectation, events: list[Event], report: ProjectReport) -> list[str]:
    """The expectations that the events and the final state do not meet, in words."""
    failures = []
    rest = iter(events)
    for expected in expect.events:
        if not any(expected.matches(event) for event in rest):
            near = [f"{dict(e.data)}" for e in events if e.name == expected.event and not expected.matches(e)]
            hint = f"; fired with {near[0]}" if near else ""
            failures.append(f"did not fire (in this order): {expected}{hint}")
            rest = iter(events)
    for refused in expect.never:
        failures += [f"must not fire: {refused}" for event in events if refused.matches(event)]
    fired = Counter(event.name for event in events)
    for name, count in expect.counts.items():
        if fired[name] != count:
            failures.append(f"{name} fired {fired[name]} times, expected {count}")
    state = wire(report)
    for key, value in expect.status.items():
        if not _contains(state.get(key), value):
            failures.append(f"status: {key} is {state.get(key)}, expected {value}")
    return failures


def _contains(actual: Any, expected: Any) -> bool:
    if isinstance(expected, Mapping):
        return isinstance(actual, Mapping) and all(
            key in actual and _contains(actual[key], value) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(actual, list)
            and len(actual) == len(expected)
            and all(_contains(one, other) for one, other in zip(actual, expected, strict=True))
        )
    return bool(actual == expected)


def _within(field: str, read: Any, value: Any) -> Any:
    try:
        return read(value)
    except InvalidInputError as error:
        raise type(error)(f"{field}.{error.field}", error.reason) from None
