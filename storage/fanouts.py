"""Fan-outs: deliveries to many webhooks, promised in the event's transaction and written out afterwards, in portions.

The deliveries are those that the transaction itself would have written: one for each webhook that asked at the revision
of the registrations that it saw. An account's fan-outs are written out one after the other, in their order.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, exists, insert, select, update

from chainbell.rules import Event, HostId
from chainbell.storage import subscriptions
from chainbell.storage.fanout_tables import FanoutRow
from chainbell.storage.notifications import notify
from chainbell.storage.tables import table

FANOUTS = table(FanoutRow)
F = FANOUTS.c


class Fanout(NamedTuple):
    """A fan-out: the deliveries of an event to webhooks whose ids are up to `written_to` are written already."""

    position: int
    account_id: HostId
    event_id: str
    revision: int
    written_to: str
    made_at: datetime


_FIRST = select(*(F[name] for name in Fanout._fields)).order_by(F.account_id, F.position).limit(1)
_FIRST_BEHIND = _FIRST.where(F.account_id > bindparam("after", type_=F.account_id.type))
_AT = select(*(F[name] for name in Fanout._fields)).where(F.position == bindparam("position"))
_OLDEST = select(F.made_at).order_by(F.position).limit(1)


def promise(connection: Connection, account_id: HostId, fired: Sequence[Event], now: datetime) -> None:
    """Keeps fan-outs of events that are kept already; dispatchers are notified once the transaction commits."""
    seen = subscriptions.revision_to_promise_at(connection, account_id)
    rows = [
        {"account_id": account_id, "event_id": event.id, "revision": seen, "written_to": "", "made_at": now}
        for event in fired
    ]
    connection.execute(insert(FANOUTS), rows)
    notify(connection)


def take(connection: Connection, after: HostId | None) -> Fanout | None:
    """The oldest fan-out of the account whose turn it is, locked; None where there is none, or others have them all.

    The accounts take turns in the order of their ids: the first one behind `after` comes next.
    """
    passed: set[HostId] = set()
    while (found := _behind(connection, after)) is not None and found.account_id not in passed:
        query = _AT.with_for_update(skip_locked=True) if connection.dialect.name == "postgresql" else _AT
        locked = connection.execute(query, {"position": found.position}).first()
        if locked is not None:
            return Fanout(*locked)
        after = found.account_id
        passed.add(after)
    return None


def _behind(connection: Connection, after: HostId | None) -> Any:
    """The first fan-out of the next account; after the last account comes the first."""
    row = None if after is None else connection.execute(_FIRST_BEHIND, {"after": after}).first()
    return row or connection.execute(_FIRST).first()


def write_to(connection: Connection, fanout: Fanout, webhook_id: str) -> None:
    """Remembers that the deliveries up to this webhook are written."""
    connection.execute(update(FANOUTS).where(F.position == fanout.position).values(written_to=webhook_id))


def end(connection: Connection, fanout: Fanout) -> None:
    """Deletes a fan-out that is written out, and with the last one of an account what only they needed."""
    connection.execute(delete(FANOUTS).where(F.position == fanout.position))
    subscriptions.forget_ended(connection, fanout.account_id)


def is_any(connection: Connection) -> bool:
    """Whether any fan-out is still to be written out."""
    return bool(connection.scalar(select(exists().select_from(FANOUTS))))


def oldest(connection: Connection) -> datetime | None:
    """When the oldest fan-out that is still to be written out was promised; None if there is none."""
    found: datetime | None = connection.scalar(_OLDEST)
    return found
