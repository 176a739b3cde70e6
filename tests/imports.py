"""The small files of `fixtures/imports/`, and what is planned from a file."""

from datetime import date
from pathlib import Path
from typing import NamedTuple

from chainbell.engine.documents.plan import read_plan
from chainbell.engine.importers import Comparison, Imported, compare, completed, import_plan
from chainbell.engine.planner import plan_project
from chainbell.rules.planning.planning import Planned
from tests.plans import MONDAY

IMPORTS = Path(__file__).parents[1] / "fixtures" / "imports"


class Read(NamedTuple):
    imported: Imported
    planned: Planned
    comparison: Comparison

    def task(self, number: int = 0) -> dict[str, object]:
        found: dict[str, object] = self.imported.document["tasks"][number]
        return found


def planned_from(data: bytes, name: str, **choices: object) -> Read:
    """A file's bytes through import, plan and comparison, as the command line takes them."""
    imported = completed(import_plan(data, name, **choices), name, date(2026, 1, 5))  # type: ignore[arg-type]
    document = read_plan(imported.document)
    planned = plan_project(document, MONDAY)
    return Read(imported, planned, compare(imported, document, planned.project))


def case(name: str, **choices: object) -> Read:
    return planned_from((IMPORTS / name).read_bytes(), Path(name).name, **choices)
