"""Where the tables live beside a host's own, and the metadata, separate from the host's, that describes them."""

import os

from sqlalchemy import MetaData
from sqlalchemy.orm import declared_attr, registry
from sqlmodel import SQLModel

PREFIX = os.environ.get("CHAINBELL_TABLE_PREFIX", "chainbell_")
SCHEMA = os.environ.get("CHAINBELL_SCHEMA") or None
"""Where the tables live beside a host's own: read once, when this module is first imported."""

QUALIFIED = PREFIX if SCHEMA is None else f"{SCHEMA}.{PREFIX}"

METADATA = MetaData(
    schema=SCHEMA,
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    },
)


class Kept(SQLModel, registry=registry(metadata=METADATA)):
    """The base of all tables; a class `TaskRow` is the table `chainbell_task`."""

    @declared_attr.directive
    def __tablename__(cls) -> str:  # noqa: N805
        words = "".join("_" + letter.lower() if letter.isupper() else letter for letter in cls.__name__)
        return PREFIX + words.strip("_").removesuffix("_row")
