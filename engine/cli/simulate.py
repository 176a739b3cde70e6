"""`chainbell simulate`: a scenario through the real engine on a database of its own."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.padding import Padding
from rich.table import Table

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings
from chainbell.delivery.listening import listening
from chainbell.engine.cli.app import app
from chainbell.engine.cli.fever_chart import fever_chart
from chainbell.engine.cli.printing import console, count, event_line, marked, print_json, warn
from chainbell.engine.engine import Engine
from chainbell.engine.reading.reasons import reason
from chainbell.engine.reading.report import ProjectReport
from chainbell.engine.simulation import Scenario, read_scenario, run_scenario, scenario_clock, unmet
from chainbell.rules import Event
from chainbell.storage import Attempt

REASON_COLUMN = 18
"""The column where reasons start, on each of their lines: below the names of the events."""


@app.command()
def simulate(
    file: Annotated[Path, typer.Argument(help="A scenario in YAML or JSON.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per event.")] = False,
    deliver_to: Annotated[
        str | None, typer.Option(help="Deliver every event to this URL; loopback is allowed.")
    ] = None,
    secret: Annotated[str | None, typer.Option(help="The signing secret for --deliver-to.")] = None,
    listen: Annotated[bool, typer.Option(help="Deliver every event to a verifying receiver on loopback.")] = False,
) -> None:
    """Runs a scenario; exits 1 where an expectation fails or a delivery does not arrive."""
    if (deliver_to is None) != (secret is None):
        raise typer.BadParameter("--deliver-to and --secret go together")
    if deliver_to and listen:
        raise typer.BadParameter("--listen and --deliver-to exclude each other")
    scenario = read_scenario(file)
    with TemporaryDirectory(prefix="chainbell-") as folder:
        settings = DeliverySettings(guard=LOOPBACK_ALLOWED)
        database, clock = f"sqlite:///{Path(folder) / 'simulation.db'}", scenario_clock(scenario)
        with Engine(database, delivery=settings, clock=clock) as engine:
            fired, undelivered = asyncio.run(_run(engine, scenario, as_json, deliver_to, secret, listen))
            plan = scenario.plan
            report = engine.status(plan.project.id, account=plan.account_id)
            failures = unmet(scenario.expect, fired, report)
            if not as_json:
                _print_outcome(scenario, report, fired, is_expected=not failures)
    for failure in failures:
        warn(f"expectation: {failure}")
    if undelivered:
        warn(f"{undelivered} deliveries did not arrive")
    if failures or undelivered:
        raise typer.Exit(1)


async def _run(
    engine: Engine, scenario: Scenario, as_json: bool, deliver_to: str | None, secret: str | None, listen: bool
) -> tuple[list[Event], int]:
    received: list[dict[str, Any] | None] = []
    if listen:
        async with listening("demonstration-secret", received.append) as url:
            fired, undelivered = await _fire_and_deliver(engine, scenario, as_json, url, "demonstration-secret")
        if not as_json:
            genuine = sum(envelope is not None for envelope in received)
            console.print(f"\nThe receiver got {len(received)} webhooks and verified the signatures of {genuine}.")
        return fired, undelivered + received.count(None)
    return await _fire_and_deliver(engine, scenario, as_json, deliver_to, secret)


async def _fire_and_deliver(
    engine: Engine, scenario: Scenario, as_json: bool, url: str | None, secret: str | None
) -> tuple[list[Event], int]:
    own = None
    if url is not None:
        own, _ = engine.webhooks.add(scenario.plan.account_id, url, name="simulation", secret=secret)
    if not as_json:
        about = f": {marked(scenario.description)}" if scenario.description else ""
        console.print(f"[bold]{marked(scenario.name)}[/]{about}\n")
    fired = []
    for event in run_scenario(engine, scenario):
        fired.append(event)
        if as_json:
            print_json(event_line(event))
        else:
            _print_event(event)
    if own is None:
        return fired, 0
    await engine.dispatcher().drain()
    log = engine.webhooks.log(own.account_id, own.id, limit=10 * len(fired) + 1)
    if not as_json:
        _print_deliveries(log)
    arrived = sum(attempt.succeeded for attempt in log)
    return fired, len(fired) - arrived


def _print_event(event: Event) -> None:
    subject = event.data.get("taskName") or event.data.get("milestoneName") or event.data.get("projectName")
    style = {"task.red": "red", "project.early_warning": "yellow", "task.completed": "green"}.get(event.name, "cyan")
    console.print(
        f"{event.occurred_at:%Y-%m-%d %H:%M}  [{style}]{event.name:<22}[/] [bold]{marked(subject)}[/]",
        highlight=False,
    )
    console.print(Padding(marked(reason(event)), (0, 0, 0, REASON_COLUMN)), style="dim", highlight=False)


def _print_deliveries(log: list[Attempt]) -> None:
    table = Table(title="Deliveries", title_justify="left", box=None, pad_edge=False)
    for heading in ("event", "webhookId", "answer", "ms"):
        table.add_column(heading, no_wrap=True)
    for attempt in reversed(log):
        answer = str(attempt.http_status or attempt.outcome)
        table.add_row(attempt.event, attempt.delivery_id, answer, str(attempt.duration_ms))
    console.print()
    console.print(table)


def _print_outcome(scenario: Scenario, report: ProjectReport, fired: list[Event], *, is_expected: bool) -> None:
    project = scenario.plan.project
    console.print(
        f"\n[bold]{marked(project.name)}[/]: {report.status}, {report.zone}, {report.buffer_consumption:g} % of "
        f"the project buffer consumed with {max(0.0, report.chain_completion):g} % of the critical chain done; "
        f"projected {report.projected_completion} ({report.projection_basis}), promised {report.promise}"
    )
    console.print(fever_chart(report.trail, report.zones))
    told = f"; what the scenario expects {'came' if is_expected else 'did not all come'}"
    console.print(count(len(fired), "event") + told)
