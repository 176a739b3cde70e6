"""`keys new|rotate`."""

from contextlib import nullcontext

import typer

from chainbell.engine.cli.app import COMMANDS, app
from chainbell.engine.cli.opening import open_engine, who
from chainbell.engine.cli.printing import count, say
from chainbell.storage import generate_key
from chainbell.storage.secrets import with_new_key

keys_app = typer.Typer(no_args_is_help=True, help=COMMANDS["keys"][1])
app.add_typer(keys_app, name="keys")


@keys_app.command()
def new() -> None:
    """Makes a key and shows it, for CHAINBELL_KEYS."""
    print(generate_key())


@keys_app.command()
def rotate(context: typer.Context) -> None:
    """Seals secrets and header values with the newest key: a new one of the key file, or the first of CHAINBELL_KEYS.

    The old keys stay in the key file, for backups. Processes that run already do not know the new key of a file: stop
    them before, and start them after.
    """
    with open_engine(context) as engine:  # keys that open nothing are refused before anything changes
        file = engine.core.key_file
    with nullcontext() if file is None else with_new_key(file), open_engine(context) as engine:
        say(f"{count(engine.portfolio.seal_again(actor=who()), 'webhook')} sealed with the newest key")
