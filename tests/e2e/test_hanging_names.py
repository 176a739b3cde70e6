"""Names that hang delay nobody else, and hold up no exit."""

import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler

from chainbell.delivery import LOOPBACK_ALLOWED, DeliverySettings
from chainbell.engine import Engine
from chainbell.storage import generate_key
from tests.e2e.commands import ROOT
from tests.e2e.receiver import receiving
from tests.e2e.test_fairness import queue
from tests.e2e.waiting import SECONDS, until

NAMES = 300
"""Far more than there are slots."""


def test_three_hundred_names_that_hang_delay_no_other_delivery_and_no_exit(database_url: str) -> None:
    key = generate_key()
    released = threading.Event()

    def hang(handler: BaseHTTPRequestHandler, _: int) -> None:
        released.wait(2 * SECONDS)
        handler.close_connection = True

    settings = DeliverySettings(guard=LOOPBACK_ALLOWED)
    with Engine(database_url, keys=[key], delivery=settings) as engine, receiving() as good, receiving(hang) as stuck:
        hanging = [queue(engine, f"http://w{number}.hang.example/", f"h{number}", 5) for number in range(NAMES)]
        queue(engine, good.url.replace("127.0.0.1", "localhost"), "good", 100)
        queue(engine, stuck.url, "stuck", 4)
        command = [sys.executable, "-m", "tests.e2e.hanging_names", database_url, key]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        until(lambda: len(good.requests) == 100 and stuck.requests)
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SECONDS)
        print(f"ended {time.monotonic() - asked:.1f} s after SIGTERM, with hanging names and requests")
        assert process.returncode == 0
        assert time.monotonic() - asked < 30, "long before a request's deadline"
        released.set()
        for webhook in hanging:  # a name that has been waited for the whole deadline is the endpoint's own failure
            assert {one.outcome for one in engine.webhooks.log(7, webhook)} <= {"dns_failure", "timeout"}, (
                "nothing has been sent"
            )
        with engine.database.read() as connection:
            leased = connection.exec_driver_sql(
                "SELECT count(*) FROM chainbell_delivery WHERE lease_until IS NOT NULL AND state = 'pending'"
            ).scalar_one()
        assert leased == 0
