"""Claims: leases on due deliveries, shared fairly among the webhooks; each claim raises its delivery's fence."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice, zip_longest
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Select, Text, bindparam, cast, lateral, not_, or_, select, true, update

from chainbell.storage.lists import AtOnce, among
from chainbell.storage.outbox import DELIVERIES, IS_PENDING, IS_STILL_PENDING, WEBHOOKS, Claim
from chainbell.storage.turns import Turns

D = DELIVERIES.c
_NOW = bindparam("now", type_=D.next_attempt_at.type)
_SINCE = bindparam("since", type_=D.next_attempt_at.type)
_THESE = among(D.id, "ids")
_IS_FREE = or_(D.lease_until.is_(None), D.lease_until <= _NOW)
MOST_NUMBERS = 8
"""How many different shares are asked for one by one."""
FEWEST_ROWS = 256
"""How many of the first due deliveries are looked at, at least: where these are all, nobody has to be gone round."""
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

    The webhooks take turns, so the queue of one endpoint does not hold up another's: the one with the fewest deliveries
    `held` comes first, and among equals those behind the last one served, which `turns` remembers. Each webhook gets at
    most `per_webhook` deliveries, or its number in `rooms`, less those that are held for it already. At most twice as
    many rows are locked as are claimed.
    """
    turns = turns or Turns()
    most = limit if per_webhook is None else per_webhook
    room = _Room({webhook: most - count for webhook, count in held.items()}, most)
    room.update({webhook: lowered - held.get(webhook, 0) for webhook, lowered in rooms.items()})
    first = turns.lookback.first_due(connection, now, max(2 * limit, FEWEST_ROWS))
    ids: Sequence[str] = []
    if first.is_all:
        order = turns.in_order(first.queues, held)
        dealt = _dealt({webhook: first.queues[webhook][: max(0, room[webhook])] for webhook in order}, limit)
        turns.pass_on(order, set(dealt.values()))
        ids = _locked(connection, now, list(dealt))
        for delivery_id in ids:
            room[dealt[delivery_id]] -= 1
    if not first.is_all or len(ids) < len(dealt):  # it is a long queue, or others were quicker
        ids = [*ids, *_going_round(connection, now, turns, room, held, limit, ids)]
    if not ids:
        return []
    claims = {claimed.id: claimed for claimed in _lease(connection, ids, lease_until)}
    return [claims[delivery_id] for delivery_id in ids]


class _Room(dict[str, int]):
    """How many more deliveries each webhook may get, by id; one that is not named gets as many as any."""

    def __init__(self, known: Mapping[str, int], most: int) -> None:
        super().__init__(known)
        self._most = most

    def __missing__(self, webhook: str) -> int:
        return self._most


def _dealt(queues: Mapping[str, Sequence[str]], limit: int) -> dict[str, str]:
    """Up to `limit` deliveries, one of each queue in turn; with the webhook of each."""
    rounds = zip_longest(*([(delivery, webhook) for delivery in queue] for webhook, queue in queues.items()))
    return dict(islice((one for row in rounds for one in row if one is not None), limit))


def _locked(connection: Connection, now: datetime, ids: Sequence[str]) -> Sequence[str]:
    """Those of the deliveries that nobody else is claiming, in this order."""
    if not ids or connection.dialect.name == "sqlite":
        return ids
    locked = set(connection.scalars(_LOCKED, {"ids": ids, "now": now}))
    return [delivery_id for delivery_id in ids if delivery_id in locked]


def _going_round(
    connection: Connection,
    now: datetime,
    turns: Turns,
    room: Mapping[str, int],
    held: Mapping[str, int],
    limit: int,
    besides: Sequence[str],
) -> list[str]:
    """The ids, `besides` those, of due deliveries of the webhooks whose turn it is, until there are `limit` in all."""
    ids: list[str] = []
    for group in turns.groups(connection, now, max(limit, FEWEST)):
        missing = limit - len(besides) - len(ids)
        free = {webhook: min(missing, room[webhook]) for webhook in group if room[webhook] > 0}
        first = sorted(free, key=lambda webhook: held.get(webhook, 0))[:missing]
        shares = {webhook: free[webhook] for webhook in first}
        ids += _claim_of(connection, now, turns.lookback.since, shares, missing, [*besides, *ids])
        turns.pass_on(group, set(first))
        if len(besides) + len(ids) >= limit:
            break
    return ids


def _claim_of(
    connection: Connection, now: datetime, since: datetime, room: dict[str, int], limit: int, besides: Sequence[str]
) -> list[str]:
    """The ids of up to `limit` deliveries of these webhooks, which get equal shares as far as their room goes."""
    ids: list[str] = []
    while room and len(ids) < limit:
        share = -(-(limit - len(ids)) // len(room))
        wanted: dict[int, list[str]] = {}
        for webhook, free in list(room.items())[: limit - len(ids)]:
            wanted.setdefault(min(share, free), []).append(webhook)
        more: dict[str, int] = {}
        for count, webhooks in _few(wanted).items():
            values = {"now": now, "since": since, "besides": [*besides, *ids]}
            for webhook, theirs in _due(connection, webhooks, count, values).items():
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


_LOCKED = select(D.id).where(_THESE, IS_STILL_PENDING, _IS_FREE).with_for_update(skip_locked=True, of=DELIVERIES)
_UNTIL = bindparam("until", type_=D.lease_until.type)
_LEASE = update(DELIVERIES).where(_THESE).values(lease_until=_UNTIL, fence=D.fence + 1)
_LEASE_RETURNING = _LEASE.returning(*(D[name] for name in Claim.__slots__))
_BODY_AS_TEXT = (cast(D[name], Text).label(name) if name == "body" else D[name] for name in Claim.__slots__)
_LEASED = AtOnce(select(*_BODY_AS_TEXT).where(_THESE))


def _due(
    connection: Connection, webhooks: Sequence[str], share: int, values: Mapping[str, Any]
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
            for webhook, delivery in query.rows(connection, {**values, "webhooks": short, "share": missing}):
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
            D.next_attempt_at.between(_SINCE, _NOW),
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
    one = _LEASE_RETURNING.where(IS_STILL_PENDING, _IS_FREE)
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
    held = select(D.id, D.fence).where(IS_STILL_PENDING, _THESE).order_by(D.id)
    if connection.dialect.name == "postgresql":
        held = held.with_for_update(of=DELIVERIES)
    rows = connection.execute(held, {"ids": list(fences)})
    ours = [row.id for row in rows if row.fence == fences[row.id]]
    if ours:
        connection.execute(_CHANGE, {"ids": ours, "until": until})
    return set(ours)
