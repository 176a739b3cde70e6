"""Projects into the tables: only differences are written, and a version serialises the writers.

Statements are built once; only their parameters differ from call to call.
"""

from collections.abc import Sequence
from datetime import datetime
from random import randrange

from sqlalchemy import Connection, bindparam, delete, insert, update

from chainbell.rules import Project
from chainbell.storage.mapping import plan_columns, state_columns, task_row
from chainbell.storage.plan_rows import PlanRows, milestone_rows, plan_rows
from chainbell.storage.statements import RowInsert
from chainbell.storage.tables import (
    LatchRow,
    ProjectRow,
    TaskRow,
    table,
)

PROJECTS, TASKS, LATCHES = table(ProjectRow), table(TaskRow), table(LatchRow)
_LATCHES = RowInsert(LATCHES, later=("project_key",))


class VersionConflictError(Exception):
    """Another writer changed the project between our read and our write."""


_UPDATE = update(PROJECTS).where(PROJECTS.c.key == bindparam("at_key"), PROJECTS.c.version == bindparam("at_version"))
_TOUCH = (
    update(PROJECTS)
    .where(PROJECTS.c.key.in_(bindparam("keys", expanding=True)))
    .values(evaluated_at=bindparam("at", type_=PROJECTS.c.evaluated_at.type), version=PROJECTS.c.version + 1)
)
_UPDATE_TASK = update(TASKS).where(TASKS.c.project_key == bindparam("at_key"), TASKS.c.id == bindparam("at_id"))
_UPDATE_LATCH = update(LATCHES).where(
    LATCHES.c.project_key == bindparam("at_key"),
    LATCHES.c.event == bindparam("at_event"),
    LATCHES.c.subject == bindparam("at_subject"),
)


def insert_project(connection: Connection, project: Project) -> tuple[int, int]:
    """Inserts a new project's row and returns its key and version; `save` writes the parts.

    Raises IntegrityError if the account has a project with this id. Versions begin at random: SQLite may reuse the key
    of a deleted project, and snapshots are identified by key and version.
    """
    version = randrange(2**30)  # noqa: S311  no secret
    values = {**plan_columns(project), **state_columns(project)}
    values |= {"account_id": project.account_id, "id": project.id, "version": version}
    key: int = connection.scalars(insert(PROJECTS).values(values).returning(PROJECTS.c.key)).one()
    return key, version


def touch(connection: Connection, keys: Sequence[int], evaluated_at: datetime) -> None:
    """Writes a new instant of evaluation to projects that the caller has locked and in which nothing else changed."""
    connection.execute(_TOUCH, {"keys": list(keys), "at": evaluated_at})


def save(
    connection: Connection,
    key: int,
    version: int,
    before: Project | None,
    after: Project,
    plan: PlanRows | None = None,
) -> None:
    """Writes what differs and raises the version by 1; VersionConflictError if the row is no longer at `version`.

    `plan` is what `plan_rows` made ready for a new baseline; left out, it is made here.
    """
    is_new_baseline = before is None or before.baseline != after.baseline
    columns = state_columns(after) if not is_new_baseline else {**plan_columns(after), **state_columns(after)}
    found = connection.execute(_UPDATE, {"at_key": key, "at_version": version, "version": version + 1, **columns})
    if found.rowcount != 1:
        raise VersionConflictError(after.id)
    if before is None or is_new_baseline:
        (plan or plan_rows(connection.dialect, before, after)).write(connection, key)
    else:
        _write_tasks(connection, key, before, after)
        if before.milestones is not after.milestones:
            milestone_rows(connection.dialect, before, after).write(connection, key)
    _write_latches(connection, key, before, after)


def _write_tasks(connection: Connection, key: int, before: Project, after: Project) -> None:
    changed = [
        {"at_key": key, "at_id": new.id, **task_row(position, new)}
        for position, (old, new) in enumerate(zip(before.tasks, after.tasks, strict=True))
        if old is not new
    ]
    if changed:
        connection.execute(_UPDATE_TASK, changed if len(changed) > 1 else changed[0])


def _write_latches(connection: Connection, key: int, before: Project | None, after: Project) -> None:
    """Writes the latches that changed; those of a new baseline replace all the old ones, which then silence nothing."""
    known = {} if before is None else before.latches
    if known is after.latches:
        return
    if before is not None and before.baseline != after.baseline:
        connection.execute(delete(LATCHES).where(LATCHES.c.project_key == key))
        known = {}
    changed = [(name, latch) for name, latch in after.latches.items() if known.get(name) != latch]
    moved = [
        {"at_key": key, "at_event": event, "at_subject": subject, "fired": latch.count, "armed": latch.armed}
        for (event, subject), latch in changed
        if (event, subject) in known
    ]
    if moved:
        connection.execute(_UPDATE_LATCH, moved)
    rows = [
        {"event": event, "subject": subject, "fired": latch.count, "armed": latch.armed}
        for (event, subject), latch in changed
        if (event, subject) not in known
    ]
    _LATCHES.run(connection, _LATCHES.ready(connection.dialect, rows), key)
