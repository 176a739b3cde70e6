"""Partial indexes over what is left to be delivered, first attempts before retries; certificates of a webhook's own."""

import sqlalchemy as sa
from alembic import op

from chainbell.storage.metadata import PREFIX, SCHEMA
from chainbell.storage.tables import FILL_PERCENT

revision = "0004"
down_revision = "0003"

OLD = (("state", "next_attempt_at"), ("webhook_id", "state", "next_attempt_at"))
NEW = (
    (("webhook_id", "is_retry", "next_attempt_at"), "state = 'pending'"),
    (("webhook_id", "created_at"), "state IN ('failed', 'expired')"),
)


def upgrade() -> None:
    """Adds the columns, marks pending retries as such, and replaces the old indexes by the partial ones."""
    op.add_column(f"{PREFIX}webhook", sa.Column("ca_certificates", sa.Text(), nullable=True), schema=SCHEMA)
    is_retry: sa.Column[bool] = sa.Column("is_retry", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column(f"{PREFIX}delivery", is_retry, schema=SCHEMA)
    deliveries = sa.table(
        f"{PREFIX}delivery",
        *(sa.column(name) for name in ("is_retry", "state", "attempts", "tried_before")),
        schema=SCHEMA,
    )
    tried = (deliveries.c.state == "pending") & (deliveries.c.attempts > deliveries.c.tried_before)
    op.execute(sa.update(deliveries).where(tried).values(is_retry=sa.true()))
    if op.get_context().dialect.name == "postgresql":
        schema = "" if SCHEMA is None else f'"{SCHEMA}".'
        op.execute(f'ALTER TABLE {schema}"{PREFIX}delivery" SET (fillfactor = {FILL_PERCENT})')
    for columns in OLD:
        op.drop_index(op.f(f"ix_{PREFIX}delivery_{'_'.join(columns)}"), f"{PREFIX}delivery", schema=SCHEMA)
    for columns, condition in NEW:
        op.create_index(
            op.f(f"ix_{PREFIX}delivery_{'_'.join(columns)}"),
            f"{PREFIX}delivery",
            list(columns),
            schema=SCHEMA,
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )
