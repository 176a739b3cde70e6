"""The public interface: `Engine` takes state changes and produces events, signals and deliveries.

Names are imported when they are first used, so that `chainbell --help` does not load a database driver.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainbell.engine.audit import Actor, AuditLine
    from chainbell.engine.documents.change import read_change
    from chainbell.engine.documents.change_types import (
        ChangeFields,
        ClockFields,
        MilestoneCompleteFields,
        PlanFields,
        ProjectUpdateFields,
        TaskUpdateFields,
    )
    from chainbell.engine.documents.plan import read_plan
    from chainbell.engine.engine import Engine, Outcome
    from chainbell.engine.errors import (
        ChainbellError,
        ConflictError,
        EvaluationError,
        InvalidInputError,
        NotFoundError,
        StaleChange,
        StorageError,
        UnknownOutcomeError,
    )
    from chainbell.engine.logs import configure_logging
    from chainbell.engine.portfolio.batch import BatchReport
    from chainbell.engine.portfolio.erasure import Retention
    from chainbell.engine.portfolio.portfolio import Statistics
    from chainbell.engine.reading.report import ProjectReport
    from chainbell.engine.running.dispatching import run_dispatcher
    from chainbell.engine.running.housekeeping import Housekeeping

_PLACES = {
    "audit": ("Actor", "AuditLine"),
    "documents.change": ("read_change",),
    "documents.change_types": (
        "ChangeFields",
        "ClockFields",
        "MilestoneCompleteFields",
        "PlanFields",
        "ProjectUpdateFields",
        "TaskUpdateFields",
    ),
    "documents.plan": ("read_plan",),
    "engine": ("Engine", "Outcome"),
    "errors": (
        "ChainbellError",
        "ConflictError",
        "EvaluationError",
        "InvalidInputError",
        "NotFoundError",
        "StaleChange",
        "StorageError",
        "UnknownOutcomeError",
    ),
    "logs": ("configure_logging",),
    "portfolio.batch": ("BatchReport",),
    "portfolio.erasure": ("Retention",),
    "portfolio.portfolio": ("Statistics",),
    "reading.report": ("ProjectReport",),
    "running.dispatching": ("run_dispatcher",),
    "running.housekeeping": ("Housekeeping",),
}
_PLACE_OF = {name: module for module, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("chainbell")
    if name not in _PLACE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACE_OF[name]}"), name)


__all__ = [
    "Actor",
    "AuditLine",
    "BatchReport",
    "ChainbellError",
    "ChangeFields",
    "ClockFields",
    "ConflictError",
    "Engine",
    "EvaluationError",
    "Housekeeping",
    "InvalidInputError",
    "MilestoneCompleteFields",
    "NotFoundError",
    "Outcome",
    "PlanFields",
    "ProjectReport",
    "ProjectUpdateFields",
    "Retention",
    "StaleChange",
    "Statistics",
    "StorageError",
    "TaskUpdateFields",
    "UnknownOutcomeError",
    "configure_logging",
    "read_change",
    "read_plan",
    "run_dispatcher",
]
