"""The nemeses: what may happen to a running system, as a table of values. Each begins and ends."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import make_url

from chainbell.engine.http.threads import RETRY_SECONDS
from tests.e2e.waiting import until
from tests.faults.processes import Process
from tests.faults.system import LEASE_SECONDS, System

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Nemesis:
    """Something that begins and, after `seconds` at least, ends; what `begin` needs to undo it leaves in `system.undo`.

    `on` names the databases, `needs_library` the need for the library of faults. While one that `refuses` is at work,
    the API answers changes with 503.
    """

    name: str
    begin: Callable[[System], object]
    seconds: tuple[float, float] = (0.2, 1.0)
    on: tuple[str, ...] = ("sqlite", "postgresql")
    refuses: bool = False
    needs_library: bool = False


def possible(system: System, nemeses: Iterable[Nemesis]) -> list[Nemesis]:
    """Those that the system's database and the machine allow."""
    allowed = (one for one in nemeses if system.interposed is not None or not one.needs_library)
    return [one for one in allowed if system.kind in one.on]


@contextmanager
def under(system: System, nemesis: Nemesis) -> Iterator[None]:
    """The block while the nemesis is at work, for as long as it lasts; where it refuses, the API is seen to say so."""
    system.recorder.nemesis(nemesis.name, "begins")
    try:
        nemesis.begin(system)
        yield
        time.sleep(system.chance.uniform(*nemesis.seconds))
        if nemesis.refuses:
            until(lambda: system.client.last_answer[0] == 503)
            assert system.client.last_answer[1] == RETRY_SECONDS, "503 says when to try again"
    finally:
        system.undo.close()
        system.recorder.nemesis(nemesis.name, "ends")


def killed(which: Callable[[System], Process]) -> Callable[[System], None]:
    def begin(system: System) -> None:
        process = which(system)
        process.kill()
        system.undo.callback(process.start)

    return begin


def stopped(which: Callable[[System], Process]) -> Callable[[System], None]:
    def begin(system: System) -> None:
        process = which(system)
        process.stop()
        system.undo.callback(process.go_on)

    return begin


def one_dispatcher(system: System) -> Process:
    return system.chance.choice(system.dispatchers)


def connections_terminated(system: System) -> None:
    assert system.postgresql is not None
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
    system.postgresql.execute(others, name=make_url(system.url).database)


def server_restarted(system: System) -> None:
    assert system.postgresql is not None
    system.postgresql.stop()
    system.postgresql.start()


def server_away(system: System) -> None:
    assert system.postgresql is not None
    system.postgresql.stop()
    system.undo.callback(system.postgresql.start)


def server_read_only(system: System) -> None:
    """As after a failover to a server that is not promoted yet."""
    assert system.postgresql is not None
    name = make_url(system.url).database
    system.postgresql.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    connections_terminated(system)

    def end() -> None:
        assert system.postgresql is not None
        system.postgresql.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        connections_terminated(system)

    system.undo.callback(end)


def clocks_apart(system: System) -> None:
    """One dispatcher by a clock that is an hour ahead of the other's."""
    process = one_dispatcher(system)
    process.terminate()
    process.start(CHAINBELL_AHEAD=str(HOUR))

    def end() -> None:
        process.terminate()
        process.start()

    system.undo.callback(end)


def disk_full(system: System) -> None:
    assert system.interposed is not None
    system.interposed.begin("full")
    system.undo.callback(system.interposed.end, "full")


def fsync_broken(system: System) -> None:
    """On PostgreSQL the server ends itself, as it should, and is started again."""
    assert system.interposed is not None
    if system.postgresql is not None:
        system.undo.callback(system.postgresql.start)
        system.undo.callback(system.postgresql.crash)
    system.interposed.begin("broken")
    system.undo.callback(system.interposed.end, "broken")


def network_cut(system: System) -> None:
    assert system.network is not None
    system.network.cut()
    system.undo.callback(system.network.heal)


def network_black_hole(system: System) -> None:
    assert system.network is not None
    system.network.black_hole()
    system.undo.callback(system.network.heal)


def lock_held(system: System) -> None:
    system.undo.callback(system.hold_lock())


POSTGRESQL, SQLITE = ("postgresql",), ("sqlite",)
KILLED = (
    Nemesis("dispatcher killed", killed(one_dispatcher)),
    Nemesis("server killed", killed(lambda system: system.server)),
    Nemesis("writer killed", killed(lambda system: system.writer)),
)
OUTAGES = (
    Nemesis("lock held", lock_held, (2.0, 3.0), SQLITE, refuses=True),
    Nemesis("server away", server_away, (0.5, 1.0), POSTGRESQL, refuses=True),
    Nemesis("disk full", disk_full, refuses=True, needs_library=True),
)
"""What lasts: ten minutes each in `make soak`."""
NEMESES = (
    *KILLED,
    Nemesis("dispatcher stopped for over a lease", stopped(one_dispatcher), (LEASE_SECONDS + 1, LEASE_SECONDS + 2)),
    Nemesis("writer stopped", stopped(lambda system: system.writer)),
    Nemesis("connections terminated", connections_terminated, on=POSTGRESQL),
    Nemesis("server restarted", server_restarted, on=POSTGRESQL),
    Nemesis("server read-only", server_read_only, on=POSTGRESQL, refuses=True),
    Nemesis("tables locked", lock_held, on=POSTGRESQL),
    Nemesis("clocks apart by an hour", clocks_apart, (1.0, 2.0), POSTGRESQL, needs_library=True),
    Nemesis("fsync fails", fsync_broken, refuses=True, needs_library=True),
    Nemesis("network cut", network_cut, on=POSTGRESQL),
    Nemesis("network is a black hole", network_black_hole, (1.0, 2.0), POSTGRESQL),
)
