"""When each task is going to start and finish, found by walking every path of links that ends in it."""

from functools import cached_property

from tests.property.oracle.plan import Id, Link
from tests.property.oracle.work import State


class Forecast:
    """Coordinates at one instant; tasks that are cancelled have none."""

    def __init__(self, state: State, now: float) -> None:
        self.state, self.plan, self.now = state, state.plan, now

    def is_waiting(self, task: Id) -> bool:
        """Unfinished, and nothing has been done of it yet: its start still moves."""
        work = self.state.work[task]
        return work.is_unfinished and not work.has_begun

    def own_start(self, task: Id) -> float:
        """Of a waiting task: the earliest start that no link asks for."""
        planned = self.plan.tasks[task]
        floors = [self.now]
        if planned.not_before is not None:
            floors.append(planned.not_before)
        if not self.plan.links_into(task):
            floors.append(planned.planned_start)
        return max(floors)

    def own_finish(self, task: Id) -> float:
        """The finish that the task would have if no link held it."""
        work, remaining = self.state.work[task], self.state.remaining(task)
        if work.is_complete:
            return self._coordinate_of_finish(task)
        if not work.has_begun:
            return self.own_start(task) + remaining
        if work.status == "OnHold" or self.state.is_frozen or work.counted_from is None:
            return self.now + remaining
        return max(self.now, self.plan.calendar.coordinate(work.counted_from) + remaining)

    def _coordinate_of_finish(self, task: Id) -> float:
        finished = self.state.work[task].finished
        assert finished is not None
        return self.plan.calendar.coordinate(finished)

    def actual_start(self, task: Id) -> float | None:
        """Of a task that has begun; a finished one of which no start is known has taken its planned duration."""
        work = self.state.work[task]
        if work.started is not None:
            return self.plan.calendar.coordinate(work.started)
        return self._coordinate_of_finish(task) - self.plan.tasks[task].duration if work.is_complete else None

    def asked(self, link: Link, start: float, finish: float) -> float:
        """What a link asks of the finish of the task it leads to, for a start and a finish of the one before."""
        bound = (finish if link.type in ("FS", "FF") else start) + link.lag
        return bound + self.state.remaining(link.after) if link.type in ("FS", "SS") else bound

    def holds(self, link: Link) -> bool:
        """Whether a link still has something ahead that it can hold: a start to come or a finish to come."""
        if self.state.work[link.before].status == "Cancelled":
            return False
        return self.is_waiting(link.after) if link.type in ("FS", "SS") else self.state.work[link.after].is_unfinished

    @cached_property
    def passed_on(self) -> dict[Link, float]:
        """By link that passes delay on: how far behind the one finish the other must lie."""
        amounts = {}
        for link in self.plan.links:
            if not self.holds(link):
                continue
            if link.type in ("SS", "SF") and not self.is_waiting(link.before):
                continue
            amounts[link] = self.asked(link, -self.state.remaining(link.before), 0.0)
        return amounts

    def _entry(self, link: Link) -> float:
        """What the first link of a path asks, from what its first task is by itself."""
        finish = self.own_finish(link.before)
        start = self.actual_start(link.before)
        return self.asked(link, finish - self.state.remaining(link.before) if start is None else start, finish)

    @cached_property
    def finish(self) -> dict[Id, float]:
        found = {}
        entries = {link: self._entry(link) for link in self.plan.links if self.holds(link)}
        for task, work in self.state.work.items():
            if work.status == "Cancelled":
                continue
            found[task] = self.own_finish(task)
            if work.is_complete:
                continue
            for first, *rest in self.plan.paths[task]:
                if first in entries and all(link in self.passed_on for link in rest):
                    found[task] = max(found[task], entries[first] + sum(self.passed_on[link] for link in rest))
        return found

    @cached_property
    def start(self) -> dict[Id, float]:
        """The actual start, or for what has not begun its remaining duration before its finish."""
        return {task: self._start(task, finish) for task, finish in self.finish.items()}

    def _start(self, task: Id, finish: float) -> float:
        actual = self.actual_start(task)
        return finish - self.state.remaining(task) if actual is None else actual

    def tails(self, end: Id) -> dict[Id, float]:
        """For `end` and every task from which delay comes through to it: the longest way from finish to finish."""
        longest = {end: 0.0}
        for path in self.plan.paths[end]:
            if all(link in self.passed_on for link in path):
                length = sum(self.passed_on[link] for link in path)
                first = path[0].before
                longest[first] = max(longest.get(first, length), length)
        return longest
