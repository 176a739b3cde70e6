"""`reevaluate`, `db upgrade|retain|erase-account|erase-person`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from chainbell.engine.cli.app import AsJson, app
from chainbell.engine.cli.opening import (
    MOMENT,
    account_id,
    chosen,
    moment,
    open_database,
    open_engine,
    project_id,
    typed_id,
    who,
)
from chainbell.engine.cli.printing import count, event_line, print_json, say, warn
from chainbell.engine.portfolio.batch import ChunkReport, enduring
from chainbell.engine.portfolio.erasure import Retention
from chainbell.rules.payload import wire

SECONDS_BETWEEN_LINES = 5.0
"""How often progress is printed if there is no terminal for a bar."""

db_app = typer.Typer(
    no_args_is_help=True, help="The database: its revision, what is kept of it, who is erased from it."
)
app.add_typer(db_app, name="db")


@db_app.command()
def upgrade(context: typer.Context) -> None:
    """Brings the tables to the newest revision, in one transaction; creates them in an empty database."""
    with open_database(context, creates=True) as database:
        found = database.upgrade()
        print(f"revision {found or 'none'} -> {database.revision()}")


AccountArgument = Annotated[str, typer.Argument(help="The id of the account.")]
Days = Annotated[int | None, typer.Option(min=1, max=73_000, help="Days to keep; the default is that of `Retention`.")]


@db_app.command()
def retain(
    context: typer.Context,
    events: Days = None,
    attempts: Days = None,
    deliveries: Days = None,
    fever_points: Days = None,
    audit: Days = None,
) -> None:
    """Deletes old events, attempts, finished deliveries, fever points and audit lines, in small transactions."""
    given = {"events": events, "attempts": attempts, "deliveries": deliveries}
    given |= {"fever_points": fever_points, "audit": audit}
    limits = replace(Retention(), **{kind: timedelta(days=days) for kind, days in given.items() if days is not None})
    with open_engine(context) as engine:
        say(f"{count(engine.portfolio.retain(limits), 'row')} deleted")


@db_app.command()
def erase_account(context: typer.Context, account: AccountArgument) -> None:
    """Deletes everything that an account has."""
    with open_engine(context) as engine:
        gone = engine.portfolio.erase_account(account_id(engine, account), actor=who())
        say(f"{count(gone, 'row')} deleted: projects, webhooks, people and tokens, and all that belonged to them")


@db_app.command()
def erase_person(
    context: typer.Context,
    account: AccountArgument,
    person: Annotated[str, typer.Argument(help="The id of the person.")],
) -> None:
    """Removes a person from everything that is kept of an account."""
    with open_engine(context) as engine:
        whose, candidates = account_id(engine, account), typed_id(person)
        known = chosen("person", person, engine.portfolio.existing_people(candidates, whose))
        meant = candidates if known is None else [known]  # who is named in events alone is in no table of people
        say(f"{count(sum(engine.portfolio.erase_person(whose, one, actor=who()) for one in meant), 'row')} named them")


@app.command()
def reevaluate(
    context: typer.Context,
    as_of: Annotated[
        str | None, typer.Option(help=f"When: {MOMENT}. More than a day ahead it is a dry run. By default now.")
    ] = None,
    account: Annotated[list[str] | None, typer.Option(help="Only projects of this account; repeat for more.")] = None,
    project: Annotated[list[str] | None, typer.Option(help="Only this project; repeat for more.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes on this machine.")] = 1,
    dask: Annotated[str | None, typer.Option(help="The address of a Dask scheduler (PostgreSQL only).")] = None,
    patience: Annotated[
        float, typer.Option(min=0, max=100_000, help="Minutes to wait for a database that is away, full or locked.")
    ] = 15.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would fire; write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Lets time pass for all Active projects.

    After a kill, run it again: no event fires twice. With the same --as-of, it continues where it stopped.
    """
    at, seconds = moment(as_of, "as-of") or datetime.now(UTC), 60 * patience
    with open_database(context) as database:
        enduring(database.revision, seconds)  # the first that is asked of it
    with open_engine(context) as engine:
        accounts = [account_id(engine, text) for text in account] if account else None
        projects = [project_id(engine, text) for text in project] if project else None
        total = enduring(partial(engine.portfolio.count_to_reevaluate, at, accounts, projects), seconds)
        with _progress(total) as advance:

            def on_chunk(report: ChunkReport) -> None:
                advance(report.projects)
                if as_json:
                    for event in report.events:
                        print_json({"id": event.id, **event_line(event)})

            report = engine.reevaluate(
                at,
                accounts=accounts,
                projects=projects,
                workers=workers,
                dask=dask,
                dry_run=dry_run,
                patience=timedelta(minutes=patience),
                on_chunk=on_chunk,
            )
    for refused, reason in report.refused:
        warn(f"project {refused}: {reason}")
    if not as_json:
        fired = "would fire, nothing is kept" if report.dry_run else "fired"
        if report.dry_run and not dry_run:
            say("more than a day ahead of the clock: a dry run")
        say(f"{count(report.projects, 'project')} evaluated as of {wire(at)}; {count(report.events, 'event')} {fired}")
    if report.refused:
        raise typer.Exit(1)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar with rate and remaining time on a terminal, otherwise an occasional plain line; both on standard error."""
    begun = told = monotonic()
    done = 0

    def rate() -> float:
        return done / max(1e-9, monotonic() - begun)

    def plain(count: int) -> None:
        nonlocal done, told
        done += count
        if monotonic() - told >= SECONDS_BETWEEN_LINES:
            told = monotonic()
            left = (total - done) / max(1e-9, rate())
            print(f"{done} of {total} projects, {rate():.0f}/s, {left:.0f} s left", file=sys.stderr, flush=True)

    console = Console(stderr=True)
    if not console.is_terminal:
        yield plain
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]:.0f}/s"), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("projects", total=total, rate=0.0)

        def advance(count: int) -> None:
            nonlocal done
            done += count
            bar.update(task, advance=count, rate=rate())

        yield advance
