"""`dispatch` and `listen`."""

import asyncio
import os
import signal
import sys
from typing import Annotated, Any

import typer

from chainbell.delivery.listening import listening
from chainbell.engine.cli.app import app
from chainbell.engine.cli.opening import open_engine
from chainbell.engine.cli.printing import console, count, marked, print_json
from chainbell.engine.engine import Engine
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.running.dispatching import run_dispatcher
from chainbell.engine.running.housekeeping import Housekeeping
from chainbell.rules.payload import wire_instant

SWITCH_SECONDS = 0.0005
"""How long a thread of a delivering process may keep the others waiting. The event loop and the database's thread take
turns all the time; with Python's default of 5 ms, throughput is a tenth lower."""


@app.command()
def dispatch(
    context: typer.Context,
    drain: Annotated[bool, typer.Option(help="Deliver what is due now, then exit.")] = False,
    deadline: Annotated[float, typer.Option(min=0.1, max=300, help="Time limit for one attempt, in seconds.")] = 30.0,
    housekeeping: Annotated[
        bool, typer.Option("--housekeeping", help="Also re-evaluate, delete old rows and log statistics on schedule.")
    ] = False,
    reevaluate: Annotated[str, typer.Option(help="When to re-evaluate, as a crontab line.")] = "0 6 * * *",
    retain: Annotated[str, typer.Option(help="When to delete old rows, as a crontab line.")] = "30 3 * * *",
    time_zone: Annotated[str, typer.Option(help="The time zone of the crontab lines.")] = "UTC",
) -> None:
    """Delivers webhooks until interrupted."""
    times = Housekeeping(reevaluate=reevaluate, retain=retain, time_zone=time_zone) if housekeeping else None
    sys.setswitchinterval(SWITCH_SECONDS)
    with open_engine(context, deadline_seconds=deadline) as engine:
        asyncio.run(_drain(engine) if drain else _serve(engine, times))


async def _drain(engine: Engine) -> None:
    dispatcher = engine.dispatcher()
    attempts = await dispatcher.drain()
    later = dispatcher.next_due()
    print(
        count(attempts, "attempt")
        + (f"; the next is due at {wire_instant(later)}" if later else "; nothing is left to do")
    )


async def _serve(engine: Engine, times: Housekeeping | None) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await run_dispatcher(engine, engine.dispatcher(), stop, times)


@app.command()
def listen(
    secret: Annotated[str, typer.Option(help="The secret that the sender signs with.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 picks a free one.")] = 3000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the envelopes as JSON lines.")] = False,
) -> None:
    """Receives on 127.0.0.1, verifies each signature, prints what came."""

    def show(envelope: dict[str, Any] | None) -> None:
        if envelope is None:
            console.print("[red]401[/]  a signature that does not match")
        elif as_json:
            print_json(envelope)
        else:
            told = "  ".join(marked(envelope[name]) for name in ("timestamp", "event", "webhookId"))
            console.print(f"[green]200[/]  {told}")

    async def serve() -> None:
        stop = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        async with listening(secret, show, port) as url:
            typer.echo(f"listening on {url}", err=True)
            await stop.wait()

    try:
        asyncio.run(serve())
    except OSError as error:
        raise InvalidInputError("port", f"127.0.0.1:{port}: {os.strerror(error.errno or 0)}") from None
