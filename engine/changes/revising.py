"""What each change does to a project, before the rules evaluate it."""

from dataclasses import dataclass

from chainbell.engine.documents.change import (
    Change,
    ClockTick,
    MilestoneComplete,
    Plan,
    ProjectUpdate,
    TaskUpdate,
)
from chainbell.engine.errors import InvalidInputError, StaleChange
from chainbell.engine.planner import Planner
from chainbell.rules import (
    Cause,
    Project,
    ReportError,
    StaleReportError,
    report_milestone,
    report_project,
    report_task,
)
from chainbell.rules.planning.baseline import replan
from chainbell.rules.planning.notes import replan_notes


@dataclass(frozen=True, slots=True)
class Revision:
    """A project after a change and before the rules evaluate it; the cause that they see; notes on a plan."""

    project: Project
    cause: Cause
    notes: tuple[str, ...] = ()


def revise(project: Project | None, change: Change, planner: Planner) -> Revision:
    """What `change` makes of `project` (None for a plan of a new one).

    Raises InvalidInputError naming field and reason, or StaleChange if the change is older than the last report.
    """
    by = None if change.by is None else change.by.value()
    remaining = None
    if isinstance(change, TaskUpdate) and change.remaining_duration is not None:
        remaining = (change.task_id, change.remaining_duration)
    cause = Cause(change.kind, by, change.reason, change.change_id, remaining)
    if isinstance(change, Plan):
        planned = planner(change.plan, change.at, None if project is None else project.status)
        if project is None:
            return Revision(planned.project, cause, planned.notes)
        notes = (*planned.notes, *replan_notes(project, planned.project))
        return Revision(replan(project, planned.project), cause, notes)
    if project is None:
        raise InvalidInputError("projectId", "there is no such project")
    try:
        return Revision(_reported(project, change), cause)
    except StaleReportError as error:
        raise StaleChange(error.field, error.reason) from None
    except ReportError as error:
        raise InvalidInputError(error.field, error.reason) from None


def _reported(project: Project, change: ProjectUpdate | TaskUpdate | MilestoneComplete | ClockTick) -> Project:
    if isinstance(change, ProjectUpdate):
        return report_project(project, change.at, change.status, allow_stale=change.allow_stale)
    if isinstance(change, MilestoneComplete):
        deliverables = tuple(deliverable.value() for deliverable in change.deliverables)
        return report_milestone(project, change.milestone_id, change.at, deliverables)
    if isinstance(change, TaskUpdate):
        return report_task(
            project,
            change.task_id,
            change.at,
            status=change.status,
            remaining=change.remaining_duration,
            percent=change.percent_complete,
            allow_stale=change.allow_stale,
        )
    return project
