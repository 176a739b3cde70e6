"""What is deleted again: old events, attempts, deliveries and fever points; a whole account or person.

Each function works within one short transaction of the caller's and says how much is gone, so the caller repeats it
until nothing is left, and other writers get their turn in between.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    delete,
    exists,
    func,
    literal_column,
    not_,
    select,
    true,
    update,
)

from chainbell.rules import HostId
from chainbell.storage.audit import AUDIT
from chainbell.storage.fanout_tables import AudienceRow, FanoutRow
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
AUDIENCES, FANOUTS = table(AudienceRow), table(FanoutRow)
P = FEVER_POINTS.c

Encode = Callable[[Any, bytes], bytes]


class Portion(NamedTuple):
    """What one transaction has done: how many rows are gone, and where the next one goes on; None at the end."""

    gone: int
    last: datetime | None


_OLD: dict[str, tuple[Table, ColumnElement[datetime], ColumnElement[bool]]] = {
    "attempts": (ATTEMPTS, ATTEMPTS.c.started_at, true()),
    "deliveries": (DELIVERIES, DELIVERIES.c.finished_at, DELIVERIES.c.finished_at.is_not(None)),
    "audit": (AUDIT, AUDIT.c.at, true()),
    "events": (EVENTS, EVENTS.c.occurred_at, not_(exists().where(FANOUTS.c.event_id == EVENTS.c.id))),
}
KINDS = tuple(_OLD)
"""What goes by its age alone: attempts, finished deliveries with their attempts, the audit trail, events
whose fan-outs are done."""


def expire(connection: Connection, kind: str, before: datetime, after: datetime | None, limit: int) -> Portion:
    """Deletes up to `limit` rows of one of `KINDS` that are older than `before`, the oldest first.

    `after` is where the portion before it ended: what has gone already is not passed over again.
    """
    rows, at, condition = _OLD[kind]
    place: ColumnElement[Any] = literal_column("ctid" if connection.dialect.name == "postgresql" else "rowid")
    old = select(place.label("place"), at.label("at")).select_from(rows).where(at < before, condition)
    if after is not None:
        old = old.where(at >= after)
    old = old.order_by(at).limit(limit)
    found = old.subquery()
    count, last = connection.execute(select(func.count(), func.max(found.c.at, type_=at.type))).one()
    if count:
        places = select(found.c.place)
        connection.execute(delete(rows).where(place.in_(places)))
    return Portion(count, last if count == limit else None)


def expire_points(connection: Connection, before: datetime, limit: int) -> int:
    """Deletes up to `limit` points of fever charts older than `before`, but never the newest of a project: the next one
    is compared with it. Returns how many are gone."""
    newer = FEVER_POINTS.alias("newer")
    is_followed = exists().where(newer.c.project_key == P.project_key, newer.c.key > P.key)
    gone = 0
    for is_thinned in (False, True):
        old = select(P.key).where(P.is_thinned.is_(is_thinned), P.at < before, is_followed).order_by(P.at)
        gone += connection.execute(delete(FEVER_POINTS).where(P.key.in_(old.limit(limit - gone)))).rowcount
    return gone


def thin_points(connection: Connection, before: datetime, limit: int) -> Portion:
    """Leaves of the points older than `before` the last one of each day (UTC); looks at `limit` that were not yet."""
    follower = FEVER_POINTS.alias("follower")
    next_at = (
        select(follower.c.at)
        .where(follower.c.project_key == P.project_key, follower.c.key > P.key)
        .order_by(follower.c.key)
        .limit(1)
        .scalar_subquery()
    )
    old = select(P.key, P.at, next_at).where(P.is_thinned.is_(False), P.at < before).order_by(P.at).limit(limit)
    rows = connection.execute(old).all()
    gone = [key for key, at, then in rows if then is not None and then.date() == at.date()]
    kept = {key for key, _, _ in rows}.difference(gone)
    if gone:
        connection.execute(delete(FEVER_POINTS).where(P.key.in_(gone)))
    if kept:
        connection.execute(update(FEVER_POINTS).where(P.key.in_(kept)).values(is_thinned=True))
    return Portion(len(gone), rows[-1].at if len(rows) == limit else None)


def erase_account(connection: Connection, account_id: HostId, limit: int) -> int:
    """Deletes what an account has: up to `limit` projects, once none is left up to `limit` deliveries, and at last its
    webhooks, people and tokens.

    Returns how many of these rows went; 0 means that none of them is left. With a project go its parts, changes, events
    and chart, with a delivery its attempts.
    """
    keys = connection.scalars(select(PROJECTS.c.key).where(PROJECTS.c.account_id == account_id).limit(limit)).all()
    if keys:
        connection.execute(delete(PROJECTS).where(PROJECTS.c.key.in_(keys)))
        return len(keys)
    theirs = select(WEBHOOKS.c.id).where(WEBHOOKS.c.account_id == account_id)
    some = select(DELIVERIES.c.id).where(DELIVERIES.c.webhook_id.in_(theirs)).limit(limit)
    gone = connection.execute(delete(DELIVERIES).where(DELIVERIES.c.id.in_(some))).rowcount
    if gone:
        return gone
    for rows in (WEBHOOKS, PEOPLE, TOKENS, AUDIENCES):
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
