"""Many values as one parameter, many rows as one: the statement's text, and with it its plan, stays the same.

On SQLite it is one call of the driver, which gives way to other threads at each row, and in a process whose threads are
busy loses more time with that than with the rows.
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
    """An array on PostgreSQL, a JSON array on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(Text()) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Iterable[str] | None, dialect: Dialect) -> Any:
        texts = list(value or ())
        return texts if dialect.name == "postgresql" else json.dumps(texts)


class _Among(FunctionElement[bool]):
    """Without a type: as a Boolean SQLAlchemy would compare it with 1 on SQLite, and no index would answer."""

    name = "among"
    inherit_cache = True


def among(column: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
    """Whether the column's text is one of the list that the parameter of this name brings."""
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
    """Rows with these columns of a table, which the parameter `rows` brings as `document` makes it, to select from."""
    rows = bindparam("rows", type_=Text)
    if dialect == "postgresql":
        columns = (column(name, of.c[name].type) for name in names)
        given = func.json_to_recordset(cast(rows, JSON)).table_valued(*columns, name="given")
        return given.render_derived(with_types=True)
    each = func.json_each(rows).table_valued("value", name="each_row")
    values = (literal_column(f"each_row.value ->> '$.{name}'", of.c[name].type).label(name) for name in names)
    return select(*values).select_from(each).subquery("given")


def document(connection: Connection, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """The rows as the parameter of `given_rows`; instants as the database keeps them."""
    encode = _instant_in_sqlite if connection.dialect.name == "sqlite" else datetime.isoformat
    return json.dumps([dict(zip(names, row, strict=True)) for row in rows], default=encode)


@lru_cache(maxsize=4096)  # an attempt's instant stands in several columns
def _instant_in_sqlite(value: datetime) -> str:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


class AtOnce:
    """A query whose rows come together; on SQLite of values that JSON knows, of bytes that are UTF-8 text as text."""

    def __init__(self, query: Select[Any]) -> None:
        self._query = query
        rows = query.subquery()
        self._as_one = select(func.json_group_array(func.json_array(*rows.c), type_=Text)).select_from(rows)

    def rows(self, connection: Connection, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        if connection.dialect.name != "sqlite":
            return connection.execute(self._query, parameters).all()
        rows: list[list[Any]] = json.loads(connection.scalar(self._as_one, parameters) or "[]")
        return rows
