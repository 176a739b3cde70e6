"""Changes and the events that they brought, kept in the order in which they were committed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from chainbell.rules import Event, HostId
from chainbell.storage.tables import ChangeRow, EventRow, table

CHANGES, EVENTS = table(ChangeRow), table(EventRow)


def find_change(connection: Connection, project_key: int, change_id: str) -> int | None:
    """The key of a change of this id that was applied before; None if there was none."""
    same = (CHANGES.c.project_key == project_key) & (CHANGES.c.change_id == change_id)
    key: int | None = connection.scalar(select(CHANGES.c.key).where(same))
    return key


def add_change(
    connection: Connection, project_key: int, change_id: str | None, kind: str, at: datetime, body: dict[str, Any]
) -> int:
    """Keeps an accepted change and returns its key; raises IntegrityError if one of this id was kept meanwhile."""
    values = {"project_key": project_key, "change_id": change_id, "kind": kind, "at": at, "body": body}
    key: int = connection.scalars(insert(CHANGES).values(values).returning(CHANGES.c.key)).one()
    return key


def add_events(connection: Connection, project_key: int, change_key: int, events: Sequence[Event]) -> None:
    if not events:
        return
    rows = [
        {
            "id": event.id,
            "project_key": project_key,
            "change_key": change_key,
            "account_id": event.account_id,
            "project_id": event.project_id,
            "name": event.name,
            "subject_id": event.subject_id,
            "occurred_at": event.occurred_at,
            "data": dict(event.data),
            "why": dict(event.why),
        }
        for event in events
    ]
    connection.execute(insert(EVENTS), rows)


def events_of_change(connection: Connection, change_key: int) -> list[Event]:
    """What a change brought when it was applied."""
    query = select(EVENTS).where(EVENTS.c.change_key == change_key).order_by(EVENTS.c.position)
    return [_event(row) for row in connection.execute(query)]


def find_events(
    connection: Connection,
    *,
    account_id: HostId | None = None,
    project_id: HostId | None = None,
    name: str | None = None,
    limit: int | None = None,
) -> list[Event]:
    """Kept events, oldest first; with a limit the newest of them."""
    query = select(EVENTS).order_by(EVENTS.c.position.desc())
    for column, wanted in (("account_id", account_id), ("project_id", project_id), ("name", name)):
        if wanted is not None:
            query = query.where(EVENTS.c[column] == wanted)
    return [_event(row) for row in connection.execute(query.limit(limit))][::-1]


def find_event(connection: Connection, event_id: str) -> Event | None:
    row = connection.execute(select(EVENTS).where(EVENTS.c.id == event_id)).first()
    return None if row is None else _event(row)


def _event(row: Any) -> Event:
    return Event(row.id, row.name, row.account_id, row.project_id, row.subject_id, row.occurred_at, row.data, row.why)
