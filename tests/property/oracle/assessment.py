"""A project at one instant: forecast, buffers, zones, completion, projection; everything that the rules look at."""

from datetime import date, datetime
from functools import cached_property

from tests.property.oracle.buffers import BufferState
from tests.property.oracle.calendar import NOISE
from tests.property.oracle.forecast import Forecast
from tests.property.oracle.plan import Buffer, Id
from tests.property.oracle.work import State

PERCENT_NOISE = 1e-9
TREND_FROM = 10
"""Percent of the critical chain from which the trend counts."""


def zone_of(consumption: float, yellow: float, red: float, *, red_includes: bool = False) -> str:
    """Nothing is yellow or red where nothing is taken."""
    if consumption <= PERCENT_NOISE:
        return "green"
    above = consumption >= red - PERCENT_NOISE if red_includes else consumption > red + PERCENT_NOISE
    if above:
        return "red"
    return "yellow" if consumption >= yellow - PERCENT_NOISE else "green"


class Assessment:
    def __init__(self, state: State, instant: datetime) -> None:
        self.state, self.plan, self.instant = state, state.plan, instant
        self.now = state.plan.calendar.coordinate(instant)
        self.forecast = Forecast(state, self.now)
        self.buffers = [BufferState(buffer, self.forecast) for buffer in state.plan.buffers]
        self.project_buffer = self.buffers[0]

    @cached_property
    def consumption(self) -> float:
        return self.project_buffer.consumption

    @cached_property
    def completion(self) -> float:
        """Percent of the critical chain; negative where more is left than was planned."""
        chain = self.plan.critical_chain.tasks
        planned = sum(self.plan.tasks[task].duration for task in chain)
        left = sum(self.state.remaining(task) for task in chain if self.state.work[task].is_unfinished)
        if planned == 0:
            return 0.0 if any(self.state.work[task].is_unfinished for task in chain) else 100.0
        return 100 * (planned - left) / planned

    @property
    def burn_rate(self) -> float | None:
        return self.consumption / self.completion if self.completion > 0 else None

    @property
    def thresholds(self) -> tuple[float, float]:
        """From where on the project is yellow, and red, at the present completion."""
        zones = self.plan.zones
        if zones.policy != "fever":
            return zones.yellow, zones.red
        part = min(100.0, max(0.0, self.completion)) / 100
        yellow, red = (low + (high - low) * part for low, high in (zones.fever_yellow, zones.fever_red))
        return yellow, red

    @property
    def zone(self) -> str:
        return zone_of(self.consumption, *self.thresholds, red_includes=self.plan.zones.policy == "fever")

    @property
    def trend(self) -> float | None:
        """Where the project ends if its buffer goes on as it did; None before that can be said."""
        if self.completion < TREND_FROM - PERCENT_NOISE or self.consumption <= 0:
            return None
        buffer = self.project_buffer
        return buffer.baseline_finish + buffer.buffer.size * self.consumption / self.completion

    @property
    def basis(self) -> str:
        """Which of the two is later."""
        return "trend" if self.trend is not None and self.trend > self.project_buffer.forecast_finish else "forecast"

    @property
    def projected(self) -> float:
        forecast = self.project_buffer.forecast_finish
        return forecast if self.trend is None else max(forecast, self.trend)

    @property
    def promise(self) -> float:
        return self.project_buffer.baseline_finish + self.project_buffer.buffer.size

    # of one task

    @cached_property
    def shares(self) -> dict[Id, tuple[float, Buffer]]:
        """By task that takes something of a buffer downstream, or took it: the largest share, and of which buffer."""
        largest: dict[Id, tuple[float, Buffer]] = {}
        for buffer in self.buffers:
            for task, share in buffer.shares.items():
                if share > 0 and (task not in largest or share > largest[task][0]):
                    largest[task] = share, buffer.buffer
        return largest

    def share(self, task: Id) -> float:
        return self.shares[task][0] if task in self.shares else 0.0

    def task_zone(self, task: Id) -> str:
        return zone_of(self.share(task), self.plan.zones.task_yellow, self.plan.zones.task_red)

    def is_ready(self, task: Id) -> bool:
        """Not started, and nothing holds its start up any more."""
        if self.state.work[task].status != "NotStarted":
            return False
        by_predecessors = self.plan.project.get("readiness", "dates") == "predecessors"
        into = self.plan.links_into(task)
        for link in into:
            work = self.state.work[link.before]
            if work.status == "Cancelled" or link.type in ("FF", "SF"):
                continue
            if not (work.is_complete or (link.type == "SS" and work.has_begun)):
                return False
            since = (self.forecast.finish if link.type == "FS" else self.forecast.start)[link.before]
            if not by_predecessors and since + link.lag > self.now + NOISE:
                return False
        if by_predecessors:
            return True
        planned = self.plan.tasks[task]
        dates = [] if planned.not_before is None else [planned.not_before]
        return all(self._is_reached(day) for day in (dates if into else [*dates, planned.planned_start]))

    def _is_reached(self, start: float) -> bool:
        """A start at an opening is reached on its own day, not at the closing before it."""
        today = self.instant.astimezone(self.plan.calendar.zone).date()
        if start < self.now - NOISE:
            return True
        return start <= self.now + NOISE and today >= self.plan.calendar.start_date(start)

    def is_actionable(self, task: Id) -> bool:
        return self.state.work[task].status in ("InProgress", "OnHold") or self.is_ready(task)

    def runs_over(self, task: Id) -> bool:
        """Takes longer than its own planned duration, whatever its links do."""
        duration = self.plan.tasks[task].duration
        if not self.state.work[task].has_begun:
            return self.state.remaining(task) > duration + NOISE
        return self.forecast.own_finish(task) - self.forecast.start[task] > duration + NOISE

    # as dates

    def due_date(self, task: Id) -> date:
        planned = self.plan.tasks[task]
        if planned.duration == 0:
            return self.plan.calendar.start_date(planned.planned_start)
        return self.plan.calendar.finish_date(planned.planned_finish)

    def estimated_completion(self, task: Id) -> date | None:
        work = self.state.work[task]
        if work.status == "Cancelled":
            return None
        takes = self.forecast.finish[task] - self.forecast.start[task]
        if self.plan.tasks[task].duration == 0 and takes <= NOISE:
            day = self.plan.calendar.start_date(self.forecast.start[task])
        else:
            day = self.plan.calendar.finish_date(self.forecast.finish[task])
        return self.not_before_today(day) if work.is_unfinished else day

    def not_before_today(self, day: date) -> date:
        return max(day, self.plan.calendar.day_of_work(self.instant))

    def finish_date_of(self, coordinate: float, buffer: BufferState) -> date:
        """The day of a finish that a buffer protects; while that is not done no day in the past."""
        day = self.plan.calendar.finish_date(coordinate)
        is_over = not any(self.state.work[task].is_unfinished for task in buffer.protected)
        return day if is_over else self.not_before_today(day)
