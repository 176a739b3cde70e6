"""How much of each buffer is gone, and what share of them each unfinished task takes."""

from functools import cached_property

from tests.property.oracle.calendar import NOISE
from tests.property.oracle.forecast import Forecast
from tests.property.oracle.plan import Buffer, Chain, Id, Plan
from tests.property.oracle.work import State

NO_DELAY = 1e-9
"""Working days."""


def baseline_finish(plan: Plan, chain: Chain) -> float:
    return max(plan.tasks[task].planned_finish for task in chain.tasks)


def percent_of(delay: float, size: float) -> float:
    """Of a buffer of no length, any delay is more than all."""
    if size == 0:
        return 0.0 if delay <= NO_DELAY else 100.0 * (1 + delay)
    return 100.0 * delay / size


def last_of(state: State, chain: Chain) -> Id | None:
    """The task of a chain, not cancelled, that was planned to finish last; the later one of equals."""
    last: Id | None = None
    for task in chain.tasks:
        if state.work[task].status == "Cancelled":
            continue
        planned = state.plan.tasks
        if last is None or planned[task].planned_finish >= planned[last].planned_finish:
            last = task
    return last


def protected_by(forecast: Forecast, chain: Chain) -> list[Id]:
    """The tasks whose finish a buffer protects: its chain's last; for the critical chain every end of the network."""
    state = forecast.state
    last = last_of(state, chain)
    if not chain.is_critical:
        return [] if last is None else [last]
    latest = baseline_finish(state.plan, chain)
    ends = []
    for task, work in state.work.items():
        if work.status == "Cancelled":
            continue
        held = [link for link in state.plan.links if link.before == task and link.type in ("FS", "FF")]
        is_end = all(state.work[link.after].status == "Cancelled" for link in held)
        if work.is_unfinished:  # who went on without it waits for it no more
            is_end = not any(forecast.holds(link) for link in held)
        if task == last or (is_end and state.plan.tasks[task].planned_finish <= latest + NOISE):
            ends.append(task)
    return ends


class BufferState:
    """One buffer at one instant."""

    def __init__(self, buffer: Buffer, forecast: Forecast) -> None:
        self.buffer, self.forecast, self.state = buffer, forecast, forecast.state
        self.plan = self.state.plan
        self.protected = protected_by(forecast, buffer.chain)
        self.baseline_finish = baseline_finish(self.plan, buffer.chain)

    @property
    def is_done(self) -> bool:
        """Nothing that it protects is left to do; for a feeding buffer, nothing of its chain."""
        watched = self.protected if self.buffer.chain.is_critical else self.buffer.chain.tasks
        return not any(self.state.work[task].is_unfinished for task in watched)

    @cached_property
    def forecast_finish(self) -> float:
        return max((self.forecast.finish[task] for task in self.protected), default=self.baseline_finish)

    @cached_property
    def needed(self) -> float:
        """The finish beyond which it is taken."""
        return self.baseline_finish + (max(0.0, self._slip()) if self.buffer.measure == "gap" else 0.0)

    @property
    def consumption(self) -> float:
        """Percent; negative where there is more room than planned."""
        if not self.protected:
            return 0.0
        if self.buffer.measure == "overage":
            return percent_of(sum(map(self._overage, self.buffer.chain.tasks)), self.buffer.size)
        return percent_of(self.forecast_finish - self.needed, self.buffer.size)

    def _overage(self, task: Id) -> float:
        work, planned = self.state.work[task], self.plan.tasks[task]
        if work.status == "Cancelled" or (work.is_complete and not work.has_begun):
            return 0.0
        elapsed = 0.0
        if work.has_begun:
            until = self.forecast.finish[task] if work.is_complete else self.forecast.now
            elapsed = until - self.forecast.start[task]
        return elapsed + self.state.remaining(task) - planned.duration

    def _slip(self) -> float:
        """How far what lies outside the chain pushes the joined task behind its planned start."""
        joined = self.buffer.chain.joins
        if joined is None:
            return 0.0
        work, planned = self.state.work[joined], self.plan.tasks[joined]
        if work.has_begun or not work.is_unfinished:
            if work.started is None:
                return 0.0
            return self.plan.calendar.coordinate(work.started) - planned.planned_start
        bounds = []
        for link in self.plan.links_into(joined):
            if link.before in self.buffer.chain.tasks or self.state.work[link.before].status == "Cancelled":
                continue
            asked = self.forecast.asked(link, self.forecast.start[link.before], self.forecast.finish[link.before])
            bounds.append(asked - self.state.remaining(joined))
        if bounds and planned.not_before is not None:
            bounds.append(planned.not_before)
        return max(bounds) - planned.planned_start if bounds else 0.0

    @cached_property
    def shares(self) -> dict[Id, float]:
        """By task from which delay comes through to what is protected: the percentage that it takes or took."""
        if self.is_done and not self.buffer.chain.is_critical:
            return {}
        taken: dict[Id, float] = {}
        for end in self.protected:
            for task, tail in self.forecast.tails(end).items():
                delay = self.forecast.finish[task] + tail - self.needed
                delay = delay if delay > NO_DELAY else 0.0
                taken[task] = max(taken.get(task, 0.0), percent_of(delay, self.buffer.size))
        return taken
