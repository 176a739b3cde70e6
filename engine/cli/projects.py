"""`apply`, `project status|baselines`, `events list|show`."""

import sys
from collections.abc import Iterator
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from chainbell.engine.cli.app import COMMANDS, Account, AsJson, app
from chainbell.engine.cli.fever_chart import fever_chart
from chainbell.engine.cli.opening import MOMENT, account_id, moment, open_engine, project_id
from chainbell.engine.cli.planning import difference_lines
from chainbell.engine.cli.printing import console, event_line, json_text, marked, new_table, print_json, say
from chainbell.engine.documents.change import Change, read_change
from chainbell.engine.engine import Engine
from chainbell.engine.errors import EvaluationError, InvalidInputError
from chainbell.engine.importers import read_file, read_json
from chainbell.engine.reading.reasons import reason
from chainbell.rules import Event
from chainbell.rules.payload import wire, wire_instant

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of a change, as of a request over HTTP."""
TRAIL = 35
"""How many points of the trail are shown, the newest."""

project_app = typer.Typer(no_args_is_help=True, help=COMMANDS["project"][1])
events_app = typer.Typer(no_args_is_help=True, help=COMMANDS["events"][1])
app.add_typer(project_app, name="project")
app.add_typer(events_app, name="events")
ProjectArgument = Annotated[str, typer.Argument(help="The project's id; int:7 or str:7 if both exist.")]


@app.command()
def apply(
    context: typer.Context, file: Annotated[str, typer.Argument(help="A file of JSON lines; - is standard input.")]
) -> None:
    """Applies changes, one JSON object a line, and prints the events that they bring.

    A file is applied as a whole or not at all. Standard input is a stream: each line is durable once its answer,
    `{"line": n, "events": [...]}`, is printed. The first refused line ends the command. Where a clock for all projects
    meets one that cannot be evaluated, the log names it, the others are done, and the exit status is 1 at the end.
    """
    if file != "-":
        changes = [_read_line(number, line) for number, line in _lines_of(BytesIO(read_file(Path(file))))]
        with open_engine(context, creates=lambda engine: engine.apply_all(changes)) as engine:
            for event in engine.apply_all(changes):
                print_json(event_line(event))
            _end(engine)
        return
    lines = _lines_of(sys.stdin.buffer)
    first = next(lines, None)
    if first is None:
        return
    with open_engine(context, creates=lambda engine: _apply_line(engine, *first)) as engine:
        for number, raw in chain([first], lines):
            fired = _apply_line(engine, number, raw)
            print_json({"line": number, "events": [{"id": event.id, **event_line(event)} for event in fired]})
        _end(engine)


def _end(engine: Engine) -> None:
    """With status 1 where some project could not be evaluated."""
    if engine.core.metrics.registry.get_sample_value("chainbell_evaluations_refused_total"):
        raise typer.Exit(1)


def _apply_line(engine: Engine, number: int, raw: bytes) -> list[Event]:
    try:
        return engine.apply(_read_line(number, raw))
    except InvalidInputError as error:
        if error.field.startswith("line "):
            raise
        raise type(error)(f"line {number}: {error.field}", error.reason) from None
    except EvaluationError as error:
        raise InvalidInputError(f"line {number}", str(error)) from error


def _lines_of(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines that are not empty, with their numbers, none of them read beyond `LONGEST_LINE`."""
    for number, line in enumerate(iter(lambda: stream.readline(LONGEST_LINE + 1), b""), 1):
        if len(line) > LONGEST_LINE:
            raise InvalidInputError(f"line {number}", f"is longer than {LONGEST_LINE} bytes")
        if line.strip():
            yield number, line


def _read_line(number: int, line: bytes) -> Change:
    try:
        return read_change(read_json(line, f"line {number}"))
    except InvalidInputError as error:
        if error.field.startswith("line "):
            raise
        raise InvalidInputError(f"line {number}: {error.field}", error.reason) from None


@project_app.command("status")
def status(
    context: typer.Context,
    project: ProjectArgument,
    account: Account = None,
    as_of: Annotated[
        str | None,
        typer.Option(help=f"When: {MOMENT}. Later reports are not left out. By default the last evaluation."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Zones, buffer consumption, completion, projected date, values by task, and the trail of the fever chart."""
    with open_engine(context) as engine:
        whose = account_id(engine, account)
        found = project_id(engine, project, whose)
        report = engine.status(found, account=whose, as_of=moment(as_of, "as-of"))
    if as_json:
        print_json(wire(report))
        return
    console.print(
        f"[bold]{marked(report.project_name)}[/] ({marked(report.project_id)}): {report.status}, {report.zone}"
    )
    console.print(f"as of {wire_instant(report.as_of)}, baseline {report.baseline}, zone policy {report.zones.policy}")
    burn = "-" if report.burn_rate is None else f"{report.burn_rate:g}"
    done = max(0.0, report.chain_completion)  # negative where more is left than was planned
    console.print(
        f"project buffer {report.buffer_consumption:g} % consumed, critical chain {done:g} % done, "
        f"burn rate {burn}; projected {report.projected_completion} ({report.projection_basis}), "
        f"promised {report.promise}, target {report.target_end_date or '-'}"
    )
    table = new_table("task", "name", "status", "left", "due", "forecast", "buffer %", "zone")
    for task in report.tasks:
        cells = (task.id, task.name, task.status, f"{task.remaining_duration:g}", task.due_date)
        rest = (task.estimated_completion or "-", f"{task.buffer_consumption:g}", task.zone)
        table.add_row(*map(marked, (*cells, *rest)))
    console.print(table)
    console.print(fever_chart(report.trail, report.zones))
    for point in report.trail[-TRAIL:]:
        console.print(
            f"{wire_instant(point.at)}  baseline {point.baseline}  chain {point.completion:6.1f} %  "
            f"buffer {point.consumption:6.1f} %  {point.zone}"
        )


@project_app.command("baselines")
def baselines(
    context: typer.Context, project: ProjectArgument, account: Account = None, as_json: AsJson = False
) -> None:
    """Every baseline and what it changed against the one before."""
    with open_engine(context) as engine:
        whose = account_id(engine, account)
        found = engine.baselines(project_id(engine, project, whose), account=whose)
    for baseline in found:
        if as_json:
            print_json(wire(baseline))
            continue
        say(f"baseline {baseline.number}  {wire_instant(baseline.made_at)}  {len(baseline.changes)} changes")
        for line in difference_lines(baseline.changes):
            say(f"  {line}")


@events_app.command("list")
def list_events(
    context: typer.Context,
    project: Annotated[str | None, typer.Option(help="Only events of this project.")] = None,
    name: Annotated[str | None, typer.Option(help="Only events with this name, such as task.red.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many events to show, the newest.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Lists events, oldest first."""
    with open_engine(context) as engine:
        of = None if project is None else project_id(engine, project)
        found = engine.events(of, name=name, limit=limit)
    for event in found:
        if as_json:
            print_json({"id": event.id, **event_line(event)})
        else:
            said = f"{event.id}  {wire_instant(event.occurred_at)}  {event.name:<22}"
            say(f"{said}  {event.subject_id}  {reason(event)}")


@events_app.command("show")
def show_event(
    context: typer.Context,
    event_id: Annotated[str, typer.Argument(help="The id of the event, as `events list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Shows an event whole, with why it fired."""
    with open_engine(context) as engine:
        event = engine.event(event_id)
    whole: dict[str, Any] = {"id": event.id, **event_line(event), "why": dict(event.why)}
    if as_json:
        print_json(whole)
    else:
        _print_whole(event, whole)


def _print_whole(event: Event, whole: dict[str, Any]) -> None:
    console.print(f"[bold]{marked(event.name)}[/]  {marked(reason(event))}")
    console.print_json(json_text(whole))
