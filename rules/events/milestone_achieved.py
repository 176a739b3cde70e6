"""milestone.achieved: a milestone is marked complete, once in a baseline."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from chainbell.rules.ids import HostId
from chainbell.rules.model import Deliverable, Person
from chainbell.rules.transition import Firing, Rule, Transition
from chainbell.rules.words import days_early


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneAchieved:
    """The data of milestone.achieved.

    `days_early` is calendar days, negative for a late milestone, None for one without a planned date.
    """

    milestone_id: HostId
    milestone_name: str
    project_id: HostId
    project_name: str
    achieved_date: date
    planned_date: date | None
    days_early: int | None
    completed_by: Person | None
    linked_deliverables: tuple[Deliverable, ...]


def decide(step: Transition) -> Iterator[Firing]:
    """Fires for each milestone that is achieved now and was not before; a milestone new to the plan fires nothing."""
    before = {milestone.id: milestone for milestone in step.before.milestones} if step.before else {}
    for milestone in step.after.milestones:
        old = before.get(milestone.id)
        if milestone.achieved_at is None or old is None or old.achieved_at is not None:
            continue
        achieved = step.after.calendar.local_date(milestone.achieved_at)
        payload = MilestoneAchieved(
            milestone_id=milestone.id,
            milestone_name=milestone.name,
            project_id=step.after.id,
            project_name=step.after.name,
            achieved_date=achieved,
            planned_date=milestone.planned_date,
            days_early=None if milestone.planned_date is None else (milestone.planned_date - achieved).days,
            completed_by=step.cause.by,
            linked_deliverables=milestone.deliverables,
        )
        yield Firing(milestone.id, payload, {"plannedDate": milestone.planned_date})


def explain(why: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Tells how many calendar days early or late the milestone was achieved."""
    return "no planned date" if data["daysEarly"] is None else days_early(data["daysEarly"])


RULE = Rule("milestone.achieved", MilestoneAchieved, decide, latched=True, explain=explain)
