"""Claims: leases on due deliveries, shared fairly among the webhooks; each claim raises its delivery's fence."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from random import shuffle
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Select, Text, bindparam, cast, exists, lateral, not_, or_, select, true, update

from chainbell.storage.lists import AtOnce, among
from chainbell.storage.outbox import DELIVERIES, IS_PENDING, WEBHOOKS, Claim

D = DELIVERIES.c
_NOW = bindparam("now", type_=D.next_attempt_at.type)
_THESE = among(D.id, "ids")
_IS_DUE = (IS_PENDING, D.next_attempt_at <= _NOW)
_IS_FREE = or_(D.lease_until.is_(None), D.lease_until <= _NOW)
_FIRST_ATTEMPTS_FIRST = (D.is_retry, D.next_attempt_at)


def claim(
    connection: Connection,
    now: datetime,
    lease_until: datetime,
    limit: int,
    *,
    held: Mapping[str, int] = MappingProxyType({}),
    per_webhook: int | None = None,
    rooms: Mapping[str, int] = MappingProxyType({}),
) -> list[Claim]:
    """Leases up to `limit` due deliveries of active webhooks, first attempts before retries, oldest first.

    The webhooks take turns, so the queue of one endpoint does not hold up another's; the one with the fewest deliveries
    `held` comes first, by chance among equals. Each webhook gets at most `per_webhook` deliveries, or its number in
    `rooms`, less those that are held for it already.
    """
    most = limit if per_webhook is None else per_webhook
    waiting = list(connection.scalars(_WAITING, {"now": now}))
    shuffle(waiting)
    waiting.sort(key=lambda webhook: held.get(webhook, 0))
    room = {webhook: min(limit, rooms.get(webhook, most) - held.get(webhook, 0)) for webhook in waiting}
    ids: list[str] = []
    while len(ids) < limit and (room := {webhook: free for webhook, free in room.items() if free > 0}):
        share = -(-(limit - len(ids)) // len(room))
        found = _due(connection, now, list(room), share, besides=ids)
        for webhook, free in list(room.items()):
            taken = found.get(webhook, [])[: min(free, limit - len(ids))]
            ids += taken
            room[webhook] = free - len(taken) if len(taken) == share else 0  # less: it has no more, or no room
    if not ids:
        return []
    claims = {claimed.id: claimed for claimed in _lease(connection, ids, lease_until)}
    return [claims[delivery_id] for delivery_id in ids]


def _lease(connection: Connection, ids: Sequence[str], until: datetime) -> Iterator[Claim]:
    leasing = {"ids": ids, "until": until}
    if connection.dialect.name == "postgresql":
        return (Claim(*row) for row in connection.execute(_LEASE_RETURNING, leasing).all())
    connection.execute(_LEASE, leasing)
    rows = _LEASED.rows(connection, {"ids": ids})
    return (Claim(one, webhook, event, body.encode(), *rest) for one, webhook, event, body, *rest in rows)


_ANYTHING_DUE = exists().where(D.webhook_id == WEBHOOKS.c.id, *_IS_DUE)
_WAITING = select(WEBHOOKS.c.id).where(WEBHOOKS.c.is_active, _ANYTHING_DUE)
_UNTIL = bindparam("until", type_=D.lease_until.type)
_LEASE = update(DELIVERIES).where(_THESE).values(lease_until=_UNTIL, fence=D.fence + 1)
_LEASE_RETURNING = _LEASE.returning(*(D[name] for name in Claim.__slots__))
_BODY_AS_TEXT = (cast(D[name], Text).label(name) if name == "body" else D[name] for name in Claim.__slots__)
_LEASED = AtOnce(select(*_BODY_AS_TEXT).where(_THESE))


def _due(
    connection: Connection, now: datetime, webhooks: Sequence[str], share: int, besides: Sequence[str]
) -> dict[str, list[str]]:
    """By webhook, the ids of deliveries that are due and not leased, at most `share` for each of these webhooks."""
    query = _DUE_POSTGRESQL if connection.dialect.name == "postgresql" else _DUE_SQLITE
    found: dict[str, list[str]] = {}
    values = {"now": now, "webhooks": webhooks, "share": share, "besides": besides}
    for webhook, delivery in query.rows(connection, values):
        found.setdefault(webhook, []).append(delivery)
    return found


def _due_of_each() -> Select[Any]:
    """The due deliveries of one webhook, the row of the enclosing query, up to the share."""
    return (
        select(D.id)
        .where(D.webhook_id == WEBHOOKS.c.id, *_IS_DUE, _IS_FREE, not_(among(D.id, "besides")))
        .order_by(*_FIRST_ATTEMPTS_FIRST)
        .limit(bindparam("share"))
        .correlate(WEBHOOKS)
    )


_OF_THESE = among(WEBHOOKS.c.id, "webhooks")
_SHARE = lateral(_due_of_each().with_for_update(skip_locked=True, of=DELIVERIES))
_DUE_POSTGRESQL = AtOnce(select(WEBHOOKS.c.id, _SHARE.c.id).select_from(WEBHOOKS.join(_SHARE, true())).where(_OF_THESE))
_THEIRS = DELIVERIES.alias("theirs")
_DUE_SQLITE = AtOnce(
    select(WEBHOOKS.c.id, _THEIRS.c.id)
    .select_from(WEBHOOKS.join(_THEIRS, _THEIRS.c.id.in_(_due_of_each())))  # SQLite knows no LATERAL
    .where(_OF_THESE)
    .order_by(WEBHOOKS.c.id, _THEIRS.c.is_retry, _THEIRS.c.next_attempt_at)
)


def claim_one(connection: Connection, delivery_id: str, now: datetime, lease_until: datetime) -> Claim | None:
    """Leases one pending delivery, even of a paused webhook; None if it is not pending or is leased already."""
    one = _LEASE_RETURNING.where(IS_PENDING, _IS_FREE)
    row = connection.execute(one, {"ids": [delivery_id], "now": now, "until": lease_until}).first()
    return None if row is None else Claim(*row)


def renew(connection: Connection, claims: Sequence[Claim], lease_until: datetime) -> set[str]:
    """Extends the leases that are still ours to `lease_until`; returns the ids of their deliveries."""
    return _change_leases(connection, claims, lease_until)


def give_back(connection: Connection, claims: Sequence[Claim]) -> set[str]:
    """Ends the leases that are still ours, so that others can claim at once; returns the ids of their deliveries."""
    return _change_leases(connection, claims, None)


_CHANGE = update(DELIVERIES).where(_THESE).values(lease_until=_UNTIL)


def _change_leases(connection: Connection, claims: Sequence[Claim], until: datetime | None) -> set[str]:
    fences = {claim.id: claim.fence for claim in claims}
    held = select(D.id, D.fence).where(IS_PENDING, _THESE).order_by(D.id)
    if connection.dialect.name == "postgresql":
        held = held.with_for_update(of=DELIVERIES)
    rows = connection.execute(held, {"ids": list(fences)})
    ours = [row.id for row in rows if row.fence == fences[row.id]]
    if ours:
        connection.execute(_CHANGE, {"ids": ours, "until": until})
    return set(ours)
