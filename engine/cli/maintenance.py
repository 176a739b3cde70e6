"""`db upgrade`."""

import typer

from chainbell.engine.cli.app import app, open_database

db_app = typer.Typer(no_args_is_help=True, help="The database.")
app.add_typer(db_app, name="db")


@db_app.command()
def upgrade(context: typer.Context) -> None:
    """Brings the tables to the newest revision, in one transaction; creates them in an empty database."""
    with open_database(context) as database:
        found = database.upgrade()
        print(f"revision {found or 'none'} -> {database.revision()}")
