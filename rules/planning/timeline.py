"""What is taken of one resource over time, in blocks, so that a long one is searched by block and not by stretch.

A timeline of n stretches has about n / `SIZE` blocks. For the units that are asked for, each block remembers how long
it has room at its beginning, at its end, and at a stretch within; a search passes over blocks that have too little.
Stretches side by side that take the same are one.
"""

from bisect import bisect_left, bisect_right
from typing import NamedTuple

NOISE = 1e-9
"""Units below which a demand is none, and working days below which two instants are one."""
SIZE = 64
"""Stretches of a block; one of twice as many is divided."""


class Room(NamedTuple):
    """Working days for which a block has room: from its beginning on, at most within, up to its end.

    `whole` is all of it. The last block has no end; what lies behind all work is free.
    """

    first: float
    longest: float
    last: float
    whole: bool


class Block:
    """Stretches one after another: `used[n]` units from `times[n]` on, each until the next begins."""

    __slots__ = ("rooms", "times", "used")

    def __init__(self, times: list[float], used: list[float]) -> None:
        self.times, self.used = times, used
        self.rooms: dict[float, Room] = {}

    def room(self, free_at: float, end: float) -> Room:
        """The room of the block, which ends at `end`, where no more than `free_at` units are taken."""
        found = self.rooms.get(free_at)
        if found is None:
            found = self.rooms[free_at] = self._measured(free_at, end)
        return found

    def _measured(self, free_at: float, end: float) -> Room:
        since: float | None = self.times[0]
        first, longest, whole = None, 0.0, True
        for time, used in zip(self.times, self.used, strict=True):
            if used > free_at:
                whole = False
                if since is not None:
                    longest = max(longest, time - since)
                    first = time - since if first is None else first
                    since = None
            elif since is None:
                since = time
        last = 0.0 if since is None else end - since
        return Room(last if first is None else first, max(longest, last), last, whole)


class Timeline:
    """What is taken of one resource of so many units, from coordinate 0 on."""

    def __init__(self, capacity: float) -> None:
        self.capacity = capacity
        self._blocks = [Block([0.0], [0.0])]
        self._begins = [0.0]

    def first_fit(self, begin: float, duration: float, units: float) -> float:
        """The earliest start from `begin` on at which so many units are free for so many working days."""
        free_at = self.capacity - units + NOISE
        number = max(0, bisect_right(self._begins, begin + NOISE) - 1)
        block = self._blocks[number]
        at = max(0, bisect_right(block.times, begin + NOISE) - 1)
        while True:
            begin, is_found = self._within(block, at, self._end(number), begin, duration, free_at)
            if is_found:
                return begin
            number += 1
            while number < len(self._blocks):  # blocks that are passed over whole
                block, end = self._blocks[number], self._end(number)
                if block.times[0] >= begin + duration - NOISE:
                    return begin
                room = block.room(free_at, end)
                carried = block.times[0] - begin + room.first
                if carried >= duration - NOISE or room.longest >= duration - NOISE or end == float("inf"):
                    break
                if not room.whole:
                    begin = end - room.last
                number += 1
            block, at = self._blocks[number], 0

    def take(self, begin: float, end: float, units: float) -> None:
        """Takes so many units from `begin` to `end`."""
        self._split(begin)
        self._split(end)
        number = max(0, bisect_right(self._begins, begin + NOISE) - 1)
        first = number
        while number < len(self._blocks) and self._begins[number] < end - NOISE:
            block = self._blocks[number]
            for at in range(bisect_left(block.times, begin - NOISE), bisect_left(block.times, end - NOISE)):
                block.used[at] += units
            number += 1
        self._tidy(first, min(number, len(self._blocks) - 1))

    def _within(
        self, block: Block, at: int, end: float, begin: float, duration: float, free_at: float
    ) -> tuple[float, bool]:
        """The start as far as this block decides it, from its stretch `at` on; whether it is found."""
        times, used = block.times, block.used
        for number in range(at, len(times)):
            if times[number] >= begin + duration - NOISE:
                return begin, True
            if used[number] > free_at:
                begin = times[number + 1] if number + 1 < len(times) else end
        return begin, end == float("inf")

    def _end(self, number: int) -> float:
        return self._begins[number + 1] if number + 1 < len(self._begins) else float("inf")

    def _split(self, at: float) -> None:
        """Makes a stretch begin at an instant, unless one begins there already."""
        number = max(0, bisect_right(self._begins, at + NOISE) - 1)
        block = self._blocks[number]
        place = bisect_left(block.times, at - NOISE)
        if place < len(block.times) and block.times[place] <= at + NOISE:
            return
        block.times.insert(place, at)
        block.used.insert(place, block.used[place - 1])

    def _tidy(self, first: int, last: int) -> None:
        """Joins stretches that take the same, divides blocks that are too long, forgets what was measured."""
        for number in range(min(last + 1, len(self._blocks) - 1), max(0, first - 1) - 1, -1):
            block = self._blocks[number]
            block.rooms.clear()
            before = self._blocks[number - 1].used[-1] if number else None
            keep = [at for at, used in enumerate(block.used) if used != (block.used[at - 1] if at else before)]
            if len(keep) < len(block.times):
                block.times, block.used = [block.times[at] for at in keep], [block.used[at] for at in keep]
            if not keep:
                del self._blocks[number], self._begins[number]
                continue
            self._begins[number] = block.times[0]
            if len(keep) > 2 * SIZE:
                half = Block(block.times[SIZE:], block.used[SIZE:])
                del block.times[SIZE:], block.used[SIZE:]
                self._blocks.insert(number + 1, half)
                self._begins.insert(number + 1, half.times[0])
