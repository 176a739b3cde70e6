"""The change documents as static types: what `apply` takes, field by field, for hosts that check their types.

`read_change` checks the same at run time; a test compares the fields of both.
"""

from typing import Any, Literal, NotRequired, TypedDict

from chainbell.rules import HostId


class PersonFields(TypedDict):
    """A person; the e-mail address may be left out."""

    id: HostId
    name: str
    email: NotRequired[str | None]


class _SharedFields(TypedDict):
    at: NotRequired[str]
    by: NotRequired[PersonFields | None]
    reason: NotRequired[str | None]
    changeId: NotRequired[str | None]
    accountId: NotRequired[HostId | None]


class ProjectUpdateFields(_SharedFields):
    """A project's new status. `at` is ISO 8601 with an offset; without it the change happens now."""

    kind: Literal["project.update"]
    projectId: HostId
    status: Literal["Planning", "Active", "Frozen", "OnHold", "Complete"]
    allowStale: NotRequired[bool]


class TaskUpdateFields(_SharedFields):
    """What is reported of a task: at least one of the three. Durations are working days, percent is 0..100."""

    kind: Literal["task.update"]
    projectId: HostId
    taskId: HostId
    status: NotRequired[Literal["NotStarted", "InProgress", "OnHold", "Completed", "Cancelled"] | None]
    remainingDuration: NotRequired[float | None]
    percentComplete: NotRequired[float | None]
    allowStale: NotRequired[bool]


class DeliverableFields(TypedDict):
    """A deliverable of a milestone."""

    id: HostId
    name: str
    status: NotRequired[str]


class MilestoneCompleteFields(_SharedFields):
    """A milestone is achieved."""

    kind: Literal["milestone.complete"]
    projectId: HostId
    milestoneId: HostId
    deliverables: NotRequired[list[DeliverableFields]]


class PlanFields(_SharedFields):
    """A project is loaded or re-planned; the plan document is checked at run time."""

    kind: Literal["plan"]
    plan: dict[str, Any]


class ClockFields(_SharedFields):
    """Time passes, for one project or for all Active ones."""

    kind: Literal["clock"]
    projectId: NotRequired[HostId | None]


ChangeFields = ProjectUpdateFields | TaskUpdateFields | MilestoneCompleteFields | PlanFields | ClockFields
"""A change document of any kind."""
