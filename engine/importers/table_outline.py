"""Which rows of a table are summaries of others: by outline numbers, by outline levels, or by a column that says so."""

from collections.abc import Mapping

from chainbell.engine.importers.column_map import Columns
from chainbell.engine.importers.csv_table import Row

YES = {"yes", "true", "1", "y"}
"""Cells, in lower case, that mean yes in the column `summary`."""


def summaries(rows: Mapping[str, Row], columns: Columns) -> dict[str, list[str]]:
    """By the id of each summary row, the ids of the rows below it that have no rows below them."""
    above = _above(rows, columns)
    below: dict[str, list[str]] = {}
    parents = {one for line in above.values() for one in line}
    said = {text for text, row in rows.items() if _cell(row, columns, "summary").lower() in YES}
    for text, line in above.items():
        for parent in line:
            below.setdefault(parent, []).extend([] if text in parents or text in said else [text])
    return {**{text: [] for text in rows if text in said}, **below}


def _above(rows: Mapping[str, Row], columns: Columns) -> dict[str, list[str]]:
    """By the id of each row, the ids of the rows above it in the outline, the outermost first."""
    numbers = {_cell(row, columns, "outline"): text for text, row in rows.items()}
    numbers.pop("", None)
    found: dict[str, list[str]] = {text: [] for text in rows}
    for number, text in numbers.items():
        parts = number.split(".")[:64]
        found[text] = [numbers[one] for n in range(1, len(parts)) if (one := ".".join(parts[:n])) in numbers]
    if any(found.values()) or "level" not in columns:
        return found
    open_rows: list[tuple[int, str]] = []
    for text, row in rows.items():
        cell = _cell(row, columns, "level")
        level = int(cell) if cell.isdecimal() and len(cell) < 4 else 0
        while open_rows and open_rows[-1][0] >= level:
            open_rows.pop()
        found[text] = [one for _, one in open_rows]
        if len(open_rows) < 64:
            open_rows.append((level, text))
    return found


def _cell(row: Row, columns: Columns, field: str) -> str:
    return next((text for column in columns.get(field, ()) if (text := row.get(column.name))), "")
