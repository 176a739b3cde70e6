"""The tables of a Primavera export: strict about those that are read, and without a look at the rows of the others."""

from dataclasses import dataclass, field
from datetime import datetime

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.imported import decoded, moment, number

NEEDED = {
    "PROJECT": ("proj_id",),
    "TASK": ("task_id", "proj_id", "task_name", "target_drtn_hr_cnt"),
    "TASKPRED": ("task_id", "pred_task_id", "pred_type"),
    "CALENDAR": ("clndr_id", "clndr_data"),
    "SCHEDOPTIONS": (),
}
"""The tables that are read, each with the columns that it cannot do without."""

MOST_ROWS = 200_000


@dataclass(slots=True)
class Row:
    """One row of a table, with its line in the file `name`."""

    line: int
    cells: dict[str, str]
    name: str = field(repr=False, default="")

    def get(self, column: str) -> str:
        """A cell without the space around it; an empty string where the row has none."""
        return self.cells.get(column, "").strip()

    def place(self, column: str) -> str:
        """The place of a cell, for errors: `FILE:LINE: COLUMN`."""
        return f"{self.name}:{self.line}: {column}"

    def number(self, column: str, default: float = 0.0) -> float:
        """A finite number, `default` for an empty cell; raises InvalidInputError for anything else."""
        text = self.get(column)
        return number(text, self.place(column)) if text else default

    def instant(self, *columns: str) -> datetime | None:
        """The wall-clock instant in the first of these columns that is not empty, None where all are.

        Raises InvalidInputError for anything else, and for an instant outside the years 1900 to 2200.
        """
        for column in columns:
            text = self.get(column)
            if text:
                return moment(text, self.place(column))
        return None


def read_tables(data: bytes, name: str) -> dict[str, list[Row]]:
    """The rows by table; a table that is not read has an empty list if the file has rows of it.

    Raises InvalidInputError, naming file and line, for what is not an XER file, is cut short, or lacks a column.
    """
    lines = [line.rstrip("\r") for line in decoded(data, name).split("\n")]
    if not lines[0].startswith("ERMHDR"):
        raise InvalidInputError(f"{name}:1", "is no XER file: its first line is not ERMHDR")
    tables: dict[str, list[Row]] = {}
    table, columns = "", None
    for at, line in enumerate(lines[1:], 2):
        mark, *cells = line.split("\t")
        place = f"{name}:{at}"
        if mark == "%T" and cells and cells[0].strip():
            table, columns = cells[0].strip(), None
        elif mark == "%E":
            return tables
        elif table and table not in NEEDED:
            if mark == "%R":
                tables.setdefault(table, [])
        elif mark == "%F" and table:
            columns = _columns(table, cells, place)
            tables.setdefault(table, [])
        elif mark == "%R" and columns is not None:
            if any(cell.strip() for cell in cells[len(columns) :]):
                raise InvalidInputError(place, f"has {len(cells)} cells, %F names {len(columns)}")
            if len(tables[table]) >= MOST_ROWS:
                raise InvalidInputError(place, f"the table {table} has more than {MOST_ROWS} rows")
            tables[table].append(Row(at, dict(zip(columns, cells, strict=False)), name))
        elif line.strip():
            raise InvalidInputError(place, f"{mark[:20]!r} is not expected here: %T, %F, %R and %E follow each other")
    raise InvalidInputError(f"{name}:{len(lines)}", "the file ends without %E: it is cut short")


def _columns(table: str, cells: list[str], place: str) -> list[str]:
    columns = [cell.strip() for cell in cells]
    for needed in NEEDED[table]:
        if needed not in columns:
            raise InvalidInputError(place, f"the table {table} has no column {needed}")
    return columns
