"""The application, its global options, and how results are printed."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console

from chainbell.delivery import DeliverySettings, GuardPolicy
from chainbell.engine.engine import Engine
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.logs import configure_logging
from chainbell.rules import Event
from chainbell.rules.ids import decode_host_id
from chainbell.rules.payload import wire_instant
from chainbell.storage import Database

DEFAULT_DATABASE = "sqlite:///chainbell.db"
_GLOBAL_OPTIONS = ("--database", "--log", "--log-level")
_GLOBAL_SWITCHES = ("--allow-inside", "--no-allow-inside")

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Account = Annotated[str | None, typer.Option("--account", help="The account, where it is not plain.")]


@dataclass(frozen=True, slots=True)
class Settings:
    database: str
    allow_inside: bool


@app.callback()
def options(
    context: typer.Context,
    database: Annotated[
        str, typer.Option(envvar="CHAINBELL_DATABASE", help="Where everything is kept, as an SQLAlchemy URL.")
    ] = DEFAULT_DATABASE,
    allow_inside: Annotated[
        bool, typer.Option(envvar="CHAINBELL_ALLOW_INSIDE", help="Deliver over plain http and to inside addresses too.")
    ] = False,
    log: Annotated[str, typer.Option(help="Log lines on standard error: console or json.")] = "console",
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "warning",
) -> None:
    """An event-driven critical-chain engine: state changes in, signed webhooks out."""
    if log not in ("console", "json"):
        raise typer.BadParameter("neither console nor json", param_hint="--log")
    if log_level not in ("debug", "info", "warning", "error"):
        raise typer.BadParameter("none of debug, info, warning, error", param_hint="--log-level")
    configure_logging(as_json=log == "json", level=log_level)
    context.obj = Settings(database, allow_inside)


def with_global_options_first(arguments: list[str]) -> list[str]:
    """The arguments with the global options moved before the command, so that they may stand anywhere."""
    first: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            rest += [argument, *waiting]
        elif argument in _GLOBAL_OPTIONS:
            first += [argument, *(value for value in [next(waiting, None)] if value is not None)]
        elif argument in _GLOBAL_SWITCHES or argument.partition("=")[0] in _GLOBAL_OPTIONS:
            first.append(argument)
        else:
            rest.append(argument)
    return first + rest


@contextmanager
def open_database(context: typer.Context) -> Iterator[Database]:
    """The database of the global options, of whatever revision."""
    settings: Settings = context.obj
    try:
        database = Database(settings.database)
    except ValueError as error:
        raise InvalidInputError("database", str(error).removeprefix("database: ")) from None
    try:
        yield database
    finally:
        database.close()


def open_engine(context: typer.Context, deadline_seconds: float | None = None) -> Engine:
    """The engine on the database of the global options; keys come from CHAINBELL_KEYS, separated by commas."""
    settings: Settings = context.obj
    guard = GuardPolicy(allow_http=settings.allow_inside, allow_inside=settings.allow_inside)
    delivery = DeliverySettings(guard=guard)
    if deadline_seconds is not None:
        delivery = DeliverySettings(guard=guard, deadline_seconds=deadline_seconds)
    keys = [key for key in os.environ.get("CHAINBELL_KEYS", "").split(",") if key]
    return Engine(settings.database, keys=keys, delivery=delivery)


def account_id(text: str | None) -> Any:
    """An account as typed: the integer if it is one; a string of digits is written with a leading apostrophe."""
    return None if text is None else decode_host_id(text)


def event_line(event: Event) -> dict[str, Any]:
    """One event as `simulate --json`, `apply` and `events list --json` print it."""
    return {
        "event": event.name,
        "timestamp": wire_instant(event.occurred_at),
        "projectId": event.project_id,
        "taskId": event.task_id,
        "data": dict(event.data),
    }


def print_json(value: Any) -> None:
    """One line, written at once: what is printed has been committed."""
    print(json.dumps(value, ensure_ascii=False), flush=True)
