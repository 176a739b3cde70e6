"""Many values as one parameter, many rows as one: the statement's text, and with it its plan, stays the same.

On SQLite that makes one call of the driver out of many: the driver yields to other threads at each row, which costs
more than the row itself in a process whose threads are busy.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Dialect,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


class _Texts(TypeDecorator[Any]):
    """A list of strings: an array on PostgreSQL, a JSON array on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(Text()) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Iterable[str] | None, dialect: Dialect) -> Any:
        texts = list(value or ())
        return texts if dialect.name == "postgresql" else json.dumps(texts)


class _Among(FunctionElement[bool]):
    """It has no type: SQLAlchemy would compare a Boolean with 1 on SQLite, and no index would be used."""

    name = "among"
    inherit_cache = True


def among(column: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
    """The condition that the column's text is in the list of strings bound to the parameter of this name."""
    return _Among(column, bindparam(parameter, type_=_Texts))


@compiles(_Among, "postgresql")
def _any(element: Any, compiler: Any, **options: Any) -> str:
    column, texts = element.clauses
    return f"{compiler.process(column, **options)} = ANY ({compiler.process(texts, **options)})"


@compiles(_Among)
def _json_each(element: Any, compiler: Any, **options: Any) -> str:
    column, texts = element.clauses
    column_sql, texts_sql = compiler.process(column, **options), compiler.process(texts, **options)
    return f"{column_sql} IN (SELECT value FROM json_each({texts_sql}))"  # noqa: S608  SQL that SQLAlchemy made


def given_rows(of: Table, names: Sequence[str], dialect: str) -> Any:
    """A selectable of rows with these columns of a table, bound to the parameter `rows` as `document` makes it."""
    rows = bindparam("rows", type_=Text)
    if dialect == "postgresql":
        columns = (column(name, of.c[name].type) for name in names)
        given = func.json_to_recordset(cast(rows, JSON)).table_valued(*columns, name="given")
        return given.render_derived(with_types=True)
    each = func.json_each(rows).table_valued("value", name="each_row")
    values = (literal_column(f"each_row.value ->> '$.{name}'", of.c[name].type).label(name) for name in names)
    return select(*values).select_from(each).subquery("given")


def document(connection: Connection, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """The rows as JSON for the parameter `rows` of `given_rows`; instants in the form that the database keeps."""
    encode = _instant_in_sqlite if connection.dialect.name == "sqlite" else datetime.isoformat
    return json.dumps([dict(zip(names, row, strict=True)) for row in rows], default=encode)


@lru_cache(maxsize=4096)  # an attempt's instant stands in several columns
def _instant_in_sqlite(value: datetime) -> str:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


class AtOnce:
    """A query whose rows come in one call. On SQLite its values must be what JSON can hold, bytes cast to text."""

    def __init__(self, query: Select[Any]) -> None:
        self._query = query
        rows = query.subquery()
        self._as_one = select(func.json_group_array(func.json_array(*rows.c), type_=Text)).select_from(rows)

    def rows(self, connection: Connection, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Runs the query; on SQLite the rows are lists of JSON values, so an instant comes as text."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._query, parameters).all()
        rows: list[list[Any]] = json.loads(connection.scalar(self._as_one, parameters) or "[]")
        return rows
