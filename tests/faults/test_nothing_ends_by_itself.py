"""A lock held, a server away, a full disk: dispatcher, server and re-evaluation wait for as long as it lasts, say so
without flooding the log, and go on within seconds when it is over.

`make test` has a few seconds of each, `make soak` ten minutes.
"""

import time
from datetime import timedelta
from pathlib import Path

import pytest

from chainbell.engine import Engine
from tests.e2e.waiting import until
from tests.faults.nemeses import OUTAGES, Nemesis, possible, under
from tests.faults.processes import Process, command
from tests.faults.system import MOST_SECONDS, System
from tests.plans import MONDAY, line_plan
from tests.soak import SOAK

pytestmark = pytest.mark.soak
OUTAGE_SECONDS = 600.0 if SOAK else 3.0
ACCOUNT = 300
"""Whose projects are re-evaluated."""
MOST_LINES = 8
"""Of one process about one outage, beside one a minute: the same error is told once a minute, another one at once."""


def test_nothing_ends_by_itself(one_dispatcher: System, tmp_path: Path) -> None:
    system = one_dispatcher
    with Engine(system.url, keys=[system.key]) as engine:
        engine.apply_each(
            {"kind": "plan", "at": MONDAY.isoformat(), "plan": line_plan(project_id=300 + number, account=ACCOUNT)}
            for number in range(3)
        )
    for day, nemesis in enumerate(possible(system, OUTAGES)):
        seconds = through(system, nemesis, day, tmp_path)
        print(f"{nemesis.name}: " + ", ".join(f"{role} {one:.1f} s" for role, one in seconds.items()))
        assert max(seconds.values()) < MOST_SECONDS, nemesis.name
        assert system.check() == [], nemesis.name
    assert system.finish() == []


def through(system: System, outage: Nemesis, day: int, folder: Path) -> dict[str, float]:
    """The system through one outage, with a re-evaluation that begins in it; how soon each went on.

    What finds space on a full disk, in pages that are there already, need not wait.
    """
    as_of = (MONDAY + timedelta(days=20 + day)).isoformat()
    arguments = ("reevaluate", "--account", str(ACCOUNT), "--as-of", as_of)
    name = "reevaluation-" + outage.name.replace(" ", "-")
    reevaluation = Process(name, command(system.url, *arguments), system.environment, folder, "evaluated as of")
    told = {process: len(process.log(event)) for process, event in lines(system).items()}
    with under(system, outage):
        reevaluation.launch()
        try:
            time.sleep(OUTAGE_SECONDS)
            until(lambda: reevaluation.log("chainbell.reevaluation_waits") or not reevaluation.is_running())
        except BaseException:
            reevaluation.discard()
            raise
    ended = time.monotonic()
    assert reevaluation.wait() == 0, reevaluation.said()
    evaluated = time.monotonic() - ended
    assert "3 projects evaluated" in reevaluation.said()
    seconds = system.going_on(since=time.time() - evaluated)
    counts = {process: len(process.log(event)) - told[process] for process, event in lines(system).items()}
    counts[reevaluation] = len(reevaluation.log("chainbell.reevaluation_waits"))
    assert counts[system.server] >= 1, "what refuses requests tells so"
    for process, count in counts.items():
        assert count <= MOST_LINES + OUTAGE_SECONDS / 60, f"{process.name} told {count} times of {outage.name}"
    return {**seconds, "re-evaluation": evaluated}


def lines(system: System) -> dict[Process, str]:
    """By what each process tells that it waits."""
    return {system.server: "chainbell.requests_refused", system.dispatchers[0]: "chainbell.dispatcher_failed"}
