"""One change in one transaction: read, revise, evaluate, write state, events and deliveries together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from chainbell.delivery import compose, message_id
from chainbell.engine.changes import Change, ClockTick, Plan, revise
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.plan_documents import PlanDocument
from chainbell.rules import CalendarRangeError, Evaluation, Event, ProjectStatus, Rule, evaluate
from chainbell.storage import AmbiguousProjectError, NewDelivery, StoredProject, events, outbox, projects
from chainbell.storage.webhooks import webhooks


@dataclass(frozen=True, slots=True)
class Applied:
    """What a change brought to one project; `is_replay` if its `changeId` had been applied before.

    `refused` says why a clock tick for all projects could not be applied to this one.
    """

    events: tuple[Event, ...]
    is_replay: bool = False
    refused: InvalidInputError | None = None


def apply_change(connection: Connection, change: Change, rules: Sequence[Rule], now: datetime) -> list[Applied]:
    """Applies a change to its project, a clock tick without one to every Active project; `now` dates the deliveries.

    Raises InvalidInputError, StaleChange, and the store's VersionConflictError; the caller rolls back.
    """
    applied = []
    for key in _targets(connection, change):
        stored = None if key is None else projects.read(connection, key, for_update=True)
        try:
            applied.append(_apply_to(connection, change, stored, rules, now))
        except InvalidInputError as error:
            if not _is_for_all(change):
                raise
            applied.append(Applied((), refused=error))  # one project that cannot be evaluated does not hold up the rest
    return applied


def preview_change(connection: Connection, change: Change, rules: Sequence[Rule]) -> tuple[Event, ...]:
    """What would fire; nothing is written."""
    fired: list[Event] = []
    for key in _targets(connection, change):
        stored = None if key is None else projects.read(connection, key)
        known = None if stored is None else _known(connection, change, stored)
        try:
            fired += _evaluated(change, stored, rules).events if known is None else known.events
        except InvalidInputError:
            if not _is_for_all(change):
                raise
    return tuple(fired)


def _is_for_all(change: Change) -> bool:
    return isinstance(change, ClockTick) and change.project_id is None


def _known(connection: Connection, change: Change, stored: StoredProject) -> Applied | None:
    """What a change brought that was applied before, or that would change nothing; None for one that is new."""
    if change.change_id is not None:
        known = events.find_change(connection, stored.key, change.change_id)
        if known is not None:
            return Applied(tuple(events.events_of_change(connection, known)), is_replay=True)
    if isinstance(change, Plan):
        kept = projects.kept_plan(connection, stored.key, stored.project.baseline)
        if kept is not None and PlanDocument.model_validate(kept) == change.plan:
            return Applied(())
    return None


def _targets(connection: Connection, change: Change) -> list[int | None]:
    """The keys of the projects that the change concerns; None stands for one that is not there yet."""
    if isinstance(change, Plan):
        return [projects.find_key(connection, change.plan.project.id, change.plan.account_id)]
    if isinstance(change, ClockTick) and _is_for_all(change):
        return [*projects.active_keys(connection, change.account_id)]
    project_id = change.project_id
    assert project_id is not None  # noqa: S101  only a clock tick may leave it out
    try:
        key = projects.find_key(connection, project_id, change.account_id)
    except AmbiguousProjectError:
        raise InvalidInputError("accountId", f"several accounts have a project {project_id!r}; name one") from None
    if key is None:
        raise InvalidInputError("projectId", f"there is no project {project_id!r}")
    return [key]


def _evaluated(change: Change, stored: StoredProject | None, rules: Sequence[Rule]) -> Evaluation:
    before = None if stored is None else stored.project
    revision = revise(before, change)
    try:
        seen = evaluate(before, revision.project, change.at, revision.cause, rules)
        seen.project.calendar.finish_date(seen.assessment.last_finish)  # it must have a date
        return seen
    except CalendarRangeError as error:
        raise InvalidInputError("change", f"moves the forecast beyond all dates: {error}") from None


def _apply_to(
    connection: Connection, change: Change, stored: StoredProject | None, rules: Sequence[Rule], now: datetime
) -> Applied:
    body = change.model_dump(mode="json", by_alias=True, exclude_unset=True)
    known = None if stored is None else _known(connection, change, stored)
    if stored is not None and known is not None:
        if not known.is_replay and change.change_id is not None:
            events.add_change(connection, stored.key, change.change_id, change.kind, change.at, body)
        return known
    seen = _evaluated(change, stored, rules)
    before = None if stored is None else stored.project
    if stored is None:
        key, version = projects.insert_project(connection, seen.project), 0
    else:
        key, version = stored.key, stored.version
    after = seen.project
    if isinstance(change, Plan):  # a plan says what is promised; it does not move time on
        last = None if before is None else before.evaluated_at
        after = replace(after, evaluated_at=last and min(last, change.at))
    projects.save(connection, key, version, before, after)
    if isinstance(change, Plan):
        projects.keep_baseline(connection, key, seen.project.baseline, change.at, body["plan"])
    change_key = events.add_change(connection, key, change.change_id, change.kind, change.at, body)
    events.add_events(connection, key, change_key, seen.events)
    if after.status != ProjectStatus.PLANNING:
        projects.add_fever_point(connection, key, after, change.at, seen.assessment)
    _enqueue(connection, seen.events, now)
    return Applied(seen.events)


def _enqueue(connection: Connection, fired: Sequence[Event], now: datetime) -> None:
    """One delivery for each event and each webhook of its account that asks for it, paused ones too."""
    if not fired:
        return
    listeners = webhooks(connection, fired[0].account_id)
    outbox.enqueue(
        connection,
        [
            NewDelivery(
                message_id(event.id, webhook.id),
                webhook.id,
                event.id,
                event.name,
                compose(event, webhook.id, webhook.body_format),
            )
            for event in fired
            for webhook in listeners
            if event.name in webhook.events
        ],
        now,
    )
