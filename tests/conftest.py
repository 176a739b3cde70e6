"""What a run tells of its tiers: which there are, how many tests each has, how long each took.

Nothing is loaded here that only some tests need: fixtures stand in the folders of the tiers.
"""

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

TIERS = {
    "unit": "values in, values out; no database, no network",
    "contract": "the engine on SQLite and on PostgreSQL",
    "property": "random plans and histories, against invariants and an independent oracle",
    "e2e": "processes and sockets",
    "faults": "kills, outages, broken disks and networks, against a history kept outside the database",
    "docs": "every code block of the documentation",
}


def tier_of(nodeid: str) -> str:
    return next((part for part in Path(nodeid.split("::")[0]).parts if part in TIERS), "other")


def tell_counts(config: pytest.Config, nodeids: Iterable[str]) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.get_verbosity() < 0:
        return
    counts = Counter(map(tier_of, nodeids))
    reporter.ensure_newline()
    for tier, what in TIERS.items():
        if counts[tier]:
            reporter.write_line(f"{tier}: {counts[tier]} tests ({what})")


def pytest_collection_finish(session: pytest.Session) -> None:
    plugins = session.config.pluginmanager
    if "hypothesis" not in sys.modules and plugins.has_plugin("hypothesispytest"):
        plugins.unregister(name="hypothesispytest")  # it would load hypothesis only to sum up that nothing used it
    tell_counts(session.config, [item.nodeid for item in session.items])


TOLD = pytest.StashKey[bool]()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: object, ids: list[str]) -> None:
    """With workers it is they who collect, each of them everything: the first is listened to."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    if not config.stash.get(TOLD, False):
        config.stash[TOLD] = True
        tell_counts(config, ids)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    seconds = dict.fromkeys([*TIERS, "other"], 0.0)
    tests: dict[str, set[str]] = {}
    for report in (one for kept in terminalreporter.stats.values() for one in kept):
        if isinstance(report, pytest.TestReport):
            seconds[tier_of(report.nodeid)] += report.duration
            tests.setdefault(tier_of(report.nodeid), set()).add(report.nodeid)
    if tests and terminalreporter.config.get_verbosity() >= 0:
        terminalreporter.section("tiers: seconds of work, of all workers together")
        for tier in filter(tests.__contains__, seconds):
            terminalreporter.write_line(f"{tier}: {len(tests[tier])} tests, {seconds[tier]:.0f} s")
