"""project.started: a project goes from Planning to Active."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from chainbell.rules.ids import HostId
from chainbell.rules.model import ProjectStatus
from chainbell.rules.transition import Firing, Rule, Transition
from chainbell.rules.words import status_change


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectStarted:
    """The data of project.started; `buffer_size` and `critical_chain_length` are working days."""

    project_id: HostId
    project_name: str
    start_date: date
    target_end_date: date | None
    manager_id: HostId | None
    manager_name: str | None
    manager_email: str | None
    buffer_size: float
    critical_chain_length: float
    team_size: int | None


def decide(step: Transition) -> Iterator[Firing]:
    """Fires on the change from Planning to Active; the chain's length is the sum of its planned durations."""
    before, after = step.before, step.after
    if before is None or (before.status, after.status) != (ProjectStatus.PLANNING, ProjectStatus.ACTIVE):
        return
    manager = after.manager
    chain = [after.tasks[after.position(task_id)] for task_id in after.critical_chain.tasks]
    payload = ProjectStarted(
        project_id=after.id,
        project_name=after.name,
        start_date=after.start_date,
        target_end_date=after.target_end_date,
        manager_id=manager.id if manager else None,
        manager_name=manager.name if manager else None,
        manager_email=manager.email if manager else None,
        buffer_size=after.project_buffer.size,
        critical_chain_length=sum(task.duration for task in chain),
        team_size=after.team_size,
    )
    yield Firing(after.id, payload, {"previousStatus": before.status, "newStatus": after.status}, after.revision)


RULE = Rule("project.started", ProjectStarted, decide, explain=status_change)
