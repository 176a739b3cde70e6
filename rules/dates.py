"""Forecasts as dates: work that is not finished is never dated before the working day of now."""

from datetime import date, datetime

from chainbell.rules.assessment import Assessment
from chainbell.rules.buffers import BufferState
from chainbell.rules.calendar import NOISE
from chainbell.rules.forecast import OVER
from chainbell.rules.ids import HostId
from chainbell.rules.model import Project


class ForecastDates:
    """The dates of one assessment, made at the instant `at`."""

    def __init__(self, project: Project, seen: Assessment, at: datetime) -> None:
        self._project = project
        self._seen = seen
        self._today = project.calendar.working_date(at)

    def completion(self, task_id: HostId) -> date | None:
        """The forecast finish of a task; None for a cancelled one. A task of no length is dated by its start."""
        position = self._project.position(task_id)
        ahead, calendar = self._seen.forecast, self._project.calendar
        start, finish = ahead.start[position], ahead.finish[position]
        if finish != finish:
            return None
        is_point = finish - start <= NOISE and self._project.tasks[position].duration == 0
        dated = calendar.start_date(start) if is_point else calendar.finish_date(finish)
        return dated if ahead.phase[position] is OVER else max(self._today, dated)

    def protected(self, state: BufferState) -> date:
        """The forecast finish of what a buffer protects."""
        phase = self._seen.forecast.phase
        return self._dated(state.forecast_finish, is_done=all(phase[end] is OVER for end in state.ends))

    @property
    def projected(self) -> date:
        """The projected completion of the project: its forecast or, where that is later, its trend."""
        return self._dated(self._seen.projected_finish, is_done=self._seen.project.is_done)

    @property
    def promise(self) -> date:
        """The finish that the baseline promises: the critical chain's planned finish plus the project buffer."""
        main = self._seen.project
        return self._project.calendar.finish_date(main.baseline_finish + main.buffer.size)

    def days_late(self) -> int:
        """Calendar days from the target (the promise if there is none) to the projected completion; never negative."""
        due = self._project.target_end_date or self.promise
        return max(0, (self.projected - due).days)

    def _dated(self, coordinate: float, *, is_done: bool) -> date:
        dated = self._project.calendar.finish_date(coordinate)
        return dated if is_done else max(self._today, dated)
