"""`serve`, `token create|revoke`."""

import asyncio
import signal
import sys
from typing import Annotated

import typer
from aiohttp import web

from chainbell.engine.cli.app import account_id, app, open_engine
from chainbell.engine.cli.delivering import SWITCH_SECONDS
from chainbell.engine.engine import Engine
from chainbell.engine.http import create_app
from chainbell.engine.running.dispatching import run_dispatcher
from chainbell.engine.running.housekeeping import Housekeeping

token_app = typer.Typer(no_args_is_help=True, help="Bearer tokens of the management API.")
app.add_typer(token_app, name="token")


@app.command()
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8080,
    dispatch: Annotated[bool, typer.Option(help="Deliver webhooks in this process, too.")] = True,
    open_docs: Annotated[bool, typer.Option(help="Show the API at /docs without a token.")] = False,
    housekeeping: Annotated[bool, typer.Option(help="Re-evaluate, retain and tell statistics at their times.")] = True,
) -> None:
    """Serves the management API, delivers webhooks and keeps house, until interrupted."""
    sys.setswitchinterval(SWITCH_SECONDS)
    with open_engine(context) as engine:
        asyncio.run(_serve(engine, host, port, dispatch, open_docs, Housekeeping() if housekeeping else None))


async def _serve(
    engine: Engine, host: str, port: int, dispatch: bool, open_docs: bool, times: Housekeeping | None
) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    runner = web.AppRunner(create_app(engine, open_docs=open_docs), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    print(f"serving on {site.name if port else _address(runner)}", flush=True)
    try:
        if dispatch:
            await run_dispatcher(engine, engine.dispatcher(), stop, times)
        else:
            await stop.wait()
    finally:
        await runner.cleanup()  # requests in flight finish


def _address(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}"


@token_app.command()
def create(
    context: typer.Context,
    account: Annotated[str, typer.Option(help="The account that the token manages.")],
    name: Annotated[str, typer.Option(help="What it is for; names what `revoke` takes back.")] = "token",
) -> None:
    """Makes a token and shows it, this once."""
    with open_engine(context) as engine:
        print(engine.tokens.add(account_id(account), name))


@token_app.command()
def revoke(
    context: typer.Context,
    account: Annotated[str, typer.Option(help="The account whose tokens go.")],
    name: Annotated[str | None, typer.Option(help="Only those of this name.")] = None,
) -> None:
    """Takes tokens back."""
    with open_engine(context) as engine:
        print(f"{engine.tokens.revoke(account_id(account), name)} tokens revoked")
