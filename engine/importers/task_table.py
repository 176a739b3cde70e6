"""Tables of tasks as GanttProject, Microsoft Project, Jira, Asana and people write them: one task a row.

Columns are found by their usual names, or the caller names them (`--map`). Durations count in days of eight hours,
Monday to Friday: such tables have no calendar. Start and finish dates do not fix the plan. The earliest start is the
project's, a task without predecessors does not start before its own (nothing else in the table holds it), the two give
a duration where there is no other, and the planned dates are compared with them.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.column_map import Columns, columns_of
from chainbell.engine.importers.csv_table import Row, Table
from chainbell.engine.importers.imported import FileDates, Imported, Reasons, Warnings, day, ids_told, number
from chainbell.engine.importers.table_cells import working_days
from chainbell.engine.importers.table_dates import read_dates
from chainbell.engine.importers.table_links import TableLinks
from chainbell.engine.importers.table_outline import summaries
from chainbell.engine.importers.table_progress import add_progress, status_date
from chainbell.rules import HostId
from chainbell.rules.ids import LARGEST_ID

LIKE_LINKS = {
    "successor": "blocks",
    "blocking": "blocks",
    "predecessor": "predecessors",
    "depend": "predecessors",
    "blocked": "predecessors",
}
"""Parts of the names of columns that may hold links, and the field that they would be: none is dropped unasked."""


def read_task_table(table: Table, choices: Sequence[str]) -> Imported:
    """The plan in a table of tasks; raises InvalidInputError naming file, line, column and reason."""
    columns = columns_of(table, choices)
    return _Reader(table, columns, is_mapped=bool(choices)).imported()


class _Reader:
    def __init__(self, table: Table, columns: Columns, *, is_mapped: bool) -> None:
        self.table, self.columns, self.is_mapped = table, columns, is_mapped
        self.warnings, self.reasons = Warnings(), Reasons()
        self._tell_unread()
        texts = [self._cell(row, "id") for row in table.rows]
        for row, text in zip(table.rows, texts, strict=True):
            if not text:
                raise InvalidInputError(row.at(columns["id"][0].name), "is empty")
        twice = next((text for text, count in Counter(texts).items() if count > 1), None)
        if twice is not None:
            row = [row for row, text in zip(table.rows, texts, strict=True) if text == twice][1]
            raise InvalidInputError(row.at(columns["id"][0].name), f"two rows have the id {twice[:64]!r}")
        are_numbers = all(
            text.isdecimal() and str(int(text[:20])) == text and int(text) <= LARGEST_ID for text in texts
        )
        self.ids: dict[str, HostId] = {text: int(text) if are_numbers else text for text in texts}
        self.rows = dict(zip(texts, table.rows, strict=True))
        self.dates = self._dates()

    def imported(self) -> Imported:
        below = summaries(self.rows, self.columns)
        for text in below:
            self.warnings.add("summary tasks dropped, their sub-tasks carry the work", self._name(text))
        kept = [text for text in self.rows if text not in below]
        if not kept:
            raise InvalidInputError(self.table.name, "has no tasks below its summary rows")
        origin = f"the column {self.columns['id'][0].name}"
        self.warnings.add(ids_told([self.ids[text] for text in kept], origin))
        tasks = {text: self._task(text) for text in kept}
        links = TableLinks(self.rows, self.columns, self.ids, tasks, below, self.warnings, self.reasons, self.is_mapped)
        found = links.documents()
        start = min((at for text in kept if (at := self.dates[text].start) is not None), default=None)
        linked = {link["to"] for link in found}
        for text, task in tasks.items():
            at = self.dates[text].start
            if at is None or start is None or "actualStart" in task:
                continue
            if at > start and task["id"] not in linked:
                task["startNoEarlierThan"] = day(at)
        document: dict[str, Any] = {"tasks": list(tasks.values()), "links": found}
        if start is not None:
            document["project"] = {"startDate": day(start)}
            reached = status_date([(task, self.dates[text]) for text, task in tasks.items()], start, self.warnings)
            if reached is not None:
                document["project"]["statusDate"] = reached
        self._add_capacities(document)
        dates = {self.ids[text]: self.dates[text] for text in kept if any(self.dates[text])}
        return Imported("CSV task table", document, self.warnings.texts(), dates, self.reasons.by_task())

    def _cell(self, row: Row, field: str) -> str:
        return next((text for column in self.columns.get(field, ()) if (text := row.get(column.name))), "")

    def _name(self, text: str) -> str:
        return self._cell(self.rows[text], "name") or text

    def _tell_unread(self) -> None:
        read = {column.name for columns in self.columns.values() for column in columns}
        for name in dict.fromkeys(self.table.header):
            if name in read or not any(row.get(name) for row in self.table.rows):
                continue
            field = next((field for part, field in LIKE_LINKS.items() if part in name.lower()), None)
            if field is not None and not self.is_mapped:
                reason = f"{name[:40]!r} may hold links: say so with --map '{field}={name[:40]}'"
                raise InvalidInputError(f"{self.table.name}:1", reason)
            self.warnings.add("columns dropped that a plan has no place for", name)
        if self.table.has_more:
            self.warnings.add("a second table behind an empty line dropped")

    def _dates(self) -> dict[str, FileDates]:
        """Start and finish by the id of the row; none, with a warning, where no order of dates fits all cells."""
        cells = [text for row in self.rows.values() for f in ("start", "finish") if (text := self._cell(row, f))]
        dates, order = read_dates(cells)
        if cells and not dates:
            self.warnings.add("dates not understood and dropped", cells[0])
        if order is not None:
            self.warnings.add(f"dates are read as {order}")
        found = {}
        for text, row in self.rows.items():
            start, finish = dates.get(self._cell(row, "start")), dates.get(self._cell(row, "finish"))
            found[text] = FileDates(start, finish)
        return found

    def _task(self, text: str) -> dict[str, Any]:
        row = self.rows[text]
        task: dict[str, Any] = {"id": self.ids[text], "name": self._name(text)[:1000], "duration": self._duration(text)}
        percent = self._cell(row, "percent").removesuffix("%").strip()
        if percent:
            add_progress(task, number(percent, row.at(self.columns["percent"][0].name)), self.dates[text])
        demands = [
            _demand(part.strip(), row)
            for one in self._listed(row, "resources")
            for part in one.split(",")
            if part.strip()
        ]
        if demands:
            task["resources"] = list({demand["id"]: demand for demand in demands}.values())
        return task

    def _listed(self, row: Row, field: str) -> list[str]:
        cells = [cell for column in self.columns.get(field, ()) for cell in row.all(column.name)]
        return [part for cell in cells for part in cell.split(";")]

    def _duration(self, text: str) -> float:
        """Working days of the duration, else from start to finish, with a warning.

        A task that has neither takes no time, also with a warning, if the caller named columns; otherwise it raises
        InvalidInputError.
        """
        row = self.rows[text]
        for column in self.columns.get("duration", ()):
            cell = row.get(column.name)
            if cell:
                return working_days(cell, row.at(column.name), column.unit)
        start, finish = self.dates[text]
        if isinstance(start, date) and isinstance(finish, date) and finish >= start:
            self.warnings.add("no duration: the working days from start to finish are taken", self._name(text))
            return float(_weekdays(start, finish))
        if not self.is_mapped:
            columns = self.columns.get("duration", ())
            raise InvalidInputError(row.at(columns[0].name if columns else "duration"), "is empty")
        self.warnings.add("neither a duration nor start and finish: taken to need no time", self._name(text))
        return 0.0

    @staticmethod
    def _add_capacities(document: dict[str, Any]) -> None:
        """Adds the resources, each with the units that its most demanding task needs, at least one."""
        most: dict[str, float] = {}
        for task in document["tasks"]:
            for demand in task.get("resources", ()):
                most[demand["id"]] = max(most.get(demand["id"], 1.0), demand["units"])
        if most:
            document["resources"] = [{"id": one, "capacity": units} for one, units in most.items()]


def _demand(text: str, row: Row) -> dict[str, Any]:
    """The demand for a resource, given as `Ann` (one unit) or `Ann[50%]`; the number is a percentage without % too."""
    name, bracket, units = text.partition("[")
    share = units.rstrip("]").rstrip("%").strip()
    if not bracket or not share:
        return {"id": text[:64], "units": 1.0}
    return {"id": name.strip()[:64] or text[:64], "units": number(share, f"{row.place}: resources") / 100}


def _weekdays(start: date, finish: date) -> int:
    """How many days from `start` to `finish`, both included, are Monday to Friday."""
    weeks, rest = divmod((finish - start).days + 1, 7)
    return weeks * 5 + sum((start + timedelta(days=n)).weekday() < 5 for n in range(rest))
