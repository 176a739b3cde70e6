"""`load`, `plan`: plan files of all formats into projects, or onto the screen."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.table import Table

from chainbell.engine.cli.app import AsJson, account_id, app, console, event_line, open_engine, print_json
from chainbell.engine.importers import Imported, completed, import_plan, read_file
from chainbell.engine.plan_documents import PlanDocument, read_plan
from chainbell.engine.plans import Planned, plan_project
from chainbell.rules.differences import Difference
from chainbell.rules.payload import wire
from chainbell.rules.schedule import instants

SHOWN = 20
"""How many differences of a re-plan are printed."""

Solver = Literal["serial", "cp-sat", "none"]
Sizing = Literal["half-chain", "cut-and-paste", "rsem"]

ForAccount = Annotated[str | None, typer.Option("--account", help="This account instead of the file's own.")]
ForProject = Annotated[str | None, typer.Option("--project", help="This project id instead of the file's own.")]
StartsOn = Annotated[
    datetime | None, typer.Option("--start", formats=["%Y-%m-%d"], help="This start date instead of the file's own.")
]
SolverOption = Annotated[
    Solver | None, typer.Option("--solver", help="How contention for resources is levelled, where chains are missing.")
]
SizingOption = Annotated[
    Sizing | None, typer.Option("--buffers", help="How buffers are sized, where they are missing.")
]


@app.command()
def load(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="JSON, YAML, Microsoft Project XML, CSV or Primavera XER.")],
    account: ForAccount = None,
    project: ForProject = None,
    start: StartsOn = None,
    solver: SolverOption = None,
    buffers: SizingOption = None,
    at: Annotated[datetime | None, typer.Option(help="When the plan was made; by default now.")] = None,
) -> None:
    """Loads a plan, or re-plans a project that is there already; says what was read, dropped, derived and changed."""
    imported = _imported(file, account, project, start, solver, buffers)
    document = read_plan(imported.document)
    made_at = datetime.now(UTC) if at is None else at.astimezone()
    planned = plan_project(document, made_at)
    with open_engine(context) as engine:
        fired = engine.load(document, at=made_at)
        baselines = engine.baselines(document.project.id, account=document.account_id)
    _print_read(file.name, imported, document, planned)
    newest = baselines[-1]
    if newest.number > 1:
        print(f"  baseline {newest.number}: {len(newest.changes)} changes")
        for line in difference_lines(newest.changes):
            print(f"    {line}")
    for event in fired:
        print_json(event_line(event))


@app.command()
def plan(
    file: Annotated[Path, typer.Argument(help="JSON, YAML, Microsoft Project XML, CSV or Primavera XER.")],
    account: ForAccount = None,
    project: ForProject = None,
    start: StartsOn = None,
    solver: SolverOption = None,
    buffers: SizingOption = None,
    as_json: AsJson = False,
) -> None:
    """Shows what would be planned: dates by precedence alone, slack, planned dates, chains, buffers; keeps nothing."""
    imported = _imported(file, account, project, start, solver, buffers)
    document = read_plan(imported.document)
    planned = plan_project(document, datetime.now(UTC))
    rows = _task_rows(planned)
    if as_json:
        print_json(
            {
                "projectId": planned.project.id,
                "tasks": [wire(row) for row in rows],
                "chains": wire(planned.project.chains),
                "buffers": wire(planned.project.buffers),
                "resourceLinks": wire([link._asdict() for link in planned.project.network.links if link.resource]),
                "dropped": list(imported.warnings),
                "derived": list(planned.notes),
            }
        )
        return
    _print_read(file.name, imported, document, planned)
    table = Table(box=None, pad_edge=False)
    for heading in ("task", "name", "days", "earliest", "to", "slack", "planned", "to", "chain"):
        table.add_column(heading, no_wrap=heading != "name")
    for row in rows:
        name = f"[bold]{escape(str(row['name']))}[/]" if row["critical"] else escape(str(row["name"]))
        dates = (row["start"][:10], row["finish"][:10], f"{row['totalSlack']:g}", row["plannedStart"])
        cells = (f"{row['duration']:g}", *dates, row["plannedFinish"], row["chain"] or "-")
        table.add_row(escape(str(row["id"])), name, *(escape(str(cell)) for cell in cells))
    console.print(table)


def difference_lines(changes: tuple[Difference, ...]) -> Iterable[str]:
    for change in changes[:SHOWN]:
        yield f"{change.field}: {_shown(change.before)} -> {_shown(change.after)}"
    if len(changes) > SHOWN:
        yield f"and {len(changes) - SHOWN} more"


def _shown(value: Any) -> str:
    return "-" if value is None else str(wire(value))


def _imported(
    file: Path,
    account: str | None,
    project: str | None,
    start: datetime | None,
    solver: Solver | None,
    buffers: Sizing | None,
) -> Imported:
    planning = {"levelling": solver, "buffers": buffers}
    return completed(
        import_plan(read_file(file), file.name),
        file.name,
        date.today(),  # noqa: DTZ011  the reader's own day
        account=account_id(account),
        project=account_id(project),
        start=None if start is None else start.date(),
        planning={key: value for key, value in planning.items() if value is not None},
    )


def _print_read(name: str, imported: Imported, document: PlanDocument, planned: Planned) -> None:
    project = planned.project
    print(
        f"{name}: {imported.kind}, project {project.id}: {len(project.tasks)} tasks, {len(document.links)} links, "
        f"{len(project.chains)} chains, {len(project.buffers)} buffers, {len(project.milestones)} milestones"
    )
    for warning in imported.warnings:
        print(f"  {warning}")
    for note in planned.notes:
        print(f"  {note}")


def _task_rows(planned: Planned) -> list[dict[str, Any]]:
    """One row a task; start and finish are the earliest by precedence alone, slack is in working days."""
    project, dates = planned.project, planned.dates
    calendar = project.calendar
    earliest = instants(project.tasks, project.network, dates.start, dates.finish, calendar)
    latest = instants(project.tasks, project.network, dates.late_start, dates.late_finish, calendar)
    chain_of = {task_id: chain.id for chain in project.chains for task_id in chain.tasks}
    return [
        {
            "id": task.id,
            "name": task.name,
            "duration": task.duration,
            "start": wire(earliest[position][0]),
            "finish": wire(earliest[position][1]),
            "lateStart": wire(latest[position][0]),
            "lateFinish": wire(latest[position][1]),
            "totalSlack": round(dates.slack(position), 6),
            "critical": dates.is_critical(position),
            "plannedStart": calendar.start_date(task.planned_start).isoformat(),
            "plannedFinish": project.due_date(task).isoformat(),
            "chain": chain_of.get(task.id),
        }
        for position, task in enumerate(project.tasks)
    ]
