"""What the columns of a table mean: known by their usual names, or named by the caller (`--map`)."""

import shlex
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.csv_table import Table

MINUTES = {"seconds": 1 / 60, "minutes": 1.0, "hours": 60.0, "days": 480.0, "weeks": 2400.0}
"""Minutes of work in each unit of a duration column: a day has eight hours, a week five days."""
NAMES = "names"
"""The unit of a column of links that holds the names of tasks instead of their ids."""

FIELDS: Mapping[str, frozenset[str]] = {
    "id": frozenset(),
    "name": frozenset(),
    "duration": frozenset(MINUTES),
    "predecessors": frozenset({NAMES}),
    "blocks": frozenset({NAMES}),
    "start": frozenset(),
    "finish": frozenset(),
    "percent": frozenset(),
    "resources": frozenset(),
    "outline": frozenset(),
    "level": frozenset(),
    "summary": frozenset(),
}
"""The fields that a column may mean, each with the units that it takes."""

KNOWN: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "task id", "unique id"),
    "name": ("name", "task name", "task", "title"),
    "duration": ("duration", "duration (days)"),
    "predecessors": ("predecessors", "predecessor", "depends on", "dependencies"),
    "start": ("start", "begin date", "start date", "begin"),
    "finish": ("finish", "end date", "finish date", "due date", "end"),
    "percent": ("completion", "% complete", "percent complete", "progress"),
    "resources": ("resources", "resource names", "resource"),
    "outline": ("outline number", "wbs"),
    "level": ("outline level",),
    "summary": ("summary",),
}
"""The usual names of each field's column, in lower case; the first that the table has is taken."""

EXPORTS: Mapping[str, tuple[frozenset[str], tuple[str, ...]]] = {
    "Jira": (
        frozenset({"Issue key", "Summary"}),
        (
            "id=Issue key",
            "name=Summary",
            "duration=Original estimate:seconds",
            "duration=Original Estimate:seconds",
            "blocks=Outward issue link (Blocks)",
            "predecessors=Inward issue link (Blocks)",
            "start=Custom field (Start date)",
            "finish=Due date",
            "finish=Due Date",
        ),
    ),
    "Asana": (
        frozenset({"Task ID", "Blocked By (Dependencies)"}),
        (
            "id=Task ID",
            "name=Name",
            "predecessors=Blocked By (Dependencies):names",
            "blocks=Blocking (Dependencies):names",
            "start=Start Date",
            "finish=Due Date",
        ),
    ),
}
"""Exports of other tools: the columns that each is known by, and the choices that read it if it has their columns."""


class Column(NamedTuple):
    """A column by its name in the header, and the unit of its cells; None is the field's usual one."""

    name: str
    unit: str | None = None


Columns = Mapping[str, Sequence[Column]]
"""The columns of each field, in order of preference."""


def columns_of(table: Table, choices: Sequence[str]) -> Columns:
    """The columns by field: those that `choices` name, and for other fields those with the usual names.

    Raises InvalidInputError for a choice that is malformed or names a column that the table lacks, and for a table that
    cannot be read without choices: the reason then says which to give.
    """
    place = f"{table.name}:1"
    found: dict[str, list[Column]] = {}
    for choice in choices:
        field, column = _parsed(choice)
        if column.name not in table.header:
            raise InvalidInputError("--map", f"{field}: there is no column {column.name[:60]!r} in {table.name}")
        found.setdefault(field, []).append(column)
    if not choices:
        for tool, (marks, guesses) in EXPORTS.items():
            if marks <= set(table.header):
                fitting = [guess for guess in guesses if _parsed(guess)[1].name in table.header]
                raise InvalidInputError(place, f"is an export of {tool}: read it with {shown(fitting)}")
    named = {column.name for columns in found.values() for column in columns}
    free = [name for name in table.header if name not in named]
    for field, names in KNOWN.items():
        usual = next((name for known in names for name in free if name.lower() == known), None)
        if field in found or usual is None:
            continue
        if field in ("id", "duration") and table.header.count(usual) > 1:
            raise InvalidInputError(place, f"names the column {usual} twice")
        found[field] = [Column(usual)]
    missing = [field for field in ("id", "name", "duration") if field not in found]
    if not choices and set(missing) & {"id", "duration"}:
        guess = shown([f"{field}=COLUMN" for field in missing])
        reason = f"has no column known as {' or '.join(missing)}: say which they are with {guess}"
        raise InvalidInputError(place, f"{reason}; its columns are {_listed(table.header)}")
    if "id" not in found:
        raise InvalidInputError(
            "--map", f"name the column of the ids: --map id=COLUMN; there are {_listed(table.header)}"
        )
    return found


def shown(choices: Sequence[str]) -> str:
    """The choices as they are typed in a shell, each after `--map`."""
    return " ".join(f"--map {shlex.quote(choice)}" for choice in choices)


def _parsed(choice: str) -> tuple[str, Column]:
    """The field and column of a choice; a colon is part of the column's name unless a unit of the field follows it."""
    field, separator, column = choice.partition("=")
    field = field.strip()
    if not separator or not column.strip():
        raise InvalidInputError("--map", f"{choice[:60]!r} is not FIELD=COLUMN or FIELD=COLUMN:UNIT")
    if field not in FIELDS:
        raise InvalidInputError("--map", f"{field[:40]!r} is none of {', '.join(FIELDS)}")
    name, _, unit = column.rpartition(":")
    if name and unit in FIELDS[field]:
        return field, Column(name.strip(), unit)
    return field, Column(column.strip())


def _listed(header: Sequence[str]) -> str:
    more = f" and {len(header) - 12} more" if len(header) > 12 else ""
    return ", ".join(repr(name[:40]) for name in header[:12]) + more
