"""What a transaction that somebody leaves open costs the outbox on PostgreSQL; `scale.py` runs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import perf_counter

from large_database import ACCOUNT, EVENT, NOW
from measuring import Targets

from chainbell.engine import Engine
from chainbell.storage import (
    Database,
    DeliveryState,
    NewDelivery,
    Settlement,
    claiming,
    due,
    generate_key,
    outbox,
    settling,
)  # fmt: skip
from chainbell.storage.turns import Turns

LEASE = timedelta(seconds=46)


def churned(engine: Engine, total: int) -> tuple[float, float]:
    """Seconds to write so many deliveries of ten webhooks, 250 at a time, and to claim and settle them meanwhile."""
    hooks = [engine.webhooks.add(ACCOUNT, "https://example.com/", events=[EVENT])[0].id for _ in range(10)]
    turns, written, served = Turns(), 0.0, 0.0
    for portion in range(total // 250):
        now = NOW + timedelta(seconds=portion / 10)
        made = [
            NewDelivery(f"{hooks[0]}{portion:08x}{n:03x}", hooks[n % 10], f"{portion}-{n}", EVENT, b"{" * 600)
            for n in range(250)
        ]
        begun = perf_counter()
        with engine.database.write() as connection:
            outbox.enqueue(connection, made, now)
        written += perf_counter() - begun
        begun = perf_counter()
        with engine.database.write() as connection:
            claims = claiming.claim(connection, now, now + LEASE, 256, turns=turns)
            assert len(claims) == 250
            settling.settle_all(connection, [
                Settlement(claim=one, state=DeliveryState.DELIVERED, started_at=now, duration_ms=1, outcome="answered",
                           http_status=200) for one in claims
            ])  # fmt: skip
        with engine.database.read() as connection:
            due.next_due(connection, now, turns.lookback.since)
        served += perf_counter() - begun
    return written, served


def idle_transaction(engine: Engine, total: int, targets: Targets) -> None:
    """Churn beside a transaction that has been left open since before, on PostgreSQL.

    What else the machine does falls on writing as well, so that is the yardstick of both runs.
    """
    written, served = churned(engine, total)
    with engine.database.read() as connection:
        connection.exec_driver_sql("SELECT pg_current_xact_id()")
        written_beside, served_beside = churned(engine, total)
    print(f"postgresql: {total / (written + served):.0f} deliveries/s alone, "
          f"{total / (written_beside + served_beside):.0f}/s beside an idle transaction", flush=True)  # fmt: skip
    alone, beside = (written + served) / written, (written_beside + served_beside) / written_beside
    targets.at_most("postgresql-idle-transaction-costs", beside / alone, 1.1)


@contextmanager
def on_an_empty_database(url: str) -> Iterator[Engine]:
    server = Database(url)
    with server.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("CREATE DATABASE churned")
    there = server.url.set(database="churned").render_as_string(hide_password=False)
    server.close()
    with Engine(there, keys=[generate_key()]) as engine:
        yield engine
