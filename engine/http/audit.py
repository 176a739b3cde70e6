"""The route of the audit trail."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from chainbell.engine.account import AccountView
from chainbell.engine.audit import LARGEST_KEY
from chainbell.engine.documents.fields import Instant, Text
from chainbell.engine.http.bodies import LARGEST_PAGE, PAGE, Query
from chainbell.engine.http.routing import Routes
from chainbell.storage.audit import Action, AuditLine, Via

routes = Routes("Audit")
LONGEST_SUBJECT = 255
"""Characters of the subject of a line, an id or a name."""


class AuditQuery(Query):
    """A page of the trail: of one subject or action only, from an instant on, before the key of a line."""

    top: Annotated[int, Field(alias="$top", ge=0, le=LARGEST_PAGE)] = PAGE
    before: Annotated[int, Field(ge=0, le=LARGEST_KEY)] | None = None
    subject: Annotated[Text, Field(max_length=LONGEST_SUBJECT)] | None = None
    action: Action | None = None
    since: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLineShown:
    """Who did what, when: `actor` is a token's name (`api`), a user (`cli`) or what a host named (`library`)."""

    key: int
    at: datetime
    actor: str
    via: Via
    action: Action
    subject: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Lines, newest first; `next` goes into `before` for the lines that follow, null where there are none."""

    value: tuple[AuditLineShown, ...]
    next: int | None


def _shown(line: AuditLine) -> AuditLineShown:
    return AuditLineShown(
        key=line.key,
        at=line.at,
        actor=line.actor,
        via=line.via,
        action=line.action,
        subject=line.subject,
        details=line.details,
    )


@routes.route("get", "/api/v1/audit", "listAudit", scope="webhooks")
def list_audit(view: AccountView, query: AuditQuery) -> AuditPage:
    """List who did what to webhooks and tokens, newest first."""
    found = view.audit(
        subject=query.subject, action=query.action, since=query.since, before=query.before, limit=query.top + 1
    )
    page = found[: query.top]
    is_more = len(found) > len(page) > 0
    return AuditPage(value=tuple(map(_shown, page)), next=page[-1].key if is_more else None)
