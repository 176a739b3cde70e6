"""`serve`, `token create|revoke`."""

import asyncio
import os
import signal
import socket
import sys
from datetime import timedelta
from typing import Annotated, cast

import typer

from chainbell.engine.cli.app import COMMANDS, AsJson, app
from chainbell.engine.cli.delivering import SWITCH_SECONDS
from chainbell.engine.cli.opening import account_id, nothing_to_refuse, open_engine, who
from chainbell.engine.cli.printing import count, print_json, say
from chainbell.engine.engine import Engine
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.http import Limits, serving
from chainbell.engine.http.limits import LIMIT_NAMES, limits_of
from chainbell.engine.running.dispatching import run_dispatcher
from chainbell.engine.running.housekeeping import Housekeeping
from chainbell.engine.tokens import Scope
from chainbell.rules.payload import wire

token_app = typer.Typer(no_args_is_help=True, help=COMMANDS["token"][1])
app.add_typer(token_app, name="token")


@app.command()
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 picks a free one.")] = 8080,
    dispatch: Annotated[bool, typer.Option(help="Also deliver webhooks in this process.")] = True,
    open_docs: Annotated[bool, typer.Option(help="Show the API at /docs without a token.")] = False,
    housekeeping: Annotated[
        bool, typer.Option(help="Re-evaluate, delete old rows and log statistics on schedule; needs --dispatch.")
    ] = True,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            envvar="CHAINBELL_LIMITS",
            metavar="NAME=VALUE",
            help=f"A limit of the server, such as threads=16; repeat for more. Names: {', '.join(LIMIT_NAMES)}.",
        ),
    ] = None,
) -> None:
    """Serves the management API, delivers webhooks and keeps house, until interrupted."""
    limits = limits_of(limit or [])
    sys.setswitchinterval(SWITCH_SECONDS)
    with _listening(host, port) as listener, open_engine(context, creates=nothing_to_refuse) as engine:
        times = Housekeeping() if housekeeping else None
        asyncio.run(_serve(engine, listener, dispatch, open_docs, times, limits))


def _listening(host: str, port: int) -> socket.socket:
    """A socket on the address, bound before the database is opened; raises InvalidInputError if it is in use."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise InvalidInputError(
            "port", f"{host}:{port}: {os.strerror(error.errno) if error.errno else error}"
        ) from None


async def _serve(
    engine: Engine, listener: socket.socket, dispatch: bool, open_docs: bool, times: Housekeeping | None, limits: Limits
) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    running = [_answer(engine, listener, open_docs, limits, stop)]
    if dispatch:
        running.append(run_dispatcher(engine, engine.dispatcher(), stop, times))
    await asyncio.gather(*running)  # they end side by side


async def _answer(
    engine: Engine, listener: socket.socket, open_docs: bool, limits: Limits, stop: asyncio.Event
) -> None:
    async with serving(engine, listener, limits=limits, open_docs=open_docs) as address:
        print(f"serving on {address}", flush=True)
        await stop.wait()


@token_app.command()
def create(
    context: typer.Context,
    account: Annotated[str, typer.Option(help="The account that the token manages.")],
    name: Annotated[str, typer.Option(help="A name for the token; `revoke --name` uses it.")] = "token",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="read, report, webhooks or admin, which is everything; repeat for more. By default admin."),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Days until it expires; by default never.")
    ] = None,
) -> None:
    """Makes a token and shows it, this once."""

    def created(engine: Engine) -> str:
        until = None if days is None else engine.now() + timedelta(days=days)
        return engine.tokens.add(
            account_id(engine, account),
            name,
            scopes=cast("list[Scope]", scope or ["admin"]),
            expires_at=until,
            actor=who(),
        )

    with open_engine(context, creates=created) as engine:
        print(created(engine))


@token_app.command("list")
def list_tokens(
    context: typer.Context,
    account: Annotated[str, typer.Option(help="The account whose tokens are listed.")],
    as_json: AsJson = False,
) -> None:
    """Lists tokens: their names and scopes, when they expire and were used last."""
    with open_engine(context) as engine:
        found = engine.tokens.list(account_id(engine, account))
    for token in found:
        if as_json:
            print_json(wire(token))
        else:
            until = "never" if token.expires_at is None else wire(token.expires_at)
            used = "never" if token.last_used_at is None else wire(token.last_used_at)
            scopes = ", ".join(token.scopes)
            say(f"{token.name}  {scopes}  created {wire(token.created_at)}  expires {until}  used {used}")


@token_app.command()
def revoke(
    context: typer.Context,
    account: Annotated[str, typer.Option(help="The account whose tokens are revoked.")],
    name: Annotated[str | None, typer.Option(help="Only tokens with this name.")] = None,
) -> None:
    """Takes tokens back."""
    with open_engine(context) as engine:
        say(f"{count(engine.tokens.revoke(account_id(engine, account), name, actor=who()), 'token')} revoked")
