"""The application: a table of its commands, each loaded on demand, and the global options."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

DEFAULT_DATABASE = "sqlite:///chainbell.db"
_GLOBAL_OPTIONS = ("--database", "--log", "--log-level")
_GLOBAL_SWITCHES = ("--allow-inside", "--no-allow-inside")

COMMANDS = {
    "load": ("planning", "Loads a plan, or re-plans a project that is there already; says what it read and changed."),
    "plan": ("planning", "Shows what would be planned: dates, slack, chains, buffers; keeps nothing."),
    "apply": ("projects", "Applies changes, one JSON object a line, and prints the events that they bring."),
    "reevaluate": ("maintenance", "Lets time pass for all Active projects."),
    "project": ("projects", "Projects: their state and their baselines."),
    "events": ("projects", "Events that fired, and why."),
    "serve": ("serving", "Serves the management API, delivers webhooks and keeps house, until interrupted."),
    "dispatch": ("delivering", "Delivers webhooks until interrupted."),
    "listen": ("delivering", "Receives on 127.0.0.1, verifies each signature, prints what came."),
    "webhooks": ("webhooks", "Webhook registrations."),
    "token": ("serving", "Bearer tokens of the management API."),
    "keys": ("keys", "The keys that seal webhook secrets."),
    "audit": ("audit", "Shows who did what to webhooks, tokens, keys and accounts, newest first."),
    "db": ("maintenance", "The database: its revision, what is kept of it, who is erased from it."),
    "simulate": ("simulate", "Runs a scenario; exits 1 where an expectation fails or a delivery does not arrive."),
}
"""Every command, with its module below `chainbell.engine.cli` and the first sentence of its help."""


class LoadedWhenAsked(TyperGroup):
    """A group that lists its commands from the table and imports only the module of the command that runs."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.commands = {name: self.commands.get(name) or shown(name) for name in COMMANDS}

    def resolve_command(self, context: Any, arguments: list[str]) -> Any:
        """The command that the first argument names, loaded."""
        if arguments and arguments[0] in COMMANDS:
            self.commands[arguments[0]] = loaded(arguments[0])
        return super().resolve_command(context, arguments)


def shown(name: str) -> TyperCommand:
    """A command with only what the list of commands shows."""
    return TyperCommand(name, help=COMMANDS[name][1])


def loaded(name: str) -> Any:
    """The command itself, with its arguments and options."""
    import_module(f"chainbell.engine.cli.{COMMANDS[name][0]}")
    return get_group(app).commands[name]


app = typer.Typer(cls=LoadedWhenAsked, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Account = Annotated[str | None, typer.Option("--account", help="The account, if several have this project id.")]


@dataclass(frozen=True, slots=True)
class Settings:
    """The global options that commands need: the database, and whether internal addresses are allowed."""

    database: str
    allow_inside: bool


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        print(f"chainbell {version('chainbell')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    database: Annotated[
        str, typer.Option(envvar="CHAINBELL_DATABASE", help="The database, as an SQLAlchemy URL.")
    ] = DEFAULT_DATABASE,
    allow_inside: Annotated[
        bool,
        typer.Option(envvar="CHAINBELL_ALLOW_INSIDE", help="Also deliver over plain http and to internal addresses."),
    ] = False,
    log: Annotated[str, typer.Option(help="Format of log lines on standard error: console or json.")] = "console",
    log_level: Annotated[str, typer.Option(help="Log level: debug, info, warning or error.")] = "warning",
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """An event-driven critical-chain engine: state changes in, signed webhooks out."""
    if log not in ("console", "json"):
        raise typer.BadParameter("neither console nor json", param_hint="--log")
    if log_level not in ("debug", "info", "warning", "error"):
        raise typer.BadParameter("none of debug, info, warning, error", param_hint="--log-level")
    import_module("chainbell.engine.logs").configure_logging(as_json=log == "json", level=log_level)
    context.obj = Settings(database, allow_inside)


def with_global_options_first(arguments: Iterable[str]) -> list[str]:
    """The arguments with the global options moved before the command, so that users may write them anywhere."""
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
