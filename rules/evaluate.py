"""One step of one project: the rules in their fixed order, the latches they leave, the events they fire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID, uuid5

from chainbell.rules.assessment import Assessment
from chainbell.rules.events import CATALOGUE
from chainbell.rules.ids import HostId, id_order
from chainbell.rules.model import Latch, LatchKey, Project, ProjectStatus
from chainbell.rules.payload import unwire, wire
from chainbell.rules.transition import Cause, Firing, Rule, Transition

P = TypeVar("P")
EVENTS = UUID("6f0f7c1e-2d0b-5c5e-9a43-7d1f0e9b8c21")
"""The UUIDv5 namespace of event ids."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, with its wire-form payload `data` and, for those who ask, `why`.

    `id` is a UUIDv5 of account, project, baseline, event, subject and occurrence: the same history gives the same ids,
    in whichever portions it is evaluated.
    """

    id: str
    name: str
    account_id: HostId
    project_id: HostId
    subject_id: HostId
    occurred_at: datetime
    data: Mapping[str, Any]
    why: Mapping[str, Any]

    @property
    def task_id(self) -> HostId | None:
        """The subject's id where the event is about a task; None for any other event."""
        return self.subject_id if self.name.startswith("task.") else None

    def payload(self, kind: type[P]) -> P:
        """`data` as the payload class of its rule, such as `TaskRed`; raises MalformedPayloadError for another's."""
        value: P = unwire(kind, dict(self.data))
        return value


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The project with its latches moved, the events in their fixed order, and what the rules looked at."""

    project: Project
    events: tuple[Event, ...]
    assessment: Assessment


def evaluate(
    before: Project | None, after: Project, now: datetime, cause: Cause, rules: Sequence[Rule] = CATALOGUE
) -> Evaluation:
    """The events that the step from `before` to `after` brings at the instant `now`. Pure: it consults nothing else.

    `before` is None for a project that is evaluated for the first time. Raises ValueError for a rule that fires twice
    for one subject with the same occurrence, TypeError for a subject that is not an id.
    """
    step = Transition(before, after, now, cause)
    latches: dict[LatchKey, Latch] = dict(after.latches)
    moved = False
    events: list[Event] = []
    ids: set[str] = set()
    for rule in rules:
        firings: list[Firing] = []
        for decision in rule.decide(step):
            key = (rule.event, decision.subject)
            if isinstance(decision, Firing):
                firings.append(decision)
            elif not latches.get(key, Latch()).armed:
                latches[key] = replace(latches[key], armed=True)
                moved = True
        for firing in sorted(firings, key=lambda firing: id_order(firing.subject)):
            occurrence = firing.occurrence
            if rule.latched or occurrence is None:
                latch = latches.get((rule.event, firing.subject), Latch())
                if not latch.armed:
                    continue
                occurrence = latch.count + 1
                latches[(rule.event, firing.subject)] = Latch(occurrence, armed=not rule.latched)
                moved = True
            event = _event(step, rule, firing, occurrence)
            if event.id in ids:
                raise ValueError(f"{rule.event} fires twice for {firing.subject!r} with the same occurrence")
            ids.add(event.id)
            events.append(event)
    kept = MappingProxyType(latches) if moved else after.latches
    red = after.red_tasks
    if after.status is ProjectStatus.ACTIVE and step.red_tasks != red:
        red = step.red_tasks
    evaluated = replace(after, latches=kept, red_tasks=red, evaluated_at=step.evaluated_at)
    return Evaluation(evaluated, tuple(events), step.assessment)


def _event(step: Transition, rule: Rule, firing: Firing, occurrence: int | None) -> Event:
    project = step.after
    if isinstance(firing.subject, bool) or not isinstance(firing.subject, int | str):
        raise TypeError(f"{rule.event}: a subject is an id, an integer or a string, and not {firing.subject!r}")
    identity = (project.account_id, project.id, project.baseline, rule.event, firing.subject, occurrence)
    why = {name: wire(value) for name, value in firing.why.items()}
    why |= {"cause": step.cause.kind, "baseline": project.baseline, "changeId": step.cause.change_id}
    return Event(
        str(uuid5(EVENTS, repr(identity))),
        rule.event,
        project.account_id,
        project.id,
        firing.subject,
        step.now,
        wire(firing.payload),
        why,
    )
