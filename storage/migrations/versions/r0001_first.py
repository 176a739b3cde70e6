"""The tables of the first version."""

import sqlalchemy as sa
from alembic import op

from chainbell.storage.metadata import PREFIX, QUALIFIED, SCHEMA

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        f"{PREFIX}person",
        sa.Column("account_id", sa.String(65), nullable=False),
        sa.Column("id", sa.String(65), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f(f"pk_{PREFIX}person")),
        schema=SCHEMA,
    )
    op.create_table(
        f"{PREFIX}project",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(65), nullable=False),
        sa.Column("id", sa.String(65), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("target_end_date", sa.Date(), nullable=True),
        sa.Column("manager_id", sa.String(65), nullable=True),
        sa.Column("team_size", sa.Integer(), nullable=True),
        sa.Column("calendar", sa.JSON(), nullable=False),
        sa.Column("zones", sa.JSON(), nullable=False),
        sa.Column("baseline", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f(f"pk_{PREFIX}project")),
        sa.UniqueConstraint("account_id", "id", name=op.f(f"uq_{PREFIX}project_account_id_id")),
        schema=SCHEMA,
    )
    op.create_table(
        f"{PREFIX}webhook",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("account_id", sa.String(65), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body_format", sa.String(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_triggered", sa.DateTime(timezone=True), nullable=True),
        sa.Column("total_calls", sa.Integer(), nullable=False),
        sa.Column("successful_calls", sa.Integer(), nullable=False),
        sa.Column("failed_calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{PREFIX}webhook")),
        schema=SCHEMA,
    )
    _index("webhook", "account_id")
    op.create_table(
        f"{PREFIX}baseline",
        sa.Column("project_key", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_key"],
            [f"{QUALIFIED}project.key"],
            name=op.f(f"fk_{PREFIX}baseline_project_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("project_key", "number", name=op.f(f"pk_{PREFIX}baseline")),
        schema=SCHEMA,
    )
    op.create_table(
        f"{PREFIX}buffer",
        sa.Column("project_key", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(65), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("chain", sa.String(65), nullable=False),
        sa.Column("size", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_key"],
            [f"{QUALIFIED}project.key"],
            name=op.f(f"fk_{PREFIX}buffer_project_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("project_key", "id", name=op.f(f"pk_{PREFIX}buffer")),
        schema=SCHEMA,
    )
    op.create_table(
        f"{PREFIX}chain",
        sa.Column("project_key", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(65), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("tasks", sa.JSON(), nullable=False),
        sa.Column("joins", sa.String(65), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_key"], [f"{QUALIFIED}project.key"], name=op.f(f"fk_{PREFIX}chain_project_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_key", "id", name=op.f(f"pk_{PREFIX}chain")),
        schema=SCHEMA,
    )
    op.create_table(
        f"{PREFIX}change",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("project_key", sa.Integer(), nullable=False),
        sa.Column("change_id", sa.String(255), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_key"],
            [f"{QUALIFIED}project.key"],
            name=op.f(f"fk_{PREFIX}change_project_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f(f"pk_{PREFIX}change")),
        sa.UniqueConstraint("project_key", "change_id", name=op.f(f"uq_{PREFIX}change_project_key_change_id")),
        schema=SCHEMA,
    )
    op.create_table(
        f"{PREFIX}delivery",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("webhook_id", sa.String(64), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=True),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["webhook_id"], [f"{QUALIFIED}webhook.id"], name=op.f(f"fk_{PREFIX}delivery_webhook_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{PREFIX}delivery")),
        sa.UniqueConstraint("webhook_id", "event_id", name=op.f(f"uq_{PREFIX}delivery_webhook_id_event_id")),
        schema=SCHEMA,
    )
    _index("delivery", "state", "next_attempt_at")
    op.create_table(
        f"{PREFIX}fever_point",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("project_key", sa.Integer(), nullable=False),
        sa.Column("baseline", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completion", sa.Float(), nullable=False),
        sa.Column("consumption", sa.Float(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_key"],
            [f"{QUALIFIED}project.key"],
            name=op.f(f"fk_{PREFIX}fever_point_project_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f(f"pk_{PREFIX}fever_point")),
        schema=SCHEMA,
    )
    _index("fever_point", "project_key")
    op.create_table(
        f"{PREFIX}latch",
        sa.Column("project_key", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(65), nullable=False),
        sa.Column("fired", sa.Integer(), nullable=False),
        sa.Column("armed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_key"], [f"{QUALIFIED}project.key"], name=op.f(f"fk_{PREFIX}latch_project_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_key", "event", "subject", name=op.f(f"pk_{PREFIX}latch")),
        schema=SCHEMA,
    )
    op.create_table(
        f"{PREFIX}link",
        sa.Column("project_key", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("predecessor", sa.String(65), nullable=False),
        sa.Column("successor", sa.String(65), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("lag", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_key"], [f"{QUALIFIED}project.key"], name=op.f(f"fk_{PREFIX}link_project_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_key", "position", name=op.f(f"pk_{PREFIX}link")),
        schema=SCHEMA,
    )
    op.create_table(
        f"{PREFIX}milestone",
        sa.Column("project_key", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(65), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("planned_date", sa.Date(), nullable=True),
        sa.Column("deliverables", sa.JSON(), nullable=False),
        sa.Column("achieved_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_key"],
            [f"{QUALIFIED}project.key"],
            name=op.f(f"fk_{PREFIX}milestone_project_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("project_key", "id", name=op.f(f"pk_{PREFIX}milestone")),
        schema=SCHEMA,
    )
    op.create_table(
        f"{PREFIX}task",
        sa.Column("project_key", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(65), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("duration", sa.Float(), nullable=False),
        sa.Column("planned_start", sa.Float(), nullable=False),
        sa.Column("planned_finish", sa.Float(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("remaining", sa.Float(), nullable=True),
        sa.Column("percent", sa.Float(), nullable=False),
        sa.Column("started", sa.Float(), nullable=True),
        sa.Column("finished", sa.Float(), nullable=True),
        sa.Column("counted_from", sa.Float(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("assigned_to_id", sa.String(65), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_key"], [f"{QUALIFIED}project.key"], name=op.f(f"fk_{PREFIX}task_project_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_key", "id", name=op.f(f"pk_{PREFIX}task")),
        schema=SCHEMA,
    )
    op.create_table(
        f"{PREFIX}attempt",
        sa.Column("delivery_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("webhook_id", sa.String(64), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("response", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            [f"{QUALIFIED}delivery.id"],
            name=op.f(f"fk_{PREFIX}attempt_delivery_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("delivery_id", "number", name=op.f(f"pk_{PREFIX}attempt")),
        schema=SCHEMA,
    )
    _index("attempt", "webhook_id", "started_at")
    op.create_table(
        f"{PREFIX}event",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("project_key", sa.Integer(), nullable=False),
        sa.Column("change_key", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(65), nullable=False),
        sa.Column("project_id", sa.String(65), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("subject_id", sa.String(65), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("why", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["change_key"], [f"{QUALIFIED}change.key"], name=op.f(f"fk_{PREFIX}event_change_key"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["project_key"], [f"{QUALIFIED}project.key"], name=op.f(f"fk_{PREFIX}event_project_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("position", name=op.f(f"pk_{PREFIX}event")),
        sa.UniqueConstraint("id", name=op.f(f"uq_{PREFIX}event_id")),
        schema=SCHEMA,
    )
    _index("event", "change_key")
    _index("event", "project_key", "position")


def _index(table: str, *columns: str) -> None:
    name = op.f(f"ix_{PREFIX}{table}_{'_'.join(columns)}")
    op.create_index(name, f"{PREFIX}{table}", list(columns), unique=False, schema=SCHEMA)
