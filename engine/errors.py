"""What can go wrong, each with the field and the reason; nothing is kept of what was refused."""

from chainbell.rules import HostId


class ChainbellError(Exception):
    """The base of all errors that chainbell raises on purpose."""


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


class EvaluationError(ChainbellError):
    """The rules failed on the project `project_id`, whatever was fed in; `reason` says how. Nothing was kept."""

    field = "rules"

    def __init__(self, project_id: HostId, reason: str) -> None:
        super().__init__(f"project {project_id!r} cannot be evaluated: {reason}")
        self.project_id = project_id
        self.reason = reason


class ConflictError(ChainbellError):
    """Other writers kept changing the project; nothing was kept, the change can be sent again."""


class StorageError(ChainbellError):
    """The database did not take it: full, gone, read-only. Nothing was kept; the same may be tried again."""
