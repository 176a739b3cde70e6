"""The vocabulary of state changes: one for library, HTTP API, command line and scenarios."""

from datetime import datetime
from typing import Annotated, Any, Literal, cast

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from chainbell.engine.documents.fields import Document, Id, Instant, Percent, PersonDocument, Text, WorkingDays, invalid
from chainbell.engine.documents.plan import DeliverableDocument, PlanDocument, ProjectStatusField
from chainbell.engine.errors import InvalidInputError
from chainbell.rules import TaskStatus


class _Change(Document):
    """What every change may say; `at` may be left out: the engine's clock then gives it (`dated`)."""

    at: Instant = Field(default=cast("Any", None), validate_default=False)
    by: PersonDocument | None = None
    reason: Text | None = None
    change_id: Annotated[Text, Field(max_length=255)] | None = None
    account_id: Id | None = None


class ProjectUpdate(_Change):
    """A new status of a project."""

    kind: Literal["project.update"]
    project_id: Id
    status: ProjectStatusField
    allow_stale: bool = False


class TaskUpdate(_Change):
    """What is reported of a task: its status, its remaining duration (working days), its percent; at least one."""

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
    """A milestone is achieved, with what it hands over."""

    kind: Literal["milestone.complete"]
    project_id: Id
    milestone_id: Id
    deliverables: tuple[DeliverableDocument, ...] = ()


class Plan(_Change):
    """A project is loaded or re-planned."""

    kind: Literal["plan"]
    plan: PlanDocument


class ClockTick(_Change):
    """Time passes: for one project, or for all Active ones."""

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


def is_for_all(change: Change) -> bool:
    """Whether it is a clock tick for every Active project."""
    return isinstance(change, ClockTick) and change.project_id is None


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
