"""Reading the audit trail: who did what, when. What writes it stands beside each act."""

from datetime import datetime

from chainbell.engine.core import Core
from chainbell.engine.documents.fields import checked_id, checked_moment
from chainbell.engine.errors import InvalidInputError
from chainbell.rules import HostId
from chainbell.storage import Actor, AuditLine, audit

LARGEST_KEY = 2**53 - 1


class Audit:
    """The audit trail of all accounts, or of one."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def lines(
        self,
        *,
        account: HostId | None = None,
        subject: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[AuditLine]:
        """Up to `limit` lines, newest first, that match what is given; see `Engine.audit`."""
        if account is not None:
            checked_id(account, "account")
        if since is not None:
            checked_moment(since, "since")
        if before is not None and not 0 <= before <= LARGEST_KEY:
            raise InvalidInputError("before", "is the key of no line")
        if not 0 <= limit <= LARGEST_KEY:
            raise InvalidInputError("limit", f"{limit} is no number of lines")
        with self._core.database.read() as connection:
            return audit.lines(
                connection, limit, account_id=account, subject=subject, action=action, since=since, before=before
            )


__all__ = ["LARGEST_KEY", "Actor", "Audit", "AuditLine"]
