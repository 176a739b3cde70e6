"""project.status_changed: any transition of a project's status."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from chainbell.rules.ids import HostId
from chainbell.rules.model import Person
from chainbell.rules.transition import Firing, Rule, Transition
from chainbell.rules.words import status_change


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectStatusChanged:
    """The data of project.status_changed; `changed_at` is the instant (UTC) of the change."""

    project_id: HostId
    project_name: str
    previous_status: str
    new_status: str
    changed_by: Person | None
    changed_at: datetime


def decide(step: Transition) -> Iterator[Firing]:
    """Fires where the status differs from the one before; a project that is seen for the first time fires nothing."""
    before, after = step.before, step.after
    if before is None or before.status == after.status:
        return
    payload = ProjectStatusChanged(
        project_id=after.id,
        project_name=after.name,
        previous_status=before.status,
        new_status=after.status,
        changed_by=step.cause.by,
        changed_at=step.now,
    )
    yield Firing(after.id, payload, {"previousStatus": before.status, "newStatus": after.status}, after.revision)


RULE = Rule("project.status_changed", ProjectStatusChanged, decide, explain=status_change)
