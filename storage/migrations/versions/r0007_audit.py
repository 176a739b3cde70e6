"""The audit trail; sealed header values; webhooks that are deleted and keep their log."""

import sqlalchemy as sa
from alembic import op

from chainbell.storage.metadata import PREFIX, SCHEMA

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Creates the table of the trail; adds columns to webhooks. Header values are sealed by the first engine that opens
    the database: a migration has no keys."""
    op.create_table(
        f"{PREFIX}audit",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.String(65), nullable=True),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("via", sa.String(16), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f(f"pk_{PREFIX}audit")),
        schema=SCHEMA,
    )
    for columns in (["account_id", "key"], ["at"]):
        name = op.f(f"ix_{PREFIX}audit_{'_'.join(columns)}")
        op.create_index(name, f"{PREFIX}audit", columns, schema=SCHEMA)
    op.add_column(f"{PREFIX}webhook", sa.Column("sealed_headers", sa.JSON(), nullable=True), schema=SCHEMA)
    op.add_column(f"{PREFIX}webhook", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True), schema=SCHEMA)
