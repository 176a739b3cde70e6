"""Alembic's environment: it runs on the connection that `chainbell.storage.migrations` provides."""

from alembic import context

from chainbell.storage.metadata import METADATA, PREFIX, SCHEMA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=f"{PREFIX}revision",
    version_table_schema=SCHEMA,
    transaction_per_migration=False,
)
context.run_migrations()
