"""Chains read off a schedule, and the sizes of their buffers."""

import pytest

from chainbell.rules import Chain, ChainKind, Link, Task, compile_network
from chainbell.rules.planning.baseline import with_planned_dates
from chainbell.rules.planning.chains import find_chains
from chainbell.rules.planning.sizing import METHODS

FOUR = [(6, 10), (10, 20), (5, 10), (10, 20)]


@pytest.mark.parametrize(("method", "size"), [("half-chain", 15.5), ("cut-and-paste", 14.5), ("rsem", 241**0.5)])
def test_buffer_sizes_of_four_tasks(method: str, size: float) -> None:
    assert METHODS[method](FOUR) == pytest.approx(size)


def chains(durations: dict[str, float], *links: str) -> tuple[Chain, ...]:
    tasks = [Task(name, name, duration, 0.0, 0.0) for name, duration in durations.items()]
    network = compile_network(tasks, [Link(link[0], link[1]) for link in links])
    planned = with_planned_dates(tasks, network, {})
    return find_chains(planned, network, [t.planned_start for t in planned], [t.planned_finish for t in planned])


def test_the_longest_path_is_critical_and_the_rest_feeds_it() -> None:
    """a-b-c is longest; d-e joins c over its longer branch d, f joins d's chain at e; g ends by itself."""
    found = chains({"a": 5, "b": 5, "c": 5, "d": 4, "e": 2, "f": 1, "g": 3}, "ab", "bc", "de", "ec", "fe", "ag")
    assert found == (
        Chain("critical", ChainKind.CRITICAL, ("a", "b", "c")),
        Chain("feeding-1", ChainKind.FEEDING, ("d", "e"), "c"),
        Chain("feeding-2", ChainKind.FEEDING, ("g",), None),
        Chain("feeding-3", ChainKind.FEEDING, ("f",), "e"),
    )


def test_ties_go_to_the_longer_task_and_then_to_the_smaller_id() -> None:
    assert chains({"z": 5, "b": 5, "c": 1}, "zc", "bc")[0].tasks == ("b", "c")
    assert chains({"p": 2, "q": 3, "r": 5, "c": 1}, "pq", "qc", "rc")[0].tasks == ("r", "c")
