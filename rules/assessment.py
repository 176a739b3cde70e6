"""Everything the rules look at, derived from a project at one instant."""

from dataclasses import dataclass

from chainbell.rules.buffers import BufferState, buffer_states
from chainbell.rules.forecast import OVER, Forecast, forecast
from chainbell.rules.model import Project
from chainbell.rules.tails import TaskConsumption, task_consumptions
from chainbell.rules.zones import NOISE, Zone

TREND_FROM = 10.0
"""Percent of the critical chain that must be done before the burn rate is extrapolated."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything the rules look at, derived from a project at one instant.

    `completion` is percent of the critical chain; `burn_rate` is `project.consumption` (percent) over it, None before
    any of the chain is done. `projected_finish` is a coordinate, and `projection_basis` tells whether it comes from
    the `trend` or the `forecast`. `buffers` begin with the project buffer; `tasks` are by position.
    """

    forecast: Forecast
    buffers: tuple[BufferState, ...]
    tasks: tuple[TaskConsumption, ...]
    completion: float
    burn_rate: float | None
    zone: Zone
    projected_finish: float
    projection_basis: str

    @property
    def last_finish(self) -> float:
        """The coordinate of the latest forecast finish of any task, or of the projected finish if that is later."""
        return max([self.projected_finish, *self.forecast.finish])  # a cancelled task's NaN is never larger

    @property
    def project(self) -> BufferState:
        """The project buffer's state."""
        return self.buffers[0]


def assess(project: Project, now: float) -> Assessment:
    """The state of every buffer and task at the coordinate `now`.

    The projected finish is `max(E^, E0 + B * c / x)` once at least `TREND_FROM` percent of the critical chain is done
    and some of the buffer is consumed, and the forecast finish E^ before that.
    """
    ahead = forecast(project, now)
    states = buffer_states(project, ahead)
    c = states[0].consumption
    x = chain_completion(project, ahead)
    forecast_finish, baseline_finish = states[0].forecast_finish, states[0].baseline_finish
    projected, basis = forecast_finish, "forecast"
    if c > 0 and x >= TREND_FROM - NOISE:
        trend = baseline_finish + states[0].buffer.size * c / x
        if trend > projected:
            projected, basis = trend, "trend"
    return Assessment(
        ahead,
        states,
        task_consumptions(project, ahead, states),
        x,
        c / x if x > 0 else None,
        project.zones.project_zone(c, x),
        projected,
        basis,
    )


def chain_completion(project: Project, ahead: Forecast) -> float:
    """Percent of the critical chain done, `100 * (L0 - sum of remaining) / L0` (Sciforma); negative if more is left
    than was planned.

    A chain of no length is done when its tasks are.
    """
    where, tasks = project.network.positions, project.tasks
    positions = [where[task_id] for task_id in project.critical_chain.tasks]
    length = sum([tasks[position].duration for position in positions])
    left = sum([ahead.remaining[position] for position in positions])
    if length == 0:
        return 100.0 if all(ahead.phase[position] >= OVER for position in positions) else 0.0
    return 100.0 * (length - left) / length
