"""The links of a task table: the predecessors of a task and the tasks that it blocks, by id or by name."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.column_map import NAMES, Column, Columns
from chainbell.engine.importers.csv_table import Row
from chainbell.engine.importers.imported import Reasons, Warnings
from chainbell.engine.importers.table_cells import Before, names, predecessors
from chainbell.rules import HostId


class TableLinks:
    """Reads the links of a table; a link of a summary row becomes links of the tasks below it.

    A link to a task that the table does not hold is refused, or dropped with a warning if the table `is_partial`: an
    export whose columns the caller named may hold a part of the tasks only.
    """

    def __init__(
        self,
        rows: Mapping[str, Row],
        columns: Columns,
        ids: Mapping[str, HostId],
        tasks: Mapping[str, dict[str, Any]],
        below: Mapping[str, list[str]],
        warnings: Warnings,
        reasons: Reasons,
        is_partial: bool,
    ) -> None:
        self._rows, self._columns, self._ids, self._tasks, self._below = rows, columns, ids, tasks, below
        self._warnings, self._reasons, self._is_partial = warnings, reasons, is_partial
        told = [(self._name(row), text) for text, row in rows.items()]
        counts = Counter(name for name, _ in told)
        self._by_name = dict(told)
        self._twice = {name for name, count in counts.items() if count > 1}

    def documents(self) -> list[dict[str, Any]]:
        """The links of the plan document, lags in working days; of several of one type between two tasks, the first.

        Raises InvalidInputError, naming file, line and column, for a task that is missing, a name that two tasks have,
        or a lag that cannot be read.
        """
        found: dict[tuple[HostId, HostId, str], dict[str, Any]] = {}
        for link in self._found():
            found.setdefault((link["from"], link["to"], link["type"]), link)
        return list(found.values())

    def _found(self) -> Iterator[dict[str, Any]]:
        for text, row in self._rows.items():
            for column in self._columns.get("predecessors", ()):
                for cell in row.all(column.name):
                    for before in self._listed(cell, row, column):
                        yield from self._expanded(before, text, row.at(column.name))
            for column in self._columns.get("blocks", ()):
                for cell in row.all(column.name):
                    for after in self._listed(cell, row, column):
                        yield from self._expanded(after._replace(id=text), after.id, row.at(column.name))

    def _listed(self, cell: str, row: Row, column: Column) -> list[Before]:
        place = row.at(column.name)
        if column.unit != NAMES:
            return predecessors(cell, place, self._rows.keys())
        found = []
        for name in names(cell, self._by_name.keys()):
            if name in self._twice:
                raise InvalidInputError(place, f"two tasks have the name {name[:60]!r}")
            found.append(Before(self._by_name.get(name, name)))
        return found

    def _expanded(self, before: Before, after: str, place: str) -> Iterator[dict[str, Any]]:
        for text in (before.id, after):
            if text not in self._rows:
                if not self._is_partial:
                    raise InvalidInputError(place, f"there is no task {text[:64]!r}")
                self._warnings.add("links to tasks that the file does not hold dropped", text)
                if after in self._ids:
                    self._reasons.add(self._ids[after], "a link to it was dropped")
                return
        starts, ends = self._below.get(before.id, [before.id]), self._below.get(after, [after])
        if (before.id in self._below and before.type[0] == "S") or (after in self._below and before.type[1] == "F"):
            self._warnings.add("link to a summary task's start or from its finish dropped", f"{before.id} -> {after}")
            for one in ends:
                self._reasons.add(self._ids[one], "a link to it was dropped")
            return
        for start in starts:
            lag = before.lag + before.share * self._tasks[start]["duration"]
            for end in ends:
                yield {"from": self._ids[start], "to": self._ids[end], "type": before.type, "lag": lag}

    def _name(self, row: Row) -> str:
        return next((text for column in self._columns.get("name", ()) if (text := row.get(column.name))), "")
