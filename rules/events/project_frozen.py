"""project.frozen: a project's status becomes Frozen."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from chainbell.rules.ids import HostId
from chainbell.rules.model import Person, ProjectStatus
from chainbell.rules.transition import Firing, Rule, Transition
from chainbell.rules.words import status_change


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFrozen:
    """The data of project.frozen; `changed_at` is the instant (UTC) of the change."""

    project_id: HostId
    project_name: str
    previous_status: str
    new_status: str
    changed_by: Person | None
    changed_at: datetime
    reason: str | None


def decide(step: Transition) -> Iterator[Firing]:
    """Fires on each change to Frozen; the project's revision tells one freeze from the next."""
    before, after = step.before, step.after
    if before is None or before.status == after.status or after.status != ProjectStatus.FROZEN:
        return
    payload = ProjectFrozen(
        project_id=after.id,
        project_name=after.name,
        previous_status=before.status,
        new_status=after.status,
        changed_by=step.cause.by,
        changed_at=step.now,
        reason=step.cause.reason,
    )
    yield Firing(after.id, payload, {"previousStatus": before.status, "newStatus": after.status}, after.revision)


RULE = Rule("project.frozen", ProjectFrozen, decide, explain=status_change)
