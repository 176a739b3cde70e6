"""A CSV file as a table: finds the separator, keeps the place of each row and every column of a repeated name."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.imported import decoded

SEPARATORS = ",;\t|"
MOST_ROWS = 200_000
MOST_COLUMNS = 1_000


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one row, in the order of `header`; `place` is `FILE:LINE`."""

    place: str
    header: Sequence[str]
    cells: Sequence[str]

    def all(self, column: str) -> list[str]:
        """The cells that are not empty in the columns of this name, in order."""
        pairs = zip(self.header, self.cells, strict=False)
        return [text for name, cell in pairs if name == column and (text := cell.strip())]

    def get(self, column: str) -> str:
        """The first cell that is not empty in the columns of this name; an empty string where there is none."""
        found = self.all(column)
        return found[0] if found else ""

    def at(self, column: str) -> str:
        """The place of a cell, for errors: `FILE:LINE: COLUMN`."""
        return f"{self.place}: {column}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the file `name`; `has_more` where another follows after an empty line, as in GanttProject's export."""

    name: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    has_more: bool = False


def read_table(data: bytes, name: str) -> Table:
    """The first table of a CSV file; raises InvalidInputError naming file, line and reason.

    The separator is the one of comma, semicolon, tab and `|` that the first line has most of.
    """
    text = decoded(data, name)
    first = text.lstrip("\r\n").partition("\n")[0]
    separator = max(SEPARATORS, key=lambda one: (first.count(one), one == ","))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    header: tuple[str, ...] = ()
    rows: list[Row] = []
    is_behind_gap = has_more = False
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                is_behind_gap = bool(rows)
                continue
            place = f"{name}:{reader.line_num}"
            if not header:
                header = _header(cells, place)
                continue
            if is_behind_gap and _is_header(cells, header):
                has_more = True
                break
            while len(cells) > len(header) and not cells[-1].strip():
                cells.pop()
            if len(cells) != len(header):
                raise InvalidInputError(place, f"has {len(cells)} cells, the header {len(header)}")
            rows.append(Row(place, header, cells))
            if len(rows) > MOST_ROWS:
                raise InvalidInputError(place, f"the table has more than {MOST_ROWS} rows")
    except csv.Error as error:
        raise InvalidInputError(f"{name}:{reader.line_num}", f"is not CSV: {error}") from None
    if header and not rows:
        raise InvalidInputError(name, "has no rows")
    return Table(name, header, tuple(rows), has_more)


def _header(cells: list[str], place: str) -> tuple[str, ...]:
    while cells and not cells[-1].strip():
        cells.pop()
    if len(cells) > MOST_COLUMNS:
        raise InvalidInputError(place, f"has more than {MOST_COLUMNS} columns")
    return tuple(cell.strip() for cell in cells)


def _is_header(cells: Sequence[str], header: Sequence[str]) -> bool:
    """Whether a row after an empty line opens another table: it repeats the first two columns, or has more or fewer."""
    return [cell.strip().lower() for cell in cells[:2]] == [name.lower() for name in header[:2]] or len(cells) != len(
        header
    )
