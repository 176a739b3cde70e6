"""Deadlines under a clock that jumps: each ends what it covers at its instant, and nothing else."""

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

import pytest

from chainbell.delivery.deadlines import Deadlines
from tests.property.virtual_time import VirtualTimeLoop


def under_virtual_time(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(work)


@pytest.mark.parametrize("seed", range(20))
def test_each_ends_at_its_own_instant(seed: int) -> None:
    drawn = random.Random(seed)

    async def one(deadlines: Deadlines) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(drawn.uniform(0, 50))
        begun, seconds, needed = loop.time(), drawn.uniform(0.01, 40), drawn.uniform(0.01, 40)
        is_late = False
        try:
            with deadlines.within(seconds):
                await asyncio.sleep(needed)
        except TimeoutError:
            is_late = True
        assert is_late == (needed > seconds)
        assert loop.time() - begun == pytest.approx(min(needed, seconds), abs=1e-6)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    async def many() -> None:
        deadlines = Deadlines()
        await asyncio.gather(*(one(deadlines) for _ in range(100)))
        deadlines.close()

    under_virtual_time(many())


def test_whoever_is_cancelled_by_somebody_else_is_cancelled() -> None:
    async def hang(deadlines: Deadlines) -> None:
        with deadlines.within(5):
            await asyncio.sleep(60)

    async def both() -> None:
        deadlines = Deadlines()
        task = asyncio.create_task(hang(deadlines))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        late = asyncio.create_task(hang(deadlines))
        with pytest.raises(TimeoutError):
            await late
        deadlines.close()

    under_virtual_time(both())


def test_one_that_is_done_in_time_sets_no_timer_of_its_own() -> None:
    async def many() -> None:
        deadlines, loop = Deadlines(), asyncio.get_running_loop()
        for _ in range(1000):
            with deadlines.within(30):
                await asyncio.sleep(0)
        timers = loop._scheduled  # type: ignore[attr-defined]
        assert len(timers) == 1
        deadlines.close()

    under_virtual_time(many())
