"""The schema's revisions, with Alembic: which one a database has, and how it is upgraded to the newest.

An empty database gets the newest tables at once; an older one is upgraded by `chainbell db upgrade`, in one
transaction on both SQLite and PostgreSQL, so an interrupted upgrade leaves the old database as it was.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from chainbell.rules.errors import FieldError
from chainbell.storage.metadata import METADATA, PREFIX, SCHEMA

HEAD = "0007"
"""The newest revision."""
FIRST = "0001"
"""The revision of databases from before revisions were kept."""


class RevisionError(FieldError):
    """The database has another revision than this chainbell needs; the reason says what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__("database", reason)


def revision_of(connection: Connection) -> str | None:
    """The revision of the tables that are there; None for a database without any."""
    found: str | None = _context(connection).get_current_revision()
    if found is None and inspect(connection).has_table(f"{PREFIX}project", schema=SCHEMA):
        return FIRST
    return found


def prepare(connection: Connection) -> None:
    """Creates the tables in an empty database; raises RevisionError for one of another revision."""
    found = revision_of(connection)
    if found is None:
        METADATA.create_all(connection)
        _stamp(connection, HEAD)
    elif found < HEAD:
        raise RevisionError(f"is at revision {found}, this chainbell needs {HEAD}: run `chainbell db upgrade`")
    elif found > HEAD:
        raise RevisionError(f"is at revision {found}, newer than this chainbell's {HEAD}: use a newer chainbell")


def upgrade(connection: Connection, to: str = HEAD) -> str | None:
    """Upgrades within the caller's transaction; returns the revision that was there, None for an empty database.

    Raises RevisionError for tables that are newer than this chainbell.
    """
    found = revision_of(connection)
    if found is not None and found > HEAD:
        raise RevisionError(f"is at revision {found}, newer than this chainbell's {HEAD}: use a newer chainbell")
    if found is not None and _context(connection).get_current_revision() is None:
        _stamp(connection, found)
    command.upgrade(_config(connection), to)
    return found


def _stamp(connection: Connection, revision: str) -> None:
    command.stamp(_config(connection), revision)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _context(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(
        connection, opts={"version_table": f"{PREFIX}revision", "version_table_schema": SCHEMA}
    )
