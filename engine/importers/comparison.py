"""Compares the dates that chainbell plans by precedence alone with those that the file holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from chainbell.engine.documents.plan import PlanDocument
from chainbell.engine.importers.imported import Imported, Reason
from chainbell.rules import Calendar, HostId, Link, Project, Task, TaskStatus, compile_network
from chainbell.rules.calendar import NOISE
from chainbell.rules.planning.schedule import as_reported, forward

SAME_SECONDS = 60
"""Seconds of working time within which two instants count as equal: files give whole minutes."""


@dataclass(frozen=True, slots=True)
class FirstDifference:
    """The earliest task whose dates differ, and the likely reason.

    `end` is `start` or `finish`; `days` are working days, positive where the plan is later than the file.
    """

    task_id: HostId
    name: str
    end: str
    days: float
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """`equal` of `compared` tasks have the file's own dates; `first` is None where they all do."""

    equal: int
    compared: int
    first: FirstDifference | None = None

    def text(self) -> str:
        """One sentence for the user: how many dates are equal, and where, by how much and why they differ first."""
        if not self.compared:
            return "the file holds no dates to compare with"
        text = f"dates equal for {self.equal} of {self.compared} tasks"
        if self.first is None:
            return text
        first = self.first
        side = "later" if first.days > 0 else "earlier"
        by = f"by {abs(first.days):.4g} working days ({first.end} {side} than in the file)"
        return f"{text}; differs first at {first.task_id} ({first.name[:60]}), {by}, probably because {first.reason}"


def compare(imported: Imported, plan: PlanDocument, project: Project) -> Comparison:
    """Compares every task for which the file holds dates with the plan's dates by precedence alone.

    Work that is done keeps its actual dates, what is left of work under way counts from the plan's status date, and
    work not begun takes its remaining duration. Links and release dates do the rest; resources are ignored.
    """
    calendar = project.calendar
    tasks, starts, finishes = _planned(plan, project)
    differing: list[tuple[float, int, str, float]] = []
    compared = 0
    for position, task in enumerate(tasks):
        told = imported.dates.get(task.id)
        if told is None:
            continue
        compared += 1
        length = finishes[position] - starts[position]
        for end, at, planned in (("start", told.start, starts[position]), ("finish", told.finish, finishes[position])):
            days = _difference(calendar, end, at, planned, length)
            if days:
                differing.append((_coordinate(calendar, "start", told.start or told.finish), position, end, days))
                break
    if not differing:
        return Comparison(compared, compared)
    order = {position: number for number, position in enumerate(project.network.order)}
    _, position, end, days = min(differing, key=lambda one: (one[0], order[one[1]]))
    task = project.tasks[position]
    reason = _reason(imported.reasons, task, end, days)
    first = FirstDifference(task.id, task.name, end, days, reason)
    return Comparison(compared - len(differing), compared, first)


def _planned(plan: PlanDocument, project: Project) -> tuple[list[Task], list[float], list[float]]:
    """The tasks, and their starts and finishes by precedence alone, in working days from the project's start."""
    tasks = [as_reported(task) for task in project.tasks]
    network = compile_network(tasks, [Link(link.from_, link.to, link.type, link.lag, None) for link in plan.links])
    start, finish = forward(tasks, network, {})
    return tasks, start, finish


def _coordinate(calendar: Calendar, end: str, at: datetime | date | None) -> float:
    if isinstance(at, datetime):
        return calendar.coordinate(at.replace(tzinfo=UTC))
    if at is None:
        return 0.0
    return calendar.start_of(at) if end == "start" else calendar.finish_of(at)


def _difference(calendar: Calendar, end: str, at: datetime | date | None, planned: float, length: float) -> float:
    """Working days by which the planned end is later than the file's, 0 where the file gives none.

    Where the file gives dates without times, a task of no length between two days may have the date of either.
    """
    if at is None:
        return 0.0
    if isinstance(at, datetime):
        days = planned - _coordinate(calendar, end, at)
        return 0.0 if abs(days) * _day_seconds(calendar) <= SAME_SECONDS else days
    opening, closing = calendar.start_date(planned), calendar.finish_date(planned)
    shown = opening if end == "start" else closing
    if at == shown or (abs(length) < NOISE and at in (opening, closing)):
        return 0.0
    return calendar.start_of(shown) - calendar.start_of(at)


def _day_seconds(calendar: Calendar) -> int:
    """Seconds of work in a working day."""
    minutes = ((o.hour * 60 + o.minute, 1440 if c is None else c.hour * 60 + c.minute) for o, c in calendar.hours)
    return sum(60 * (closes - opens) for opens, closes in minutes)


def _reason(reasons: Mapping[HostId, tuple[Reason, ...]], task: Task, end: str, days: float) -> str:
    """The importer's reasons for the task, else a reason that the kind of difference suggests."""
    known = [one.text for one in reasons.get(task.id, ()) if end == "finish" or not one.moves_finish_only]
    if known:
        return "; ".join(known)
    if task.status not in (TaskStatus.NOT_STARTED, TaskStatus.CANCELLED):
        return "of its progress: the file counts the work left from another date than the status date"
    if end == "finish":
        return "its duration does not fill the time between its own dates in the file"
    if days < 0:
        return "the file starts it later than its links and dates ask: levelled there, or moved by hand"
    return "the file starts it before its links allow: moved by hand, or they were added later"
