"""The front door: `Engine` takes state changes in and gives events, signals and deliveries out."""

from chainbell.engine.documents.change import read_change
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
)
from chainbell.engine.logs import configure_logging
from chainbell.engine.portfolio.batch import BatchReport
from chainbell.engine.portfolio.erasure import Retention
from chainbell.engine.reading.report import ProjectReport
from chainbell.engine.running.dispatching import run_dispatcher
from chainbell.engine.running.housekeeping import Housekeeping

__all__ = [
    "BatchReport",
    "ChainbellError",
    "ConflictError",
    "Engine",
    "EvaluationError",
    "Housekeeping",
    "InvalidInputError",
    "NotFoundError",
    "Outcome",
    "ProjectReport",
    "Retention",
    "StaleChange",
    "StorageError",
    "configure_logging",
    "read_change",
    "read_plan",
    "run_dispatcher",
]
