"""Databases that are really there, and engines on them: the fixtures that tests of several tiers share.

A conftest takes them in by name.
"""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings
from chainbell.engine import Engine, configure_logging
from chainbell.storage import generate_key
from tests.postgresql import Server

__all__ = [
    "database_url",
    "engine",
    "postgresql_server",
    "postgresql_url",
    "pytest_runtest_makereport",
    "quiet",
    "sqlite_engine",
]

SERVER = Server()
"""The server of this process, for all tiers."""


@pytest.fixture(scope="session", autouse=True)
def quiet() -> None:
    """Log lines for people are not what most tests look at."""
    configure_logging(as_json=True, level="critical")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    yield SERVER
    SERVER.stop()


@pytest.fixture
def postgresql_url(postgresql_server: Server) -> Iterator[str]:
    """An empty database on a real server."""
    with postgresql_server.database() as url:
        yield url


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where the server died under a test, that is what is told of the test."""
    report = yield
    if (died := SERVER.death()) is not None:
        report.outcome, report.longrepr = "failed", died
    return report


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'contract.db'}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on an empty database of each kind, allowed to deliver to loopback."""
    settings = DeliverySettings(guard=LOOPBACK_ALLOWED)
    with Engine(database_url, keys=[generate_key()], delivery=settings) as engine:
        yield engine


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    settings = DeliverySettings(guard=LOOPBACK_ALLOWED)
    with Engine(f"sqlite:///{tmp_path / 'chainbell.db'}", delivery=settings) as engine:
        yield engine
