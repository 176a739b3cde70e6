"""The front door: `Engine` takes state changes in and gives events, signals and deliveries out."""

from chainbell.engine.batch import BatchReport
from chainbell.engine.changes import read_change
from chainbell.engine.engine import Engine, Outcome
from chainbell.engine.erasure import Retention
from chainbell.engine.errors import (
    ChainbellError,
    ConflictError,
    EvaluationError,
    InvalidInputError,
    NotFoundError,
    StaleChange,
    StorageError,
)
from chainbell.engine.housekeeping import Housekeeping
from chainbell.engine.logs import configure_logging
from chainbell.engine.plan_documents import read_plan
from chainbell.engine.scheduler import run_dispatcher
from chainbell.engine.status import ProjectReport

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
