"""Who asks for an event: one row for each webhook and event name, with the revisions between which it asked.

The registrations of an account have a revision, which rises with each change of what they ask for. A fan-out that is
written out later therefore still finds who asked when it was promised.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Delete, Select, bindparam, delete, exists, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from chainbell.rules import HostId
from chainbell.storage.fanout_tables import AudienceRow, FanoutRow, SubscriptionRow
from chainbell.storage.lists import among
from chainbell.storage.tables import WebhookRow, table

SUBSCRIPTIONS, AUDIENCES = table(SubscriptionRow), table(AudienceRow)
FANOUTS, WEBHOOKS = table(FanoutRow), table(WebhookRow)
S = SUBSCRIPTIONS.c


class Subscriber(NamedTuple):
    """A webhook that asks for an event, and the form of the bodies that it wants."""

    event: str
    webhook_id: str
    body_format: str


_ACCOUNT = bindparam("account", type_=S.account_id.type)
_SUBSCRIBERS = (
    select(S.event, S.webhook_id, WEBHOOKS.c.body_format)
    .join(WEBHOOKS, WEBHOOKS.c.id == S.webhook_id)
    .where(S.account_id == _ACCOUNT, WEBHOOKS.c.deleted_at.is_(None))
    .order_by(S.event, S.webhook_id)
    .limit(bindparam("most"))
)
_NOW = _SUBSCRIBERS.where(among(S.event, "events"), S.until.is_(None))
_AT_REVISION = _SUBSCRIBERS.where(
    S.event == bindparam("event"),
    S.webhook_id > bindparam("after"),
    S.since <= bindparam("revision"),
    or_(S.until.is_(None), S.until > bindparam("revision")),
)
_REVISION = select(AUDIENCES.c.revision).where(AUDIENCES.c.account_id == _ACCOUNT)
_IS_PROMISED = select(exists().where(FANOUTS.c.account_id == _ACCOUNT))


def subscribers(connection: Connection, account_id: HostId, events: Collection[str], most: int) -> list[Subscriber]:
    """Up to `most` of the webhooks, even paused ones, that ask for any of these events, once for each event."""
    values = {"account": account_id, "events": list(events), "most": most}
    return [Subscriber(*row) for row in connection.execute(_NOW, values)]


def subscribers_at(
    connection: Connection, account_id: HostId, event: str, revision: int, after: str, most: int
) -> list[Subscriber]:
    """Up to `most` of those who asked for the event at a revision, in the order of their ids, behind the id `after`.

    Their registrations are not deleted before the transaction ends.
    """
    query = _AT_REVISION
    if connection.dialect.name == "postgresql":
        query = query.with_for_update(read=True, key_share=True, of=WEBHOOKS)
    values = {"account": account_id, "event": event, "revision": revision, "after": after, "most": most}
    return [Subscriber(*row) for row in connection.execute(query, values)]


def revision_to_promise_at(connection: Connection, account_id: HostId) -> int:
    """The revision of the registrations of an account, which does not rise before the transaction ends."""
    query = _REVISION.with_for_update(read=True) if connection.dialect.name == "postgresql" else _REVISION
    return int(connection.scalar(query, {"account": account_id}) or 0)


def is_promised(connection: Connection, account_id: HostId) -> bool:
    """Whether a fan-out of the account is still to be written out."""
    return bool(connection.scalar(_IS_PROMISED, {"account": account_id}))


def subscribe(connection: Connection, account_id: HostId, webhook_id: str, events: Sequence[str]) -> None:
    """Makes these the events that a registration asks for.

    Other writers of registrations of the account wait until the transaction ends: its revisions are in the order of
    commits.
    """
    new = _next_revision(connection, account_id)
    asked = (S.webhook_id == webhook_id, S.until.is_(None))
    known = set(connection.scalars(select(S.event).where(*asked)))
    if gone := known.difference(events):
        connection.execute(update(SUBSCRIPTIONS).where(*asked, S.event.in_(gone)).values(until=new))
    rows = [
        {"account_id": account_id, "event": event, "webhook_id": webhook_id, "since": new}
        for event in dict.fromkeys(events)
        if event not in known
    ]
    if rows:
        connection.execute(insert(SUBSCRIPTIONS), rows)
    if gone and not is_promised(connection, account_id):
        connection.execute(_forget_ended(account_id, [webhook_id]))


def forget_ended(connection: Connection, account_id: HostId) -> None:
    """Deletes what was asked for once, if no fan-out of the account needs it; not while one is being promised."""
    query: Select[tuple[int]] = _REVISION
    if connection.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True)
    alone = connection.scalar(query, {"account": account_id}) is not None
    if alone and not is_promised(connection, account_id):
        connection.execute(_forget_ended(account_id))


def _forget_ended(account_id: HostId, webhooks: Sequence[str] = ()) -> Delete:
    ended = delete(SUBSCRIPTIONS).where(S.account_id == account_id, S.until.is_not(None))
    return ended.where(S.webhook_id.in_(webhooks)) if webhooks else ended


def _next_revision(connection: Connection, account_id: HostId) -> int:
    insert_or = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    raised = insert_or(AUDIENCES).values(account_id=account_id, revision=1)
    raised = raised.on_conflict_do_update(
        index_elements=[AUDIENCES.c.account_id], set_={"revision": AUDIENCES.c.revision + 1}
    )
    return int(connection.execute(raised.returning(AUDIENCES.c.revision)).scalar_one())
