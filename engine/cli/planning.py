"""`load` and `plan`: load plan files of all formats, or show what would be planned."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from chainbell.engine.cli.app import AsJson, app
from chainbell.engine.cli.opening import MOMENT, moment, new_id, open_engine
from chainbell.engine.cli.printing import console, count, event_line, marked, new_table, print_json, say
from chainbell.engine.documents.plan import PlanDocument, read_plan
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers import Comparison, Imported, compare, completed, import_plan, read_file
from chainbell.engine.planner import plan_project
from chainbell.rules.payload import wire
from chainbell.rules.planning.differences import Difference, Outline, outline
from chainbell.rules.planning.planning import Planned
from chainbell.rules.planning.schedule import instants

SHOWN = 20
"""How many differences of a re-plan are printed."""

Solver = Literal["serial", "cp-sat", "none"]
Sizing = Literal["half-chain", "cut-and-paste", "rsem"]

ForAccount = Annotated[str | None, typer.Option("--account", help="This account instead of the file's own.")]
ForProject = Annotated[
    str | None,
    typer.Option("--project", help="This project id instead of the file's own; in an XER file, which project to read."),
]
StartsOn = Annotated[
    datetime | None, typer.Option("--start", formats=["%Y-%m-%d"], help="This start date instead of the file's own.")
]
SolverOption = Annotated[
    Solver | None, typer.Option("--solver", help="How to level resource contention if the plan has no chains.")
]
SizingOption = Annotated[Sizing | None, typer.Option("--buffers", help="How to size buffers if the plan has none.")]
ColumnsOption = Annotated[
    list[str] | None,
    typer.Option("--map", help="A column of a CSV table as FIELD=COLUMN[:UNIT]: duration='Original estimate:seconds'."),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Refuse a file whose own dates differ from the planned ones.")
]
PlanFile = Annotated[
    Path,
    typer.Argument(
        help="JSON, YAML, Microsoft Project XML, CSV or Primavera XER; with chainbell\\[mpxj], also .mpp and others."
    ),
]


@app.command()
def load(
    context: typer.Context,
    file: PlanFile,
    account: ForAccount = None,
    project: ForProject = None,
    start: StartsOn = None,
    solver: SolverOption = None,
    buffers: SizingOption = None,
    columns: ColumnsOption = None,
    strict: StrictOption = False,
    at: Annotated[str | None, typer.Option(help=f"When the plan was made: {MOMENT}. By default now.")] = None,
    as_json: AsJson = False,
) -> None:
    """Loads a plan, or re-plans a project that is there already; says what it read and changed."""
    imported = _imported(file, account, project, start, solver, buffers, columns)
    document = read_plan(imported.document)
    given = moment(at, "at")
    made_at = datetime.now(UTC) if given is None else document.instant(given)
    comparison = _compared(file.name, imported, document, made_at, strict)
    with open_engine(context, creates=lambda engine: engine.load(document, at=made_at)) as engine:
        fired = engine.load(document, at=made_at)
        baselines = engine.baselines(document.project.id, account=document.account_id)
    newest = baselines[-1]
    if as_json:
        read = {"projectId": document.project.id, "baseline": newest.number}
        told = {"dropped": list(imported.warnings), "derived": list(newest.notes), "dates": _dates_told(comparison)}
        print_json({**read, **told, "events": [event_line(event) for event in fired]})
        return
    _print_read(file.name, imported, document, newest.planned or newest.plan, newest.notes, comparison)
    if newest.made_at != made_at:
        say(f"  nothing changed: the project follows baseline {newest.number}")
    elif newest.number == 1:
        say("  stored as baseline 1")
    else:
        say(f"  stored as baseline {newest.number}: {count(len(newest.changes), 'change')}")
        for line in difference_lines(newest.changes):
            say(f"    {line}")
    for event in fired:
        print_json(event_line(event))


@app.command()
def plan(
    file: PlanFile,
    account: ForAccount = None,
    project: ForProject = None,
    start: StartsOn = None,
    solver: SolverOption = None,
    buffers: SizingOption = None,
    columns: ColumnsOption = None,
    strict: StrictOption = False,
    as_json: AsJson = False,
) -> None:
    """Shows what would be planned: dates, slack, chains, buffers; keeps nothing.

    It shows the dates by precedence alone, then the dates planned with levelled resources.
    """
    imported = _imported(file, account, project, start, solver, buffers, columns)
    document = read_plan(imported.document)
    made_at = datetime.now(UTC)
    comparison = _compared(file.name, imported, document, made_at, strict)
    planned = plan_project(document, made_at)
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
                "dates": _dates_told(comparison),
            }
        )
        return
    _print_read(file.name, imported, document, outline(planned.project), planned.notes, comparison)
    table = new_table("task", "name", "days", "earliest", "slack", "planned", "to", "chain")
    for row in rows:
        name = f"[bold]{marked(row['name'])}[/]" if row["critical"] else marked(row["name"])
        dates = (row["start"][:10], f"{row['totalSlack']:g}", row["plannedStart"], row["plannedFinish"])
        cells = (f"{row['duration']:g}", *dates, row["chain"] or "-")
        table.add_row(marked(row["id"]), name, *map(marked, cells))
    console.print(table)


def difference_lines(changes: tuple[Difference, ...]) -> Iterable[str]:
    """The first differences, one per line: the value before and the value now."""
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
    columns: list[str] | None,
) -> Imported:
    planning = {"levelling": solver, "buffers": buffers}
    return completed(
        import_plan(read_file(file), file.name, project=project, columns=columns or ()),
        file.name,
        date.today(),  # noqa: DTZ011  the reader's own day
        account=new_id(account),
        project=new_id(project),
        start=None if start is None else start.date(),
        planning={key: value for key, value in planning.items() if value is not None},
    )


def _compared(name: str, imported: Imported, document: PlanDocument, made_at: datetime, strict: bool) -> Comparison:
    """Compares the dates by precedence alone with the file's own; with --strict, a difference is an error."""
    unlevelled = document.model_copy(update={"planning": document.planning.model_copy(update={"levelling": "none"})})
    comparison = compare(imported, document, plan_project(unlevelled, made_at).project)
    if strict and comparison.first is not None:
        raise InvalidInputError(name, comparison.text())
    return comparison


def _dates_told(comparison: Comparison) -> dict[str, Any]:
    first = comparison.first
    return {
        "equal": comparison.equal,
        "compared": comparison.compared,
        "first": None
        if first is None
        else {
            "taskId": first.task_id,
            "name": first.name,
            "end": first.end,
            "daysLater": round(first.days, 6),
            "reason": first.reason,
        },
    }


def _print_read(
    name: str,
    imported: Imported,
    document: PlanDocument,
    planned: Outline,
    notes: Sequence[str],
    comparison: Comparison,
) -> None:
    counts = {
        "task": len(document.tasks),
        "link": len(document.links),
        "chain": len(planned.get("chains", ())),
        "buffer": len(planned.get("buffers", ())),
        "milestone": len(document.milestones),
    }
    counted = ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for what, count in counts.items())
    say(f"{name}: {imported.kind}, project {document.project.id}: {counted}")
    for line in (*imported.warnings, *notes):
        say(f"  {line}")
    if not imported.kind.endswith(" plan"):
        say(f"  {comparison.text()}")


def _task_rows(planned: Planned) -> list[dict[str, Any]]:
    """One row per task; start and finish are the earliest by precedence alone, slack is in working days."""
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
