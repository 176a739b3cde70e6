"""Baselines as they were planned, options of a project, what was red, when a change was told and what it said."""

import sqlalchemy as sa
from alembic import op

from chainbell.storage.metadata import PREFIX, SCHEMA

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Adds the columns, empty in the rows that are there."""
    new: list[tuple[str, sa.Column[object]]] = [
        ("project", sa.Column("options", sa.JSON(), nullable=True)),
        ("project", sa.Column("red_tasks", sa.JSON(), nullable=True)),
        ("baseline", sa.Column("planned", sa.JSON(), nullable=True)),
        ("baseline", sa.Column("notes", sa.JSON(), nullable=True)),
        ("fever_point", sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True)),
        ("change", sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True)),
        ("change", sa.Column("digest", sa.String(64), nullable=True)),
    ]
    for name, column in new:
        op.add_column(f"{PREFIX}{name}", column, schema=SCHEMA)
