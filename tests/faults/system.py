"""chainbell under test: a server, dispatchers and a writer, each a process of its own, with a client and a receiver."""

import asyncio
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import make_url

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings
from chainbell.engine import Engine
from chainbell.storage import generate_key
from tests.e2e.receiver import Receiver
from tests.e2e.waiting import until
from tests.faults.checkers import AT_THE_END, EARLIER, LATER, faults
from tests.faults.clients import Client, recording_receiver
from tests.faults.history import Reader, Recorder, read
from tests.faults.interposing import Interposed
from tests.faults.kept import kept_by
from tests.faults.network import Network
from tests.faults.private_server import PrivateServer
from tests.faults.processes import Process, command, worker
from tests.faults.workers import CLIENTS, SECRET, WRITERS
from tests.plans import MONDAY, line_plan

DEADLINE_SECONDS = 1.0
SETTINGS = DeliverySettings(guard=LOOPBACK_ALLOWED, deadline_seconds=DEADLINE_SECONDS, in_flight=16, per_webhook=16)
LEASE_SECONDS = SETTINGS.lease.total_seconds()
BUSY_SECONDS = 1
"""How long a process waits for a SQLite lock here; by default it is 30 s."""
MOST_SECONDS = 50.0
"""An order of magnitude above the five seconds within which everything is to go on."""
ROLES = {"server": "acknowledged client", "writer": "acknowledged writer", "dispatcher": "received"}
"""By what it shows that a role goes on."""


class ClockAhead:
    def __init__(self, ahead: timedelta) -> None:
        self.ahead = ahead

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def drain_retries(url: str, keys: list[str], settings: DeliverySettings = SETTINGS) -> None:
    """What failed is due again later: by a clock that is hours ahead it is due now, and no lease lasts."""
    for hours in range(1, 8):
        with Engine(url, keys=keys, delivery=settings, clock=ClockAhead(timedelta(hours=3 * hours))) as engine:

            async def drain(engine: Engine = engine) -> None:
                await engine.dispatcher().drain()

            asyncio.run(drain())


@dataclass(slots=True)
class System:
    """Everything that a nemesis may disturb, and what it may not: the history."""

    url: str
    key: str
    recorder: Recorder
    reader: Reader
    chance: Random
    server: Process
    writer: Process
    dispatchers: list[Process]
    client: Client
    receiver: Receiver
    environment: dict[str, str]
    """What every process is started with."""
    interposed: Interposed | None
    network: Network | None = None
    postgresql: PrivateServer | None = None
    undo: ExitStack = field(default_factory=ExitStack)
    """What the nemesis that is at work leaves to be ended."""
    seen: dict[str, float] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Of its database."""
        return "sqlite" if self.postgresql is None else "postgresql"

    @property
    def processes(self) -> list[Process]:
        return [self.server, self.writer, *self.dispatchers]

    def hold_lock(self) -> Callable[[], object]:
        """Takes the lock that every writer needs, from this process; returns what lets go of it."""
        if self.postgresql is None:
            holder = sqlite3.connect(str(make_url(self.url).database), isolation_level=None, timeout=120)
            holder.execute("BEGIN EXCLUSIVE")
            return holder.close
        return self.postgresql.locked(self.url)

    def going_on(self, since: float | None = None) -> dict[str, float]:
        """Waits until each role has done something after an instant, now unless given; after how many seconds."""
        since = time.time() if since is None else since

        def have() -> bool:
            for line in self.reader.new():
                change = str(line.get("change", "")).partition("-")[0]
                self.seen[f"{line['kind']} {change}".strip()] = float(line["at"])
            return all(self.seen.get(shows, 0) > since for shows in ROLES.values())

        until(have)
        return {role: self.seen[shows] - since for role, shows in ROLES.items()}

    def check(self) -> list[str]:
        """What is wrong at this moment, while work goes on."""
        with Engine(self.url, keys=[self.key]) as engine:
            earlier = read(self.recorder.path)
            there = kept_by(engine)
            later = read(self.recorder.path)
        dead = [f"{one.name} has ended" for one in self.processes if one.is_wanted and not one.is_running()]
        return dead + faults(EARLIER, earlier, there) + faults(LATER, later, there)

    def finish(self) -> list[str]:
        """Ends everything, delivers what is left; what is wrong then."""
        self.client.stop()
        self.writer.kill()
        for process in (self.server, *self.dispatchers):
            process.terminate()
        drain_retries(self.url, [self.key])
        with Engine(self.url, keys=[self.key]) as engine:
            return faults(AT_THE_END, read(self.recorder.path), kept_by(engine))


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def running(
    url: str,
    folder: Path,
    chance: Random,
    *,
    interposed: Interposed | None,
    postgresql: PrivateServer | None = None,
    dispatchers: int,
) -> Iterator[System]:
    """A system on an empty database; on PostgreSQL its dispatchers reach it through a network that can be cut."""
    key, recorder, here = generate_key(), Recorder(folder / "history"), make_url(url)
    environment = {"CHAINBELL_KEYS": key}
    with ExitStack() as stack:
        stack.callback(recorder.close)
        network = None
        if postgresql is None:
            here = here.set(query={"timeout": str(BUSY_SECONDS)})
            faulty = Path(str(here.database)).name
        else:
            network, faulty = Network(postgresql.socket), "no file of its own"
            stack.callback(network.close)
        url = through = here.render_as_string(hide_password=False)
        if network is not None:
            through = here.set(host="127.0.0.1", port=network.port, query={}).render_as_string(hide_password=False)
        if interposed is not None:
            environment |= interposed.environment(faulty)
        receiver = stack.enter_context(recording_receiver(recorder))
        with Engine(url, keys=[key], delivery=SETTINGS) as engine:
            token = prepare(engine, receiver, recorder)
        port = free_port()
        serve = command(url, "serve", "--no-dispatch", "--port", str(port))
        dispatch = command(through, "dispatch", "--deadline", str(DEADLINE_SECONDS))
        write = worker("write", url, key, str(WRITERS), str(recorder.path))
        system = System(
            url=url,
            key=key,
            recorder=recorder,
            reader=Reader(recorder.path),
            chance=chance,
            server=Process("server", serve, environment, folder, "serving on"),
            writer=Process("writer", write, environment, folder, "begun"),
            dispatchers=[
                Process(f"dispatcher-{n}", dispatch, environment, folder, "chainbell.dispatching")
                for n in range(dispatchers)
            ],
            client=Client(f"http://127.0.0.1:{port}", token, CLIENTS, recorder),
            receiver=receiver,
            environment=environment,
            interposed=interposed,
            network=network,
            postgresql=postgresql,
        )
        stack.push(system.undo)
        for process in system.processes:
            stack.callback(process.discard)
            process.launch()
        for process in system.processes:
            process.wait_until_begun()
        system.client.start()
        stack.callback(system.client.stop)
        system.going_on()
        yield system


def prepare(engine: Engine, receiver: Receiver, recorder: Recorder) -> str:
    """A project, an account and a webhook for the client and for the writer each; returns the client's token."""
    for project in (CLIENTS, WRITERS):
        engine.webhooks.add(project, receiver.url, secret=SECRET)
        plan: dict[str, Any] = {"kind": "plan", "at": MONDAY.isoformat(), "changeId": f"plan-{project}"}
        recorder.invoked(f"plan-{project}")
        fired = engine.apply({**plan, "plan": line_plan(project_id=project, account=project)})
        recorder.acknowledged(f"plan-{project}", [event.id for event in fired])
    return engine.tokens.add(CLIENTS)
