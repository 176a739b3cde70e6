"""Projects in and out of the tables: read whole, written by difference, serialised by a version."""

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from chainbell.rules import (
    Assessment,
    Buffer,
    Chain,
    ChainKind,
    HostId,
    Latch,
    Link,
    LinkType,
    Measure,
    Person,
    Project,
    ProjectStatus,
    compile_network,
)
from chainbell.storage.mapping import (
    calendar_from,
    milestone_columns,
    milestone_from,
    project_columns,
    task_columns,
    task_from,
    zones_from,
)
from chainbell.storage.tables import (
    BaselineRow,
    BufferRow,
    ChainRow,
    FeverPointRow,
    Kept,
    LatchRow,
    LinkRow,
    MilestoneRow,
    PersonRow,
    ProjectRow,
    TaskRow,
    table,
)

PROJECTS, PEOPLE, TASKS, LATCHES = table(ProjectRow), table(PersonRow), table(TaskRow), table(LatchRow)
LINKS, CHAINS, BUFFERS, MILESTONES = table(LinkRow), table(ChainRow), table(BufferRow), table(MilestoneRow)
FEVER_POINTS, BASELINES = table(FeverPointRow), table(BaselineRow)


class VersionConflictError(Exception):
    """Another writer changed the project between our read and our write."""


class AmbiguousProjectError(LookupError):
    """Several accounts have a project of this id."""


@dataclass(frozen=True, slots=True)
class StoredProject:
    """A project as read, with the key of its row and the version that a write must still find."""

    key: int
    version: int
    project: Project


def find_key(connection: Connection, project_id: HostId, account_id: HostId | None) -> int | None:
    """The row key of a project, None if there is none; raises AmbiguousProjectError where the account is needed."""
    query = select(PROJECTS.c.key).where(PROJECTS.c.id == project_id)
    if account_id is not None:
        query = query.where(PROJECTS.c.account_id == account_id)
    keys = connection.scalars(query.limit(2)).all()
    if len(keys) > 1:
        raise AmbiguousProjectError(project_id)
    return keys[0] if keys else None


def active_keys(connection: Connection, account_id: HostId | None = None) -> list[int]:
    """The row keys of all Active projects, of one account or of all, in the order in which they were loaded."""
    query = select(PROJECTS.c.key).where(PROJECTS.c.status == ProjectStatus.ACTIVE.value).order_by(PROJECTS.c.key)
    if account_id is not None:
        query = query.where(PROJECTS.c.account_id == account_id)
    return list(connection.scalars(query))


def read(connection: Connection, key: int, *, for_update: bool = False) -> StoredProject:
    """The project whole. With `for_update` other writers of it wait where the database can make them (PostgreSQL)."""
    query = select(PROJECTS).where(PROJECTS.c.key == key)
    row = connection.execute(query.with_for_update() if for_update else query).one()
    people = _people(connection, row.account_id)
    tasks = tuple(task_from(task, people) for task in _rows(connection, TaskRow, key))
    links = tuple(
        Link(link.predecessor, link.successor, LinkType(link.type), link.lag, link.resource)
        for link in _rows(connection, LinkRow, key)
    )
    latches = connection.execute(select(LATCHES).where(LATCHES.c.project_key == key))
    project = Project(
        account_id=row.account_id,
        id=row.id,
        name=row.name,
        status=ProjectStatus(row.status),
        start_date=row.start_date,
        target_end_date=row.target_end_date,
        calendar=calendar_from(row.start_date, row.calendar),
        tasks=tasks,
        chains=tuple(
            Chain(chain.id, ChainKind(chain.kind), tuple(chain.tasks), chain.joins)
            for chain in _rows(connection, ChainRow, key)
        ),
        buffers=tuple(
            Buffer(buffer.id, buffer.chain, buffer.size, Measure(buffer.measure))
            for buffer in _rows(connection, BufferRow, key)
        ),
        network=compile_network(tasks, links),
        milestones=tuple(milestone_from(milestone) for milestone in _rows(connection, MilestoneRow, key)),
        manager=people.get(row.manager_id),
        team_size=row.team_size,
        zones=zones_from(row.zones),
        baseline=row.baseline,
        revision=row.revision,
        latches=MappingProxyType({(r.event, r.subject): Latch(r.fired, r.armed) for r in latches}),
        updated_at=row.updated_at,
        evaluated_at=row.evaluated_at,
    )
    return StoredProject(key, row.version, project)


def insert_project(connection: Connection, project: Project) -> int:
    """A new project's row, version 0; its parts follow with `save`. Raises IntegrityError if it exists already."""
    values = {**project_columns(project), "account_id": project.account_id, "id": project.id, "version": 0}
    key: int = connection.scalars(insert(PROJECTS).values(values).returning(PROJECTS.c.key)).one()
    return key


def save(connection: Connection, key: int, version: int, before: Project | None, after: Project) -> None:
    """Writes what differs. Raises VersionConflictError if the project is no longer at `version`."""
    found = connection.execute(
        update(PROJECTS)
        .where(PROJECTS.c.key == key, PROJECTS.c.version == version)
        .values({**project_columns(after), "version": version + 1})
    )
    if found.rowcount != 1:
        raise VersionConflictError(after.id)
    if before is None or before.baseline != after.baseline:
        _write_baseline(connection, key, after)
    else:
        _write_tasks(connection, key, before, after)
        if before.milestones is not after.milestones:
            _replace(connection, MilestoneRow, key, milestone_columns(after))
    _write_latches(connection, key, {} if before is None else before.latches, after)


def keep_baseline(connection: Connection, key: int, number: int, made_at: datetime, plan: dict[str, Any]) -> None:
    connection.execute(insert(BASELINES).values(project_key=key, number=number, made_at=made_at, plan=plan))


def kept_plan(connection: Connection, key: int, number: int) -> dict[str, Any] | None:
    """The plan document of a baseline."""
    same = (BASELINES.c.project_key == key) & (BASELINES.c.number == number)
    plan: dict[str, Any] | None = connection.scalar(select(BASELINES.c.plan).where(same))
    return plan


def baselines(connection: Connection, key: int) -> list[tuple[int, datetime, dict[str, Any]]]:
    """Number, instant and plan document of every baseline, the first one first."""
    columns = (BASELINES.c.number, BASELINES.c.made_at, BASELINES.c.plan)
    rows = connection.execute(select(*columns).where(BASELINES.c.project_key == key).order_by(BASELINES.c.number))
    return [(row.number, row.made_at, row.plan) for row in rows]


def add_fever_point(connection: Connection, key: int, after: Project, at: datetime, seen: Assessment) -> None:
    """Keeps the project's point if it moved since the last one kept for this baseline."""
    columns = (FEVER_POINTS.c.baseline, FEVER_POINTS.c.completion, FEVER_POINTS.c.consumption, FEVER_POINTS.c.zone)
    last = connection.execute(
        select(*columns).where(FEVER_POINTS.c.project_key == key).order_by(FEVER_POINTS.c.key.desc()).limit(1)
    ).first()
    point = (after.baseline, seen.completion, seen.project.consumption, seen.zone.value)
    if last is None or tuple(last) != point:
        names = ("baseline", "completion", "consumption", "zone")
        connection.execute(insert(FEVER_POINTS).values(project_key=key, at=at, **dict(zip(names, point, strict=True))))


def fever_points(connection: Connection, key: int) -> list[dict[str, Any]]:
    """The fever chart's trail, oldest first: at, baseline, completion and consumption in percent, zone."""
    columns = [FEVER_POINTS.c[name] for name in ("at", "baseline", "completion", "consumption", "zone")]
    rows = connection.execute(select(*columns).where(FEVER_POINTS.c.project_key == key).order_by(FEVER_POINTS.c.key))
    return [dict(row) for row in rows.mappings()]


def _rows(connection: Connection, kind: type[Kept], key: int) -> list[Any]:
    rows = table(kind)
    return list(connection.execute(select(rows).where(rows.c.project_key == key).order_by(rows.c.position)))


def _people(connection: Connection, account_id: HostId) -> dict[HostId | None, Person]:
    rows = connection.execute(select(PEOPLE).where(PEOPLE.c.account_id == account_id))
    return {row.id: Person(row.id, row.name, row.email) for row in rows}


def _replace(connection: Connection, kind: type[Kept], key: int, rows: list[dict[str, Any]]) -> None:
    target = table(kind)
    connection.execute(delete(target).where(target.c.project_key == key))
    if rows:
        connection.execute(insert(target), [{"project_key": key, **row} for row in rows])


def _write_baseline(connection: Connection, key: int, after: Project) -> None:
    """A first plan or a re-plan: everything the plan says is written anew."""
    _write_people(connection, after)
    tasks = [task_columns(key, position, task) for position, task in enumerate(after.tasks)]
    _replace(connection, TaskRow, key, tasks)
    links: list[dict[str, Any]] = [
        {"position": n, "predecessor": link.predecessor, "successor": link.successor, "type": link.type.value}
        | {"lag": link.lag, "resource": link.resource}
        for n, link in enumerate(after.network.links)
    ]
    _replace(connection, LinkRow, key, links)
    chains = [
        {"id": c.id, "position": n, "kind": c.kind.value, "tasks": list(c.tasks), "joins": c.joins}
        for n, c in enumerate(after.chains)
    ]
    _replace(connection, ChainRow, key, chains)
    buffers: list[dict[str, Any]] = [
        {"id": b.id, "position": n, "chain": b.chain, "size": b.size, "measure": b.measure.value}
        for n, b in enumerate(after.buffers)
    ]
    _replace(connection, BufferRow, key, buffers)
    _replace(connection, MilestoneRow, key, milestone_columns(after))


def _write_people(connection: Connection, after: Project) -> None:
    """The people a plan names, in the order of their ids so that two writers never wait for each other."""
    people = {task.assigned_to.id: task.assigned_to for task in after.tasks if task.assigned_to}
    if after.manager:
        people[after.manager.id] = after.manager
    for person_id in sorted(people, key=str):
        person = people[person_id]
        same = (PEOPLE.c.account_id == after.account_id) & (PEOPLE.c.id == person.id)
        values = {"name": person.name, "email": person.email}
        if connection.execute(update(PEOPLE).where(same).values(values)).rowcount == 0:
            connection.execute(insert(PEOPLE).values(account_id=after.account_id, id=person.id, **values))


def _write_tasks(connection: Connection, key: int, before: Project, after: Project) -> None:
    for position, (old, new) in enumerate(zip(before.tasks, after.tasks, strict=True)):
        if old is not new:
            same = (TASKS.c.project_key == key) & (TASKS.c.id == new.id)
            connection.execute(update(TASKS).where(same).values(task_columns(key, position, new)))


def _write_latches(connection: Connection, key: int, before: Any, after: Project) -> None:
    changed = {name: latch for name, latch in after.latches.items() if before.get(name) != latch}
    gone = [name for name in before if name not in after.latches]
    for event, subject in [*gone, *(name for name in changed if name in before)]:
        connection.execute(
            delete(LATCHES).where(LATCHES.c.project_key == key, LATCHES.c.event == event, LATCHES.c.subject == subject)
        )
    if changed:
        rows = [
            {"project_key": key, "event": event, "subject": subject, "fired": latch.count, "armed": latch.armed}
            for (event, subject), latch in changed.items()
        ]
        connection.execute(insert(LATCHES), rows)


__all__ = [
    "AmbiguousProjectError",
    "StoredProject",
    "VersionConflictError",
    "active_keys",
    "add_fever_point",
    "baselines",
    "fever_points",
    "find_key",
    "insert_project",
    "keep_baseline",
    "read",
    "save",
]
