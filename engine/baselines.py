"""The baselines of a project: what each promised, and what it changed against the one before."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chainbell.engine.plan_documents import PlanDocument
from chainbell.engine.plans import project_of
from chainbell.rules import Project
from chainbell.rules.differences import Difference, differences


@dataclass(frozen=True, slots=True)
class Baseline:
    """A kept plan document, when it was made, and what it changed; the first baseline changed nothing."""

    number: int
    made_at: datetime
    changes: tuple[Difference, ...]
    plan: dict[str, Any]


def baselines_of(kept: Iterable[tuple[int, datetime, dict[str, Any]]]) -> list[Baseline]:
    """The baselines of kept plans (number, instant, document), in their order."""
    found: list[Baseline] = []
    before: Project | None = None
    for number, made_at, plan in kept:
        after = project_of(PlanDocument.model_validate(plan))
        found.append(Baseline(number, made_at, () if before is None else differences(before, after), plan))
        before = after
    return found
