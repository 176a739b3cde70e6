"""Claims: leases on due deliveries, shared fairly among the webhooks; each claim raises its delivery's fence."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Select, Text, bindparam, cast, lateral, not_, or_, select, true, update

from chainbell.storage.lists import AtOnce, among
from chainbell.storage.outbox import DELIVERIES, IS_PENDING, WEBHOOKS, Claim
from chainbell.storage.turns import Turns

D = DELIVERIES.c
_NOW = bindparam("now", type_=D.next_attempt_at.type)
_THESE = among(D.id, "ids")
_IS_FREE = or_(D.lease_until.is_(None), D.lease_until <= _NOW)
MOST_NUMBERS = 8
"""How many different shares are asked for one by one."""
FEWEST = 64
"""How many webhooks are looked at together at least: of these, the one with the fewest deliveries held comes first."""


def claim(
    connection: Connection,
    now: datetime,
    lease_until: datetime,
    limit: int,
    *,
    held: Mapping[str, int] = MappingProxyType({}),
    per_webhook: int | None = None,
    rooms: Mapping[str, int] = MappingProxyType({}),
    turns: Turns | None = None,
) -> list[Claim]:
    """Leases up to `limit` due deliveries of active webhooks, first attempts before retries, oldest first.

    The webhooks take turns, so the queue of one endpoint does not hold up another's: those behind the last one served,
    which `turns` remembers, are looked at first, and of these the one with the fewest deliveries `held` comes first.
    Each webhook gets at most `per_webhook` deliveries, or its number in `rooms`, less those that are held for it
    already. At most twice as many rows are locked as are claimed.
    """
    most = limit if per_webhook is None else per_webhook
    ids: list[str] = []
    turns = turns or Turns()
    for group in turns.groups(connection, now, max(limit, FEWEST)):
        room = {webhook: min(limit, rooms.get(webhook, most) - held.get(webhook, 0)) for webhook in group}
        room = {webhook: free for webhook, free in room.items() if free > 0}
        first = sorted(room, key=lambda webhook: held.get(webhook, 0))[: limit - len(ids)]
        ids += _claim_of(connection, now, {webhook: room[webhook] for webhook in first}, limit - len(ids))
        turns.pass_on(group, set(first))
        if len(ids) == limit:
            break
    if not ids:
        return []
    claims = {claimed.id: claimed for claimed in _lease(connection, ids, lease_until)}
    return [claims[delivery_id] for delivery_id in ids]


def _claim_of(connection: Connection, now: datetime, room: dict[str, int], limit: int) -> list[str]:
    """The ids of up to `limit` deliveries of these webhooks, which get equal shares as far as their room goes."""
    ids: list[str] = []
    while room and len(ids) < limit:
        share = -(-(limit - len(ids)) // len(room))
        wanted: dict[int, list[str]] = {}
        for webhook, free in list(room.items())[: limit - len(ids)]:
            wanted.setdefault(min(share, free), []).append(webhook)
        more: dict[str, int] = {}
        for count, webhooks in _few(wanted).items():
            found = _due(connection, now, webhooks, count, besides=ids)
            for webhook, theirs in found.items():
                ids += theirs[: limit - len(ids)]
                if len(theirs) == count and room[webhook] > count:  # less: it has no more, or no room
                    more[webhook] = room[webhook] - count
        room = more
    return ids


def _few(wanted: dict[int, list[str]]) -> dict[int, list[str]]:
    """Webhooks by how many deliveries each wants; of many different numbers, rounded down to powers of two."""
    if len(wanted) <= MOST_NUMBERS:
        return wanted
    rounded: dict[int, list[str]] = {}
    for count, webhooks in wanted.items():
        rounded.setdefault(1 << (count.bit_length() - 1), []).extend(webhooks)
    return rounded


def _lease(connection: Connection, ids: Sequence[str], until: datetime) -> Iterator[Claim]:
    leasing = {"ids": ids, "until": until}
    if connection.dialect.name == "postgresql":
        return (Claim(*row) for row in connection.execute(_LEASE_RETURNING, leasing).all())
    connection.execute(_LEASE, leasing)
    rows = _LEASED.rows(connection, {"ids": ids})
    return (Claim(one, webhook, event, body.encode(), *rest) for one, webhook, event, body, *rest in rows)


_UNTIL = bindparam("until", type_=D.lease_until.type)
_LEASE = update(DELIVERIES).where(_THESE).values(lease_until=_UNTIL, fence=D.fence + 1)
_LEASE_RETURNING = _LEASE.returning(*(D[name] for name in Claim.__slots__))
_BODY_AS_TEXT = (cast(D[name], Text).label(name) if name == "body" else D[name] for name in Claim.__slots__)
_LEASED = AtOnce(select(*_BODY_AS_TEXT).where(_THESE))


def _due(
    connection: Connection, now: datetime, webhooks: Sequence[str], share: int, besides: Sequence[str]
) -> dict[str, list[str]]:
    """By webhook, the ids of deliveries that are due and not leased, at most `share` for each of these webhooks.

    Retries are looked for where there are not enough first attempts.
    """
    found: dict[str, list[str]] = {webhook: [] for webhook in webhooks}
    for is_retry in (False, True):
        by_missing: dict[int, list[str]] = {}
        for webhook, theirs in found.items():
            if len(theirs) < share:
                by_missing.setdefault(share - len(theirs), []).append(webhook)
        for missing, short in _few(by_missing).items():
            query = (_DUE_POSTGRESQL if connection.dialect.name == "postgresql" else _DUE_SQLITE)[is_retry]
            values = {"now": now, "webhooks": short, "share": missing, "besides": besides}
            for webhook, delivery in query.rows(connection, values):
                found[webhook].append(delivery)
    return {webhook: theirs for webhook, theirs in found.items() if theirs}


def _due_of_each(is_retry: bool) -> Select[Any]:
    """The due deliveries of one webhook, the row of the enclosing query, up to the share."""
    return (
        select(D.id)
        .where(
            D.webhook_id == WEBHOOKS.c.id,
            D.is_retry.is_(is_retry),
            IS_PENDING,
            D.next_attempt_at <= _NOW,
            _IS_FREE,
            not_(among(D.id, "besides")),
        )
        .order_by(D.next_attempt_at)
        .limit(bindparam("share"))
        .correlate(WEBHOOKS)
    )


def _of_these_postgresql(is_retry: bool) -> AtOnce:
    share = lateral(_due_of_each(is_retry).with_for_update(skip_locked=True, of=DELIVERIES))
    return AtOnce(select(WEBHOOKS.c.id, share.c.id).select_from(WEBHOOKS.join(share, true())).where(_OF_THESE))


def _of_these_sqlite(is_retry: bool) -> AtOnce:
    theirs = DELIVERIES.alias("theirs")
    return AtOnce(
        select(WEBHOOKS.c.id, theirs.c.id)
        .select_from(WEBHOOKS.join(theirs, theirs.c.id.in_(_due_of_each(is_retry))))  # SQLite knows no LATERAL
        .where(_OF_THESE)
        .order_by(WEBHOOKS.c.id, theirs.c.next_attempt_at)
    )


_OF_THESE = among(WEBHOOKS.c.id, "webhooks")
_DUE_POSTGRESQL = (_of_these_postgresql(False), _of_these_postgresql(True))
_DUE_SQLITE = (_of_these_sqlite(False), _of_these_sqlite(True))


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
