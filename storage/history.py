"""The history of a project: the plan document of each baseline, and the points of its fever chart."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, bindparam, func, insert, select

from chainbell.rules import Assessment, FeverPoint, Project, Zone
from chainbell.storage.statements import Row, RowInsert
from chainbell.storage.tables import BaselineRow, FeverPointRow, ProjectRow, table

FEVER_POINTS, BASELINES, PROJECTS = table(FeverPointRow), table(BaselineRow), table(ProjectRow)
_BASELINES = RowInsert(BASELINES, later=("project_key",))
_OF_ONE = FEVER_POINTS.alias("of_one")

POINT = ("at", "recorded_at", "baseline", "completion", "consumption", "zone")
_NEWEST = (
    select(*(FEVER_POINTS.c[name] for name in POINT))
    .where(FEVER_POINTS.c.project_key == bindparam("key"))
    .order_by(FEVER_POINTS.c.key.desc())
)
LONGEST_TRAIL = 2000
"""How many points of a fever chart are read: over five years of a point a day."""
_LAST_POINT, _TRAIL = _NEWEST.limit(1), _NEWEST.limit(LONGEST_TRAIL)
_LAST_POINTS = (
    select(*(FEVER_POINTS.c[name] for name in ("project_key", *POINT)))
    .select_from(PROJECTS)
    .join(
        FEVER_POINTS,
        FEVER_POINTS.c.key
        == select(func.max(_OF_ONE.c.key)).where(_OF_ONE.c.project_key == PROJECTS.c.key).scalar_subquery(),
    )
    .where(PROJECTS.c.key.in_(bindparam("keys", expanding=True)))
)


class KeptBaseline(NamedTuple):
    """A baseline: the plan document as it was given, and the plan as it was planned, with the notes made on it.

    `planned` and `notes` are None in rows from before they were kept.
    """

    number: int
    made_at: datetime
    plan: dict[str, Any]
    planned: dict[str, Any] | None
    notes: list[str] | None


def baseline_rows(dialect: Dialect, kept: Sequence[KeptBaseline]) -> list[Row]:
    """Baselines made ready for `keep_baselines`, before the transaction that writes them."""
    return _BASELINES.ready(dialect, [baseline._asdict() for baseline in kept])


def keep_baselines(connection: Connection, key: int, rows: Sequence[Row]) -> None:
    """Writes baselines of the project with the row key `key`; raises IntegrityError if a number is taken."""
    _BASELINES.run(connection, rows, key)


def kept_plan(connection: Connection, key: int, number: int) -> dict[str, Any] | None:
    """The plan document of a baseline as it was given; None if there is no such baseline."""
    same = (BASELINES.c.project_key == key) & (BASELINES.c.number == number)
    plan: dict[str, Any] | None = connection.scalar(select(BASELINES.c.plan).where(same))
    return plan


def baselines(connection: Connection, key: int, *, newest: int | None = None) -> list[KeptBaseline]:
    """The baselines of a project, oldest first; all of them, or only the `newest` so many."""
    columns = (BASELINES.c[name] for name in KeptBaseline._fields)
    query = select(*columns).where(BASELINES.c.project_key == key).order_by(BASELINES.c.number.desc()).limit(newest)
    return [KeptBaseline(*row) for row in connection.execute(query)][::-1]


def fever_point(project: Project, seen: Assessment, at: datetime, recorded_at: datetime) -> FeverPoint:
    """Where the project stands on its fever chart at an instant."""
    return FeverPoint(
        at=at,
        recorded_at=recorded_at,
        baseline=project.baseline,
        completion=seen.completion,
        consumption=seen.project.consumption,
        zone=seen.zone,
    )


def add_fever_points(connection: Connection, key: int, points: Sequence[FeverPoint]) -> None:
    """Keeps points of the chart; the caller leaves out those that did not move."""
    if points:
        rows = [{"project_key": key, **{name: getattr(point, name) for name in POINT}} for point in points]
        connection.execute(insert(FEVER_POINTS), [{**row, "zone": str(row["zone"].value)} for row in rows])


def last_point(connection: Connection, key: int) -> FeverPoint | None:
    """The newest point of a project's fever chart."""
    row = connection.execute(_LAST_POINT, {"key": key}).first()
    return None if row is None else _point(row)


def last_points(connection: Connection, keys: Sequence[int]) -> dict[int, FeverPoint]:
    """The newest points of several projects, by row key; one look into the index for each."""
    return {key: _point(point) for key, *point in connection.execute(_LAST_POINTS, {"keys": list(keys)})}


def fever_points(connection: Connection, key: int) -> tuple[FeverPoint, ...]:
    """The fever chart's trail in the order of `at`: its newest points, up to `LONGEST_TRAIL`."""
    as_written = [_point(row) for row in connection.execute(_TRAIL, {"key": key})][::-1]
    return tuple(sorted(as_written, key=lambda point: point.at))


def _point(row: Sequence[Any]) -> FeverPoint:
    at, recorded_at, baseline, completion, consumption, zone = row
    return FeverPoint(
        at=at,
        recorded_at=recorded_at,
        baseline=baseline,
        completion=completion,
        consumption=consumption,
        zone=Zone(zone),
    )
