"""The vocabulary of state changes, one for library, command line and scenarios; and what each does to a project."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, cast

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from chainbell.engine.documents import Document, Id, Instant, Percent, PersonDocument, Text, WorkingDays, invalid
from chainbell.engine.errors import InvalidInputError, StaleChange
from chainbell.engine.plan_documents import DeliverableDocument, PlanDocument, ProjectStatusField
from chainbell.engine.plans import plan_project
from chainbell.rules import (
    Cause,
    Project,
    ReportError,
    StaleReportError,
    TaskStatus,
    report_milestone,
    report_project,
    report_task,
)
from chainbell.rules.baseline import replan


class _Change(Document):
    """What every change may say; `at` may be left out: the engine's clock then gives it (`dated`)."""

    at: Instant = Field(default=cast("Any", None), validate_default=False)
    by: PersonDocument | None = None
    reason: Text | None = None
    change_id: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    account_id: Id | None = None


class ProjectUpdate(_Change):
    kind: Literal["project.update"]
    project_id: Id
    status: ProjectStatusField
    allow_stale: bool = False


class TaskUpdate(_Change):
    kind: Literal["task.update"]
    project_id: Id
    task_id: Id
    status: TaskStatus | None = None
    remaining_duration: WorkingDays | None = None
    percent_complete: Percent | None = None
    allow_stale: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> "TaskUpdate":
        if self.status is None and self.remaining_duration is None and self.percent_complete is None:
            raise ValueError("one of status, remainingDuration and percentComplete is needed")
        return self


class MilestoneComplete(_Change):
    kind: Literal["milestone.complete"]
    project_id: Id
    milestone_id: Id
    deliverables: tuple[DeliverableDocument, ...] = ()


class Plan(_Change):
    kind: Literal["plan"]
    plan: PlanDocument


class ClockTick(_Change):
    kind: Literal["clock"]
    project_id: Id | None = None


Change = Annotated[ProjectUpdate | TaskUpdate | MilestoneComplete | Plan | ClockTick, Field(discriminator="kind")]
_CHANGE: TypeAdapter[Change] = TypeAdapter(Change)


def dated(change: Change, now: datetime) -> Change:
    """The change with its instant, `now` where none was given."""
    if change.at is not None:
        return change
    filled = change.model_copy(update={"at": now})
    filled.model_fields_set.discard("at")  # it was not said: the same change sent again is the same still
    return filled


def read_change(document: Any) -> Change:
    """A checked change; raises InvalidInputError naming the first wrong field."""
    if isinstance(document, _Change):
        return document  # type: ignore[return-value]
    if not isinstance(document, dict):
        raise InvalidInputError("change", "a JSON object is needed")
    try:
        return _CHANGE.validate_python(document)
    except ValidationError as error:
        raise invalid(error) from None


@dataclass(frozen=True, slots=True)
class Revision:
    """A project as a change leaves it, before the rules have looked; the cause for them to see; notes on a plan."""

    project: Project
    cause: Cause
    notes: tuple[str, ...] = ()


def revise(project: Project | None, change: Change) -> Revision:
    """What `change` makes of `project` (None for a plan of a new one).

    Raises InvalidInputError naming field and reason, StaleChange for one older than what is known.
    """
    by = None if change.by is None else change.by.value()
    remaining = None
    if isinstance(change, TaskUpdate) and change.remaining_duration is not None:
        remaining = (change.task_id, change.remaining_duration)
    cause = Cause(change.kind, by, change.reason, change.change_id, remaining)
    if isinstance(change, Plan):
        planned = plan_project(change.plan, change.at)
        after = planned.project if project is None else replan(project, planned.project)
        return Revision(after, cause, planned.notes)
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
