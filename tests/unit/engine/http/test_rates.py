"""Token buckets: a burst, then a rate; each name by itself; few are remembered."""

from chainbell.engine.http.rates import Buckets


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_and_then_a_rate() -> None:
    clock = Clock()
    buckets = Buckets(2, 3, clock=clock)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    clock.now = 0.5
    assert (buckets.take("a"), buckets.take("a")) == (0, 0.5)
    clock.now = 100
    assert [buckets.take("a") > 0 for _ in range(4)] == [False, False, False, True]  # never more than the burst


def test_one_name_s_flood_takes_nothing_from_another() -> None:
    buckets = Buckets(1, 2, clock=Clock())
    assert [buckets.take("flood") > 0 for _ in range(100)].count(True) == 98
    assert buckets.take("other") == 0


def test_looking_takes_nothing() -> None:
    buckets = Buckets(1, 1, clock=Clock())
    assert [buckets.wait_seconds("a") for _ in range(3)] == [0, 0, 0]
    assert "a" not in buckets
    buckets.take("a")
    assert buckets.wait_seconds("a") == 1


def test_what_has_not_been_used_for_longest_is_forgotten_first() -> None:
    buckets = Buckets(1, 1, most=100, clock=Clock())
    for number in range(10_000):
        buckets.take(str(number))
        buckets.take("used")
    assert len(buckets) == 100
    assert "used" in buckets
    assert "1" not in buckets
