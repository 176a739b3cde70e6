"""What a token may do, until when, and when it was used last."""

import sqlalchemy as sa
from alembic import op

from chainbell.storage.metadata import PREFIX, SCHEMA

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds the columns, empty in the rows that are there: those tokens may do everything and do not expire."""
    new: list[sa.Column[object]] = [
        sa.Column("scopes", sa.JSON(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
    ]
    for column in new:
        op.add_column(f"{PREFIX}token", column, schema=SCHEMA)
