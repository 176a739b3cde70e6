"""Which of some ids stand for something that is kept."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from chainbell.rules import HostId
from chainbell.storage.tables import PersonRow, ProjectRow, WebhookRow, table
from chainbell.storage.tokens import TOKENS

PROJECTS, WEBHOOKS = table(ProjectRow), table(WebhookRow)
PEOPLE = table(PersonRow)


def existing_projects(connection: Connection, ids: Sequence[HostId], account_id: HostId | None = None) -> list[HostId]:
    """Those of the ids that some project has, of one account or of all, in the order given."""
    query = select(PROJECTS.c.id).distinct().where(PROJECTS.c.id.in_(ids))
    if account_id is not None:
        query = query.where(PROJECTS.c.account_id == account_id)
    found = set(connection.scalars(query))
    return [one for one in ids if one in found]


def existing_people(connection: Connection, ids: Sequence[HostId], account_id: HostId) -> list[HostId]:
    """Those of the ids that a person of the account has, in the order given."""
    query = select(PEOPLE.c.id).where(PEOPLE.c.account_id == account_id, PEOPLE.c.id.in_(ids))
    found = set(connection.scalars(query))
    return [one for one in ids if one in found]


def existing_accounts(connection: Connection, ids: Sequence[HostId]) -> list[HostId]:
    """Those of the ids that some account with a project, a webhook or a token has, in the order given."""
    found: set[HostId] = set()
    for part in (PROJECTS, WEBHOOKS, TOKENS):
        found |= set(connection.scalars(select(part.c.account_id).distinct().where(part.c.account_id.in_(ids))))
    return [one for one in ids if one in found]
