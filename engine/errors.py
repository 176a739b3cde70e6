"""What can go wrong; nothing is kept of what was refused.

    ChainbellError
    ├── InvalidInputError        input that cannot be taken: `field` and `reason`
    │   ├── NotFoundError        there is no such thing, or it belongs to another account
    │   └── StaleChange          a change older than what is known of its subject
    ├── EvaluationError          a project cannot be read, or the rules failed on it: `project_id` and `reason`
    ├── ConflictError            other writers came first; the same may be sent again
    └── StorageError             the database is full, gone, locked or read-only; the same may be tried again

Errors of `chainbell.rules` (`FieldError` and what is below it) become InvalidInputError here.
"""

from chainbell.rules.errors import ChainbellError, EvaluationError
from chainbell.storage.errors import ConflictError, StorageError


class InvalidInputError(ChainbellError):
    """Input that cannot be taken: `field` is its path in the document (`tasks[3].duration`), `reason` says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class NotFoundError(InvalidInputError):
    """There is no such thing, or it belongs to another account."""


class StaleChange(InvalidInputError):  # noqa: N818
    """A change older than what is known of its subject already; send `allowStale` to apply it all the same."""


__all__ = [
    "ChainbellError",
    "ConflictError",
    "EvaluationError",
    "InvalidInputError",
    "NotFoundError",
    "StaleChange",
    "StorageError",
]
