"""Changes and the events that they brought, in the order in which they were written."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Dialect, bindparam, insert, select

from chainbell.rules import Event, HostId
from chainbell.storage.statements import Row, RowInsert
from chainbell.storage.tables import ChangeRow, EventRow, ProjectRow, table

CHANGES, EVENTS, PROJECTS = table(ChangeRow), table(EventRow), table(ProjectRow)

_ADD_CHANGE = insert(CHANGES).returning(CHANGES.c.key)
_ADD_CHANGES = insert(CHANGES).returning(CHANGES.c.key, sort_by_parameter_order=True)
_EVENTS = RowInsert(EVENTS, later=("project_key", "change_key"), leaves_out="position")
_FIND_CHANGE = select(CHANGES.c.key, CHANGES.c.digest).where(
    CHANGES.c.project_key == bindparam("project_key"), CHANGES.c.change_id == bindparam("change_id")
)


class FoundChange(NamedTuple):
    """A change that was applied before; `digest`, of its content, is None for changes from before it was kept."""

    key: int
    digest: str | None


class NewChange(NamedTuple):
    """An accepted change: what it reports happened `at`, and it was told at `recorded_at`."""

    project_key: int
    change_id: str | None
    kind: str
    at: datetime
    recorded_at: datetime
    body: dict[str, Any]
    digest: str


def find_change(connection: Connection, project_key: int, change_id: str) -> FoundChange | None:
    """The change with this id that was applied to the project before; None if there was none."""
    row = connection.execute(_FIND_CHANGE, {"project_key": project_key, "change_id": change_id}).first()
    return None if row is None else FoundChange(*row)


def add_changes(connection: Connection, changes: Sequence[NewChange]) -> list[int]:
    """Keeps accepted changes and returns their keys in this order.

    Raises IntegrityError if one with the same id has been kept meanwhile.
    """
    rows = [change._asdict() for change in changes]
    if len(rows) == 1:
        return list(connection.scalars(_ADD_CHANGE, rows[0]))
    return list(connection.scalars(_ADD_CHANGES, rows))


def event_rows(dialect: Dialect, events: Sequence[Event]) -> list[Row]:
    """Events made ready for `add_events`, before the transaction that writes them."""
    return _EVENTS.ready(
        dialect,
        (
            {
                "id": event.id,
                "account_id": event.account_id,
                "project_id": event.project_id,
                "name": event.name,
                "subject_id": event.subject_id,
                "occurred_at": event.occurred_at,
                "data": dict(event.data),
                "why": dict(event.why),
            }
            for event in events
        ),
    )


def add_events(connection: Connection, project_key: int, change_key: int, rows: Sequence[Row]) -> None:
    """Keeps the events of one change in the order in which they fired."""
    _EVENTS.run(connection, rows, project_key, change_key)


def events_of_change(connection: Connection, change_key: int) -> list[Event]:
    """The events that a change brought when it was applied, in the order in which they fired."""
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
    """The kept events that match all that is given, oldest first; with a limit, only the newest of them."""
    query = select(EVENTS).order_by(EVENTS.c.position.desc())
    if project_id is not None:  # by the row's key: other accounts may have projects with this id, and longer histories
        of_id = select(PROJECTS.c.key).where(PROJECTS.c.id == project_id)
        keys = connection.scalars(of_id if account_id is None else of_id.where(PROJECTS.c.account_id == account_id))
        query = query.where(_any_of(EVENTS.c.project_key, keys.all()))
    elif account_id is not None:
        query = query.where(EVENTS.c.account_id == account_id)
    if name is not None:
        query = query.where(EVENTS.c.name == name)
    return [_event(row) for row in connection.execute(query.limit(limit))][::-1]


def _any_of(column: ColumnElement[int], keys: Sequence[int]) -> ColumnElement[bool]:
    """An equation for a single key, so that the index also gives the order."""
    return column == keys[0] if len(keys) == 1 else column.in_(keys)


def find_event(connection: Connection, event_id: str, *, lock: bool = False) -> Event | None:
    """The kept event with this id, of any account; None if there is none.

    With `lock`, it stays as it is until the transaction ends.
    """
    query = select(EVENTS).where(EVENTS.c.id == event_id)
    if lock and connection.dialect.name == "postgresql":
        query = query.with_for_update(read=True)
    row = connection.execute(query).first()
    return None if row is None else _event(row)


def _event(row: Any) -> Event:
    return Event(row.id, row.name, row.account_id, row.project_id, row.subject_id, row.occurred_at, row.data, row.why)
