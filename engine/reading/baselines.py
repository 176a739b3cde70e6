"""The baselines of a project: what each promised, and what it changed against the one before."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chainbell.rules.planning.differences import Difference, differences
from chainbell.storage.history import KeptBaseline


@dataclass(frozen=True, slots=True)
class Baseline:
    """A baseline: when it was made, what it changed (the first one nothing), the plan document as it was given.

    `planned` is the plan as it was planned, in the same form with dates, chains, buffers and resource links spelt out
    (None in databases from before it was kept), `notes` what was said of it.
    """

    number: int
    made_at: datetime
    changes: tuple[Difference, ...]
    plan: dict[str, Any]
    planned: dict[str, Any] | None
    notes: tuple[str, ...]


def baselines_of(kept: Iterable[KeptBaseline]) -> list[Baseline]:
    """The baselines that were kept, in their order. Nothing is planned anew.

    Where one of two was not kept as it was planned, the documents are compared as they were given.
    """
    found: list[Baseline] = []
    before: KeptBaseline | None = None
    for one in kept:
        changes: tuple[Difference, ...] = ()
        if before is not None and before.planned is not None and one.planned is not None:
            changes = differences(before.planned, one.planned)
        elif before is not None:
            changes = differences(before.plan, one.plan)
        found.append(Baseline(one.number, one.made_at, changes, one.plan, one.planned, tuple(one.notes or ())))
        before = one
    return found
