"""Tokens; rotation, opt-in retries and deactivation of webhooks; where a delivery's present series of tries began."""

import sqlalchemy as sa
from alembic import op

from chainbell.storage.metadata import PREFIX, SCHEMA

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Creates the table of tokens; adds columns to webhooks and deliveries, and an index on what is due."""
    op.create_table(
        f"{PREFIX}token",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("account_id", sa.String(65), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f(f"pk_{PREFIX}token")),
        schema=SCHEMA,
    )
    op.create_index(op.f(f"ix_{PREFIX}token_account_id"), f"{PREFIX}token", ["account_id"], schema=SCHEMA)
    for column in (
        sa.Column("previous_secret", sa.Text(), nullable=True),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retry_client_errors", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deactivation", sa.Text(), nullable=True),
    ):
        op.add_column(f"{PREFIX}webhook", column, schema=SCHEMA)
    due = ["webhook_id", "state", "next_attempt_at"]
    name = f"ix_{PREFIX}delivery_webhook_id_state_next_attempt_at"
    op.create_index(op.f(name), f"{PREFIX}delivery", due, schema=SCHEMA)
    tried = sa.Column("tried_before", sa.Integer(), nullable=False, server_default="0")
    op.add_column(f"{PREFIX}delivery", tried, schema=SCHEMA)
