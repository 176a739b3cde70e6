"""Two hosts whose clocks are an hour apart, on one PostgreSQL: its clock says what is due and how long a lease lasts.

A small library, built here and loaded before all others, shifts the clock of a process.
"""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings
from chainbell.engine import Engine
from chainbell.storage import claiming, due, generate_key
from tests.e2e.commands import ROOT
from tests.e2e.receiver import receiving, status
from tests.plans import line_plan

SHIFTED = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <sys/time.h>

int clock_gettime(clockid_t clock, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, at);
    const char *by = getenv("CLOCK_SHIFT_SECONDS");
    if (clock == CLOCK_REALTIME && by) at->tv_sec += atol(by);
    return result;
}
int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""
HOUR = 3600
REPORT = """
import sys
from datetime import UTC, datetime
from chainbell.engine import Engine
with Engine(sys.argv[1], keys=[sys.argv[2]]) as engine:
    print(datetime.now(UTC).isoformat())
    engine.apply({"kind": "task.update", "projectId": 1, "taskId": 1, "status": "InProgress"})
"""
DRAIN = """
import asyncio, sys
from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings
from chainbell.engine import Engine

async def drain(engine):
    return await engine.dispatcher().drain()

with Engine(sys.argv[1], keys=[sys.argv[2]], delivery=DeliverySettings(guard=LOOPBACK_ALLOWED)) as engine:
    print(asyncio.run(drain(engine)))
"""
CLAIM = """
import sys
from chainbell.engine import Engine
from chainbell.storage import claiming
with Engine(sys.argv[1], keys=[sys.argv[2]]) as engine:
    now = engine.now()
    with engine.database.write() as connection:
        print(len(claiming.claim(connection, now, now + engine.core.delivery.lease, 10)))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs Linux and a C compiler")
    folder = tmp_path_factory.mktemp("clock")
    (folder / "shifted.c").write_text(SHIFTED)
    made = folder / "shifted.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", made, folder / "shifted.c", "-ldl"], check=True)
    return made


def on_host(library: Path, shift_seconds: int, script: str, url: str, key: str) -> list[str]:
    """What a process prints whose clock is wrong by so many seconds."""
    shifted = {**os.environ, "LD_PRELOAD": str(library), "CLOCK_SHIFT_SECONDS": str(shift_seconds)}
    run = subprocess.run(
        [sys.executable, "-c", script, url, key], env=shifted, cwd=ROOT, capture_output=True, text=True, timeout=120,
        check=True,
    )  # fmt: skip
    return run.stdout.split()


def test_two_hosts_an_hour_apart_deliver_at_once_and_respect_each_other_s_leases(
    library: Path, postgresql_url: str
) -> None:
    key = generate_key()
    with (
        receiving(status(200)) as receiver,
        Engine(postgresql_url, keys=[key], delivery=DeliverySettings(guard=LOOPBACK_ALLOWED)) as engine,
    ):
        engine.load(line_plan())
        engine.webhooks.add(7, receiver.url, events=["task.status_changed"])
        (told,) = on_host(library, HOUR, REPORT, postgresql_url, key)
        assert datetime.fromisoformat(told) - datetime.now(UTC) > timedelta(minutes=50)  # its clock really is ahead
        assert on_host(library, HOUR, CLAIM, postgresql_url, key) == ["1"]
        assert on_host(library, HOUR, CLAIM, postgresql_url, key) == ["0"]
        assert on_host(library, 2 * HOUR, CLAIM, postgresql_url, key) == ["0"]  # nobody's lease has ended
        with engine.database.read() as connection:
            lease_ends = due.next_due(connection, engine.now())
        assert lease_ends is not None
        assert lease_ends - datetime.now(UTC) < timedelta(minutes=5)
        with engine.database.write() as connection:
            (claim,) = claiming.claim(connection, lease_ends, lease_ends + timedelta(seconds=1), 10)
            claiming.give_back(connection, [claim])
        assert on_host(library, -HOUR, DRAIN, postgresql_url, key) == ["1"]
        assert len(receiver.requests) == 1
        (webhook,) = engine.webhooks.list(7)
        assert webhook.last_triggered is not None
        assert abs(webhook.last_triggered - datetime.now(UTC)) < timedelta(minutes=5)
