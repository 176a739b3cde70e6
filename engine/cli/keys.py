"""`keys new|rotate`."""

import os
from pathlib import Path

import typer

from chainbell.engine.cli.app import COMMANDS, app
from chainbell.engine.cli.opening import open_database, open_engine
from chainbell.engine.cli.printing import say
from chainbell.engine.core import KEYS
from chainbell.storage import generate_key
from chainbell.storage.secrets import add_key, key_file_of

keys_app = typer.Typer(no_args_is_help=True, help=COMMANDS["keys"][1])
app.add_typer(keys_app, name="keys")


@keys_app.command()
def new() -> None:
    """Makes a key and shows it, for CHAINBELL_KEYS."""
    print(generate_key())


@keys_app.command()
def rotate(context: typer.Context) -> None:
    """Seals all secrets with the newest key: a new one of the key file, or the first of CHAINBELL_KEYS.

    The old keys stay in the key file, for backups. Processes that run already do not know the new key of a file: stop
    them before, and start them after.
    """
    with open_database(context) as database:
        path = Path(str(database.url.database)) if database.is_sqlite else None
    if path is not None and key_file_of(path).exists() and not os.environ.get(KEYS):
        add_key(key_file_of(path))
    with open_engine(context) as engine:
        say(f"{engine.portfolio.seal_again()} webhooks are sealed with the newest key")
