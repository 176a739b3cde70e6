"""Resource links, constraints on starts, measures of buffers; a calendar's hours become shifts."""

import sqlalchemy as sa
from alembic import op

from chainbell.storage.metadata import PREFIX, SCHEMA

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the columns, and rewrites each calendar's `opens` and `closes` as one shift."""
    op.add_column(f"{PREFIX}task", sa.Column("not_before", sa.Float(), nullable=True), schema=SCHEMA)
    op.add_column(f"{PREFIX}link", sa.Column("resource", sa.String(65), nullable=True), schema=SCHEMA)
    measure = sa.Column("measure", sa.String(), nullable=False, server_default="forecast")
    op.add_column(f"{PREFIX}buffer", measure, schema=SCHEMA)
    project = sa.table(f"{PREFIX}project", sa.column("key", sa.Integer), sa.column("calendar", sa.JSON), schema=SCHEMA)
    connection = op.get_bind()
    for key, calendar in connection.execute(sa.select(project.c.key, project.c.calendar)).all():
        if "opens" in calendar:
            kept = {name: value for name, value in calendar.items() if name not in ("opens", "closes")}
            shifts = {**kept, "hours": [[calendar["opens"], calendar["closes"]]]}
            connection.execute(sa.update(project).where(project.c.key == key).values(calendar=shifts))
