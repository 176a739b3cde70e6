"""Core statements run straight on SQLite's driver, for many rows at a time.

SQLAlchemy makes the SQL and converts the values; only its work for each row is left out, which costs several times what
SQLite needs for the row itself.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ClauseElement, Connection, Dialect


class Straight:
    """A statement whose parameters are given as columns: the values of `names`, in order, for all rows."""

    def __init__(self, statement: ClauseElement, names: Sequence[str]) -> None:
        self._statement = statement
        self._names = tuple(names)
        self._sql = ""
        self._order: list[int] = []
        self._converters: list[Callable[[Any], Any] | None] = []

    def executemany(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Runs it for every row; the number of rows changed."""
        if not self._sql:
            self._compile(connection.dialect)
        columns = list(zip(*rows, strict=True))
        converted = [
            columns[place] if convert is None else list(map(convert, columns[place]))
            for place, convert in zip(self._order, self._converters, strict=True)
        ]
        cursor = connection.connection.cursor()
        cursor.executemany(self._sql, list(zip(*converted, strict=True)))
        return cursor.rowcount

    def _compile(self, dialect: Dialect) -> None:
        compiled: Any = self._statement.compile(dialect=dialect, column_keys=list(self._names))
        names = list(compiled.positiontup)
        self._order = [self._names.index(name) for name in names]
        types = [compiled.binds[name].type for name in names]
        self._converters = [one.dialect_impl(dialect).bind_processor(dialect) for one in types]
        self._sql = str(compiled)
