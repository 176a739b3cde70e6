"""Subscriptions and fan-outs; indexes for large databases; points of the fever chart that were thinned."""

import sqlalchemy as sa
from alembic import op

from chainbell.storage.metadata import PREFIX, QUALIFIED, SCHEMA

revision = "0008"
down_revision = "0007"

NEW: tuple[tuple[str, tuple[str, ...], str | None], ...] = (
    ("project", ("id",), None),
    ("project", ("status", "key"), None),
    ("event", ("account_id", "position"), None),
    ("event", ("occurred_at",), None),
    ("fever_point", ("project_key", "key"), None),
    ("fever_point", ("is_thinned", "at"), None),
    ("delivery", ("next_attempt_at",), "state = 'pending'"),
    ("delivery", ("finished_at",), "finished_at IS NOT NULL"),
    ("attempt", ("started_at",), None),
)
ROWS = 1000
"""How many registrations are read at a time."""


def upgrade() -> None:
    """Creates the tables and indexes, and a subscription for each event that a registration asks for."""
    is_thinned: sa.Column[bool] = sa.Column("is_thinned", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column(f"{PREFIX}fever_point", is_thinned, schema=SCHEMA)
    op.drop_index(op.f(f"ix_{PREFIX}fever_point_project_key"), f"{PREFIX}fever_point", schema=SCHEMA)
    for name, columns, condition in NEW:
        where = None if condition is None else sa.text(condition)
        op.create_index(
            op.f(f"ix_{PREFIX}{name}_{'_'.join(columns)}"),
            f"{PREFIX}{name}",
            list(columns),
            schema=SCHEMA,
            sqlite_where=where,
            postgresql_where=where,
        )
    _create_tables()
    _subscribe()


def _create_tables() -> None:
    op.create_table(
        f"{PREFIX}audience",
        sa.Column("account_id", sa.String(65), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f(f"pk_{PREFIX}audience")),
        schema=SCHEMA,
    )
    op.create_table(
        f"{PREFIX}subscription",
        sa.Column("account_id", sa.String(65), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("webhook_id", sa.String(64), nullable=False),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.Column("until", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            [f"{QUALIFIED}webhook.id"],
            name=op.f(f"fk_{PREFIX}subscription_webhook_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "event", "webhook_id", "since", name=op.f(f"pk_{PREFIX}subscription")),
        schema=SCHEMA,
    )
    name = op.f(f"ix_{PREFIX}subscription_webhook_id")
    op.create_index(name, f"{PREFIX}subscription", ["webhook_id"], schema=SCHEMA)
    op.create_table(
        f"{PREFIX}fanout",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(65), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("written_to", sa.String(64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], [f"{QUALIFIED}event.id"], name=op.f(f"fk_{PREFIX}fanout_event_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("position", name=op.f(f"pk_{PREFIX}fanout")),
        sa.UniqueConstraint("event_id", name=op.f(f"uq_{PREFIX}fanout_event_id")),
        schema=SCHEMA,
    )
    name = op.f(f"ix_{PREFIX}fanout_account_id_position")
    op.create_index(name, f"{PREFIX}fanout", ["account_id", "position"], schema=SCHEMA)


def _subscribe() -> None:
    """Each account at revision 1, at which its registrations ask for what they ask for."""
    names = ("id", "account_id", "events")
    webhooks = sa.table(
        f"{PREFIX}webhook", *(sa.column(name, sa.JSON() if name == "events" else sa.String()) for name in names),
        schema=SCHEMA,
    )  # fmt: skip
    audiences = sa.table(f"{PREFIX}audience", *map(sa.column, ("account_id", "revision")), schema=SCHEMA)
    columns = ("account_id", "event", "webhook_id", "since")
    subscriptions = sa.table(f"{PREFIX}subscription", *map(sa.column, columns), schema=SCHEMA)
    connection = op.get_bind()
    accounts = sa.select(webhooks.c.account_id, sa.literal(1)).distinct()
    connection.execute(sa.insert(audiences).from_select(["account_id", "revision"], accounts))
    found = connection.execute(sa.select(webhooks)).all()
    for begin in range(0, len(found), ROWS):
        rows = [
            {"account_id": row.account_id, "event": event, "webhook_id": row.id, "since": 1}
            for row in found[begin : begin + ROWS]
            for event in dict.fromkeys(row.events)
        ]
        if rows:
            connection.execute(sa.insert(subscriptions), rows)
