"""What is deleted again: old events, attempts, deliveries and fever points; a whole account or person.

`expire` and `erase_account` each work within one short transaction of the caller's and return how much is gone, so the
caller repeats them until nothing is left, and other writers get their turn in between.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, delete, func, select, tuple_, update

from chainbell.rules import HostId
from chainbell.storage.audit import AUDIT
from chainbell.storage.outbox import DeliveryState
from chainbell.storage.tables import (
    AttemptRow,
    BaselineRow,
    ChangeRow,
    DeliveryRow,
    EventRow,
    FeverPointRow,
    PersonRow,
    ProjectRow,
    TaskRow,
    WebhookRow,
    table,
)
from chainbell.storage.tokens import TOKENS

EVENTS, ATTEMPTS, DELIVERIES = table(EventRow), table(AttemptRow), table(DeliveryRow)
FEVER_POINTS, CHANGES, PROJECTS = table(FeverPointRow), table(ChangeRow), table(ProjectRow)
PEOPLE, TASKS = table(PersonRow), table(TaskRow)
WEBHOOKS, BASELINES = table(WebhookRow), table(BaselineRow)

Encode = Callable[[Any, bytes], bytes]


def expire(connection: Connection, before: dict[str, datetime], limit: int) -> int:
    """Deletes up to `limit` rows of each kind that are older than its instant in `before`; returns how many in all.

    The kinds are `events`, `attempts`, `deliveries` (finished ones, with their attempts), `audit` and `fever_points`;
    the newest point of a project's chart stays, since the next one is compared with it.
    """
    newest = select(func.max(FEVER_POINTS.c.key)).group_by(FEVER_POINTS.c.project_key)
    old = {
        "attempts": (ATTEMPTS, ATTEMPTS.c.started_at, None),
        "deliveries": (DELIVERIES, DELIVERIES.c.finished_at, DELIVERIES.c.state != DeliveryState.PENDING.value),
        "events": (EVENTS, EVENTS.c.occurred_at, None),
        "audit": (AUDIT, AUDIT.c.at, None),
        "fever_points": (FEVER_POINTS, FEVER_POINTS.c.key, None),
    }
    gone = 0
    for kind, (rows, instant, condition) in old.items():
        if kind not in before:
            continue
        query = select(*rows.primary_key.columns).where(
            FEVER_POINTS.c.at < before[kind] if kind == "fever_points" else instant < before[kind]
        )
        if condition is not None:
            query = query.where(condition)
        if kind == "fever_points":
            query = query.where(FEVER_POINTS.c.key.not_in(newest))
        gone += _delete(connection, rows, query.limit(limit))
    return gone


def _delete(connection: Connection, rows: Table, query: Select[Any]) -> int:
    found = [tuple(row) for row in connection.execute(query)]
    if found:
        connection.execute(delete(rows).where(tuple_(*rows.primary_key.columns).in_(found)))
    return len(found)


def erase_account(connection: Connection, account_id: HostId, limit: int) -> int:
    """Deletes what an account has: up to `limit` projects or, once none is left, its webhooks, people and tokens.

    Returns how many of these rows went; 0 means that none of them is left. With a project go its parts, changes, events
    and chart, with a webhook its deliveries and attempts.
    """
    keys = connection.scalars(select(PROJECTS.c.key).where(PROJECTS.c.account_id == account_id).limit(limit)).all()
    if keys:
        connection.execute(delete(PROJECTS).where(PROJECTS.c.key.in_(keys)))
        return len(keys)
    gone = 0
    for rows in (WEBHOOKS, PEOPLE, TOKENS):
        gone += connection.execute(delete(rows).where(rows.c.account_id == account_id)).rowcount
    return gone


def account_projects(connection: Connection, account_id: HostId) -> list[int]:
    """The row keys of all projects of an account."""
    return list(connection.scalars(select(PROJECTS.c.key).where(PROJECTS.c.account_id == account_id)))


def forget_person(connection: Connection, account_id: HostId, person_id: HostId) -> str | None:
    """Deletes a person's row; returns the name that was in it, None if there was no row."""
    same = (PEOPLE.c.account_id == account_id) & (PEOPLE.c.id == person_id)
    name: str | None = connection.scalar(select(PEOPLE.c.name).where(same))
    connection.execute(delete(PEOPLE).where(same))
    return name


def unassign(connection: Connection, project_key: int, person_id: HostId) -> int:
    """Removes a person as assignee and manager from one project; returns how many rows named them."""
    tasks = (TASKS.c.project_key == project_key) & (TASKS.c.assigned_to_id == person_id)
    named = connection.execute(update(TASKS).where(tasks).values(assigned_to_id=None)).rowcount
    led = (PROJECTS.c.key == project_key) & (PROJECTS.c.manager_id == person_id)
    named += connection.execute(update(PROJECTS).where(led).values(manager_id=None)).rowcount
    if named:  # snapshots in memory are out of date
        again = update(PROJECTS).where(PROJECTS.c.key == project_key).values(version=PROJECTS.c.version + 1)
        connection.execute(again)
    return named


def rewrite(connection: Connection, project_key: int, scrubbed: Callable[[Any], Any], encode: Encode) -> int:
    """Rewrites a project's kept documents (plans, changes, events, deliveries) where `scrubbed` changes them.

    `encode` makes a delivery's new bytes from its document and its old bytes; what the endpoint answered to it is
    deleted from the log. Returns how many documents changed.
    """
    changed = 0
    for rows, column in (
        (BASELINES, "plan"),
        (BASELINES, "planned"),
        (CHANGES, "body"),
        (EVENTS, "data"),
        (EVENTS, "why"),
    ):
        keys = list(rows.primary_key.columns)
        query = select(*keys, rows.c[column]).where(rows.c.project_key == project_key)
        for *key, document in connection.execute(query).all():
            clean = scrubbed(document)
            if clean != document:
                same = [one == value for one, value in zip(keys, key, strict=True)]
                connection.execute(update(rows).where(*same).values({column: clean}))
                changed += 1
    ids = select(EVENTS.c.id).where(EVENTS.c.project_key == project_key)
    sent = select(DELIVERIES.c.id, DELIVERIES.c.body).where(DELIVERIES.c.event_id.in_(ids))
    for delivery_id, body in connection.execute(sent).all():
        document = json.loads(body)
        clean = scrubbed(document)
        if clean != document:
            same = [DELIVERIES.c.id == delivery_id]
            connection.execute(update(DELIVERIES).where(*same).values(body=encode(clean, body)))
            echoed = update(ATTEMPTS).where(ATTEMPTS.c.delivery_id == delivery_id)
            connection.execute(echoed.values(response=None))
            changed += 1
    return changed
