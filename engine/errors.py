"""What can go wrong; nothing of a refused change is stored::

    ChainbellError
    ├── InvalidInputError        the input is not acceptable: `field` and `reason`
    │   ├── NotFoundError        it does not exist, or belongs to another account
    │   └── StaleChange          the change is older than the last report on its subject
    ├── EvaluationError          a project cannot be read, or the rules failed for it: `project_id` and `reason`
    ├── ConflictError            other writers came first; you may send the same change again
    └── StorageError             the database is full, unavailable, locked or read-only; you may try again
        └── UnknownOutcomeError  the connection was lost at the commit: send it again with the same `changeId`

Errors of `chainbell.rules` (`FieldError` and its subclasses) become InvalidInputError here.
"""

from chainbell.rules.errors import ChainbellError, EvaluationError
from chainbell.storage.errors import ConflictError, StorageError, UnknownOutcomeError


class InvalidInputError(ChainbellError):
    """The input is not acceptable: `field` is its path in the document (`tasks[3].duration`), `reason` says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class NotFoundError(InvalidInputError):
    """It does not exist, or it belongs to another account."""


class StaleChange(InvalidInputError):  # noqa: N818
    """The change is older than the last report on its subject; send `allowStale` to apply it anyway."""


__all__ = [
    "ChainbellError",
    "ConflictError",
    "EvaluationError",
    "InvalidInputError",
    "NotFoundError",
    "StaleChange",
    "StorageError",
    "UnknownOutcomeError",
]
