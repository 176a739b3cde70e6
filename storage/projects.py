"""Projects out of the tables: found, locked, and read whole, many at a time.

Statements are built once; only their parameters differ from call to call.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, exists, false, func, or_, select, update

from chainbell.rules import (
    Buffer,
    Chain,
    ChainKind,
    FeverPoint,
    HostId,
    Latch,
    Measure,
    Person,
    Project,
    ProjectStatus,
    compile_network,
)
from chainbell.rules.errors import EvaluationError
from chainbell.rules.ids import encode_host_id
from chainbell.storage.history import last_point
from chainbell.storage.lists import among
from chainbell.storage.mapping import (
    calendar_from,
    link_from,
    milestone_from,
    options_from,
    task_from,
    zones_from,
)
from chainbell.storage.tables import (
    BufferRow,
    ChainRow,
    LatchRow,
    LinkRow,
    MilestoneRow,
    PersonRow,
    ProjectRow,
    TaskRow,
    WebhookRow,
    table,
)

WEBHOOKS = table(WebhookRow)
PROJECTS, PEOPLE, TASKS, LATCHES = table(ProjectRow), table(PersonRow), table(TaskRow), table(LatchRow)
LINKS, CHAINS, BUFFERS, MILESTONES = table(LinkRow), table(ChainRow), table(BufferRow), table(MilestoneRow)
PARTS = (TASKS, LINKS, CHAINS, BUFFERS, MILESTONES)


class AmbiguousProjectError(LookupError):
    """Several accounts have a project with this id."""


class Located(NamedTuple):
    """A project's row key, the version that a write must still find, and whether its account has any webhook."""

    key: int
    version: int
    has_webhooks: bool = True


@dataclass(frozen=True, slots=True)
class StoredProject:
    """A project as read: its row, the version of that row, and the last point kept of its fever chart."""

    key: int
    version: int
    project: Project
    fever_point: FeverPoint | None = None


_LOCATED = select(
    PROJECTS.c.key, PROJECTS.c.version, exists().where(WEBHOOKS.c.account_id == PROJECTS.c.account_id).label("heard")
)
_BY_ID = _LOCATED.where(PROJECTS.c.id == bindparam("id")).limit(2)
_BY_ACCOUNT = _BY_ID.where(PROJECTS.c.account_id == bindparam("account"))
_BY_IDS = select(PROJECTS.c.key).where(PROJECTS.c.id.in_(bindparam("ids", expanding=True))).order_by(PROJECTS.c.key)
_BY_KEYS = select(PROJECTS).where(PROJECTS.c.key.in_(bindparam("keys", expanding=True))).order_by(PROJECTS.c.key)
_PARTS = {
    part: select(part)
    .where(part.c.project_key.in_(bindparam("keys", expanding=True)))
    .order_by(part.c.project_key, part.c.position)
    for part in PARTS
}
_LATCHES = select(LATCHES).where(LATCHES.c.project_key.in_(bindparam("keys", expanding=True)))
_PEOPLE = select(PEOPLE).where(
    among(PEOPLE.c.account_id, "accounts"),
    among(PEOPLE.c.id, "people"),
)
_NOTHING = update(PROJECTS).where(false()).values(version=PROJECTS.c.version)


def locate(
    connection: Connection, project_id: HostId, account_id: HostId | None, *, lock: bool = False
) -> Located | None:
    """The row of a project, None if there is none; raises AmbiguousProjectError where the account is needed.

    With `lock`, other writers of the project wait on PostgreSQL; SQLite has one writer anyway.
    """
    query, wanted = (_BY_ID, {"id": project_id}) if account_id is None else (
        _BY_ACCOUNT, {"id": project_id, "account": account_id}
    )  # fmt: skip
    if lock and connection.dialect.name != "sqlite":
        query = query.with_for_update(of=PROJECTS)
    rows = connection.execute(query, wanted).all()
    if len(rows) > 1:
        raise AmbiguousProjectError(project_id)
    return Located(*rows[0]) if rows else None


def lock_all(connection: Connection, project_ids: Iterable[HostId]) -> None:
    """Locks the rows of several projects in the order of their keys, so that two batches never wait for each other."""
    if connection.dialect.name != "sqlite":
        connection.execute(_BY_IDS.with_for_update(), {"ids": list(project_ids)}).all()


def begin_writing(connection: Connection) -> None:
    """Makes the transaction a writer by a statement that changes nothing."""
    connection.execute(_NOTHING)


def active_keys(connection: Connection, account_id: HostId | None = None) -> list[int]:
    """The row keys of all Active projects, of one account or of all, in the order in which they were loaded."""
    query = select(PROJECTS.c.key).where(PROJECTS.c.status == ProjectStatus.ACTIVE.value).order_by(PROJECTS.c.key)
    if account_id is not None:
        query = query.where(PROJECTS.c.account_id == account_id)
    return list(connection.scalars(query))


def keys_to_evaluate(
    connection: Connection,
    as_of: datetime,
    after: int,
    limit: int,
    accounts: Sequence[HostId] | None = None,
    project_ids: Sequence[HostId] | None = None,
) -> list[int]:
    """Up to `limit` row keys, above `after`, of Active projects that have not been evaluated at `as_of` or later."""
    query = select(PROJECTS.c.key).where(*_to_evaluate(as_of, accounts, project_ids), PROJECTS.c.key > after)
    return list(connection.scalars(query.order_by(PROJECTS.c.key).limit(limit)))


def count_to_evaluate(
    connection: Connection,
    as_of: datetime,
    accounts: Sequence[HostId] | None = None,
    project_ids: Sequence[HostId] | None = None,
) -> int:
    """How many projects `keys_to_evaluate` would find without a limit."""
    query = select(func.count()).select_from(PROJECTS).where(*_to_evaluate(as_of, accounts, project_ids))
    return int(connection.scalar(query) or 0)


def _to_evaluate(
    as_of: datetime, accounts: Sequence[HostId] | None, project_ids: Sequence[HostId] | None
) -> list[ColumnElement[bool]]:
    evaluated_at = PROJECTS.c.evaluated_at
    conditions: list[ColumnElement[bool]] = [
        PROJECTS.c.status == ProjectStatus.ACTIVE.value,
        or_(evaluated_at.is_(None), evaluated_at < as_of),
    ]
    if accounts is not None:
        conditions.append(PROJECTS.c.account_id.in_(accounts))
    if project_ids is not None:
        conditions.append(PROJECTS.c.id.in_(project_ids))
    return conditions


def accounts(connection: Connection) -> list[HostId]:
    """The ids of the accounts that have any project."""
    return list(connection.scalars(select(PROJECTS.c.account_id).distinct().order_by(PROJECTS.c.account_id)))


def count_by_status(connection: Connection) -> dict[ProjectStatus, int]:
    """How many projects there are of each status."""
    rows = connection.execute(select(PROJECTS.c.status, func.count()).group_by(PROJECTS.c.status))
    counts = {row.status: row[1] for row in rows}
    return {status: counts.get(status.value, 0) for status in ProjectStatus}


def id_of(connection: Connection, key: int) -> HostId:
    """The host's id of the project in this row; raises LookupError if the row is gone."""
    found: HostId | None = connection.scalar(select(PROJECTS.c.id).where(PROJECTS.c.key == key))
    if found is None:
        raise LookupError(f"there is no project with the key {key}")
    return found


def versions(connection: Connection, keys: Sequence[int], *, lock: bool = False) -> list[Located]:
    """The current versions of these rows, in the order of their keys."""
    query = select(PROJECTS.c.key, PROJECTS.c.version).where(PROJECTS.c.key.in_(keys)).order_by(PROJECTS.c.key)
    if lock and connection.dialect.name != "sqlite":
        query = query.with_for_update()
    return [Located(*row) for row in connection.execute(query)]


def read(connection: Connection, key: int) -> StoredProject:
    """The project whole, with the last point of its fever chart.

    Raises LookupError if the row is gone, EvaluationError for rows that do not form a project.
    """
    try:
        stored = next(iter(read_many(connection, [key])), None)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvaluationError(id_of(connection, key), f"{type(error).__name__}: {error}") from error
    if stored is None:
        raise LookupError(f"there is no project with the key {key}")
    return StoredProject(key, stored.version, stored.project, last_point(connection, key))


def read_many(
    connection: Connection, keys: Sequence[int], points: Mapping[int, FeverPoint] = MappingProxyType({})
) -> list[StoredProject]:
    """The projects whole, in the order of their keys, one query per table; `points` are their newest fever points."""
    wanted = {"keys": list(keys)}
    heads = connection.execute(_BY_KEYS, wanted).all()
    parts = {part: _grouped(connection.execute(query, wanted).all()) for part, query in _PARTS.items()}
    latches: dict[int, dict[tuple[str, HostId], Latch]] = {}
    for row in connection.execute(_LATCHES, wanted).all():
        latches.setdefault(row.project_key, {})[(row.event, row.subject)] = Latch(row.fired, row.armed)
    people = _people(connection, heads, parts[TASKS])
    return [
        StoredProject(
            head.key, head.version, _project(head, parts, latches.get(head.key, {}), people), points.get(head.key)
        )
        for head in heads
    ]


Rows = Mapping[int, list[Any]]


def _grouped(rows: Iterable[Any]) -> Rows:
    return {key: list(group) for key, group in groupby(rows, lambda row: row[0])}


def _people(connection: Connection, heads: Sequence[Any], tasks: Rows) -> dict[HostId, dict[HostId, Person]]:
    """By account and id, the managers and the people to whom tasks are assigned."""
    ids = {row.assigned_to_id for group in tasks.values() for row in group} | {head.manager_id for head in heads}
    ids.discard(None)
    people: dict[HostId, dict[HostId, Person]] = {}
    if ids:
        accounts = {encode_host_id(head.account_id) for head in heads}
        wanted = {"accounts": list(accounts), "people": [encode_host_id(person) for person in ids]}
        for row in connection.execute(_PEOPLE, wanted):
            people.setdefault(row.account_id, {})[row.id] = Person(row.id, row.name, row.email)
    return people


def _project(
    head: Any,
    parts: Mapping[Any, Rows],
    latches: Mapping[tuple[str, HostId], Latch],
    people: Mapping[HostId, Mapping[HostId, Person]],
) -> Project:
    key, account = head.key, head.account_id
    known = people.get(account, {})
    tasks = tuple([task_from(row, known) for row in parts[TASKS].get(key, ())])
    return Project(
        account_id=account,
        id=head.id,
        name=head.name,
        status=ProjectStatus(head.status),
        start_date=head.start_date,
        target_end_date=head.target_end_date,
        calendar=calendar_from(head.start_date, head.calendar),
        tasks=tasks,
        chains=tuple(
            Chain(row.id, ChainKind(row.kind), tuple(row.tasks), row.joins) for row in parts[CHAINS].get(key, ())
        ),
        buffers=tuple(Buffer(row.id, row.chain, row.size, Measure(row.measure)) for row in parts[BUFFERS].get(key, ())),
        network=compile_network(tasks, [link_from(row) for row in parts[LINKS].get(key, ())]),
        milestones=tuple(milestone_from(row) for row in parts[MILESTONES].get(key, ())),
        manager=known.get(head.manager_id),
        team_size=head.team_size,
        zones=zones_from(head.zones),
        options=options_from(head.options),
        baseline=head.baseline,
        revision=head.revision,
        latches=MappingProxyType(latches),
        red_tasks=frozenset(head.red_tasks or ()),
        updated_at=head.updated_at,
        evaluated_at=head.evaluated_at,
    )
