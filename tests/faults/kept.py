"""What a database holds at one moment, as values for the checkers."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text

from chainbell.engine import Engine
from chainbell.storage import METADATA

Row = dict[str, Any]


def rows(engine: Engine, name: str) -> list[Row]:
    return snapshot(engine, name)[0]


def snapshot(engine: Engine, *names: str) -> list[list[Row]]:
    """The rows of these tables as they were together at one moment."""
    tables = [METADATA.tables[f"chainbell_{name}"] for name in names]
    with engine.database.read() as connection:
        if not engine.database.is_sqlite:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        return [[dict(row) for row in connection.execute(select(table)).mappings()] for table in tables]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The rows that the checkers look at."""

    projects: list[Row]
    changes: list[Row]
    events: list[Row]
    webhooks: list[Row]
    deliveries: list[Row]
    attempts: list[Row]


def kept_by(engine: Engine) -> Kept:
    """What the engine's database holds at this moment."""
    projects, changes, events, webhooks, deliveries, attempts = snapshot(
        engine, "project", "change", "event", "webhook", "delivery", "attempt"
    )
    return Kept(
        projects=projects,
        changes=changes,
        events=events,
        webhooks=webhooks,
        deliveries=deliveries,
        attempts=attempts,
    )
