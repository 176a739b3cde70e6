"""The databases of this tier, a PostgreSQL server of its own, and the seed of a run."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.databases import *  # noqa: F403
from tests.faults.interposing import Interposed, build
from tests.faults.private_server import PrivateServer
from tests.faults.system import System, running


@pytest.fixture(scope="session")
def seed() -> int:
    """What all chance of a run comes from; CHAINBELL_SEED repeats one. A failing test shows it."""
    return int(os.environ.get("CHAINBELL_SEED") or random.SystemRandom().randrange(2**32))


@pytest.fixture
def chance(seed: int, request: pytest.FixtureRequest) -> random.Random:
    """The chance of one test; it prints how to repeat it."""
    print(f"CHAINBELL_SEED={seed}")
    return random.Random(f"{seed} {request.node.nodeid}")


@pytest.fixture(scope="session")
def library() -> Iterator[Interposed | None]:
    """The library of faults, built once; None without a C compiler.

    Its folder is not pytest's: a PostgreSQL server that runs as another user has to see it.
    """
    with TemporaryDirectory(prefix="chainbell-") as folder:
        yield build(Path(folder))


@pytest.fixture
def interposed(library: Interposed | None) -> Interposed:
    """The library of faults, for tests that are skipped without it."""
    if library is None:
        pytest.skip("there is no C compiler")
    return library


@pytest.fixture(scope="session")
def private_server(library: Interposed | None) -> Iterator[PrivateServer]:
    """A PostgreSQL server that tests may stop, fill and break, each with a database of its own on it."""
    server = PrivateServer(library)
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def systems(
    request: pytest.FixtureRequest, tmp_path: Path, chance: random.Random, library: Interposed | None
) -> Iterator[Callable[[int], AbstractContextManager[System]]]:
    """Starts a system with so many dispatchers on an empty database of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'system.db'}"
        yield lambda count: running(url, tmp_path, chance, interposed=library, dispatchers=count)
        return
    server: PrivateServer = request.getfixturevalue("private_server")
    with server.database() as url:
        yield lambda count: running(url, tmp_path, chance, interposed=library, postgresql=server, dispatchers=count)


@pytest.fixture
def one_dispatcher(systems: Callable[[int], AbstractContextManager[System]]) -> Iterator[System]:
    with systems(1) as system:
        yield system


@pytest.fixture
def two_dispatchers(systems: Callable[[int], AbstractContextManager[System]]) -> Iterator[System]:
    with systems(2) as system:
        yield system
