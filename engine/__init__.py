"""The front door: `Engine` takes state changes in and gives events, signals and deliveries out."""

from chainbell.engine.changes import read_change
from chainbell.engine.engine import Engine
from chainbell.engine.errors import ChainbellError, ConflictError, InvalidInputError, StaleChange
from chainbell.engine.logs import configure_logging
from chainbell.engine.plan_documents import read_plan
from chainbell.engine.scheduler import run_dispatcher
from chainbell.engine.status import ProjectReport

__all__ = [
    "ChainbellError",
    "ConflictError",
    "Engine",
    "InvalidInputError",
    "ProjectReport",
    "StaleChange",
    "configure_logging",
    "read_change",
    "read_plan",
    "run_dispatcher",
]
