"""Lists of texts as one parameter: the statement's text stays the same however many there are, and with it its plan."""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Text, bindparam
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
