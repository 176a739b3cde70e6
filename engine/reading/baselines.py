"""The baselines of a project: what each one promised, and what it changed from the previous one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chainbell.rules.planning.differences import Difference, differences
from chainbell.storage.history import KeptBaseline


@dataclass(frozen=True, slots=True)
class Baseline:
    """A baseline: when it was made, what it changed (nothing for the first), and the plan document as given.

    `planned` is the plan as it was planned: the same form with dates, chains, buffers and resource links written out.
    It is None for baselines of versions that did not store it. `notes` says what was derived.
    """

    number: int
    made_at: datetime
    changes: tuple[Difference, ...]
    plan: dict[str, Any]
    planned: dict[str, Any] | None
    notes: tuple[str, ...]


def baselines_of(kept: Iterable[KeptBaseline]) -> list[Baseline]:
    """The stored baselines, in order. Nothing is planned again.

    If one of two was not stored as planned, their documents are compared as given.
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
