"""The three alarms that are latched, and when they are armed again."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from tests.property.oracle.assessment import PERCENT_NOISE, Assessment
from tests.property.oracle.plan import Id, Plan
from tests.property.oracle.work import State


@dataclass
class Alarms:
    """What has rung in a baseline, and who was red when it was last looked at while the project was Active."""

    ready: set[Id] = field(default_factory=set)
    red: set[Id] = field(default_factory=set)
    warned: bool = False
    red_before: set[Id] = field(default_factory=set)

    def only(self, tasks: set[Id]) -> "Alarms":
        return Alarms(self.ready & tasks, self.red & tasks, self.warned, self.red_before & tasks)


@dataclass
class Rung:
    """What one evaluation rings."""

    ready: list[Id] = field(default_factory=list)
    red: list[Id] = field(default_factory=list)
    warning: bool = False


def margin_points(margin: float, size: float | None) -> float:
    """Points of a buffer that consumption has to fall below its threshold: a working day of it at least."""
    if margin == 0 or size is None:
        return margin
    return max(margin, 100 / size if size else inf)


def _is_low_again(consumption: float, threshold: float, margin: float) -> bool:
    return consumption < threshold - margin - PERCENT_NOISE or consumption <= PERCENT_NOISE


def look(alarms: Alarms, seen: Assessment) -> Rung:
    """Rings what has to ring and keeps it in `alarms`; only an Active project rings or is armed again."""
    rung = Rung()
    if seen.state.status != "Active":
        return rung
    rung.ready = [task for task in seen.plan.tasks if task not in alarms.ready and seen.is_ready(task)]
    alarms.ready.update(rung.ready)
    red_now = set(_above(seen))
    for task in seen.plan.tasks:
        if task in alarms.red:
            if _is_armed_again(seen, task):
                alarms.red.remove(task)
        elif task in red_now and seen.is_actionable(task) and _rings(alarms, seen, task):
            rung.red.append(task)
    alarms.red.update(rung.red)
    alarms.red_before = red_now
    rung.warning = _warning(alarms, seen)
    return rung


def _rings(alarms: Alarms, seen: Assessment, task: Id) -> bool:
    """Who was red already while nothing could be done about it rings only for what it adds itself."""
    inherited = task in alarms.red_before and not seen.runs_over(task)
    return not inherited or bool(seen.plan.project.get("inheritedRed", False))


def _above(seen: Assessment) -> Iterator[Id]:
    for task, (share, _) in seen.shares.items():
        if seen.state.work[task].is_unfinished and share > seen.plan.zones.task_red + PERCENT_NOISE:
            yield task


def _is_armed_again(seen: Assessment, task: Id) -> bool:
    if not seen.state.work[task].is_unfinished:
        return True
    size = seen.shares[task][1].size if task in seen.shares else None
    zones = seen.plan.zones
    return _is_low_again(seen.share(task), zones.task_red, margin_points(zones.margin, size))


def _warning(alarms: Alarms, seen: Assessment) -> bool:
    if alarms.warned:
        margin = margin_points(seen.plan.zones.margin, seen.project_buffer.buffer.size)
        alarms.warned = not _is_low_again(seen.consumption, seen.thresholds[0], margin)
        return False
    alarms.warned = seen.zone != "green" and not seen.project_buffer.is_done
    return alarms.warned


def keeps_alarms(old: Plan, new: Plan) -> bool:
    """Whether a re-plan leaves everything as it is that the alarms depend on."""
    return _substance(old) == _substance(new)


def _substance(plan: Plan) -> object:
    tasks = {
        task.id: (task.duration, task.planned_start, task.planned_finish, task.not_before)
        for task in plan.tasks.values()
    }
    links = sorted(repr(link) for link in plan.links)
    return tasks, links, plan.chains, plan.buffers, plan.zones, plan.project.get("calendar"), plan.project["startDate"]


def alarms_after(old: Alarms, before: State, plan: Plan) -> Alarms:
    """The alarms with which a new baseline begins."""
    return old.only(set(plan.tasks)) if keeps_alarms(before.plan, plan) else Alarms()
