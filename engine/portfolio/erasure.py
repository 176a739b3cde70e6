"""Retention and erasure: deletes old rows, and erases an account or a person completely."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from chainbell.delivery import javascript_json
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.logs import log
from chainbell.engine.portfolio.pace import Pace
from chainbell.rules import HostId
from chainbell.rules.ids import encode_host_id
from chainbell.storage import Act, Actor, Database, audit, resending, retention, webhooks
from chainbell.storage.audit import CountedAct

LONGEST_AGE = timedelta(days=73_000)
ROWS = 500
"""How many projects of an account are deleted in one transaction."""
UNTHINNED = timedelta(days=365)
"""For how long all points of a fever chart are kept; of older ones, the last one of each day."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept; None means for ever.

    A pending delivery is kept however old it is, unless its webhook is paused or deactivated: once it is older than
    `deliveries`, it expires. Resuming the webhook does not release an expired delivery; `recover` makes it due again.
    An expired delivery is deleted after the same period. A deleted webhook goes with its log.
    """

    events: timedelta | None = timedelta(days=400)
    attempts: timedelta | None = timedelta(days=90)
    deliveries: timedelta | None = timedelta(days=90)
    fever_points: timedelta | None = None
    audit: timedelta | None = timedelta(days=365)

    def __post_init__(self) -> None:
        for kind in fields(self):
            age = getattr(self, kind.name)
            if age is not None and not timedelta() < age <= LONGEST_AGE:
                raise InvalidInputError(f"retention.{kind.name}", f"{age} is not a length of time, 200 years at most")


def expire(database: Database, limits: Retention, now: datetime) -> int:
    """Deletes rows older than the limits, in small transactions; returns how many were deleted."""
    pace, total = Pace(), 0
    while True:
        with pace.portion(database) as (connection, rows):
            if not resending.expire_of_deleted(connection, now, rows):
                break
    if limits.deliveries is not None:
        _expire_held(database, now - limits.deliveries, now, pace)
    for kind in retention.KINDS:
        age, last = getattr(limits, kind), None
        while age is not None:
            with pace.portion(database) as (connection, rows):
                portion = retention.expire(connection, kind, now - age, last, rows)
            total, last = total + portion.gone, portion.last
            if last is None:
                break
    while limits.fever_points is not None:
        with pace.portion(database) as (connection, rows):
            gone = retention.expire_points(connection, now - limits.fever_points, rows)
        total += gone
        if gone == 0:
            break
    if limits.attempts is None:
        return total
    ended = now - limits.attempts
    return total + _until_nothing_goes(database, lambda connection: webhooks.purge(connection, ended, ROWS))


def thin_fever_points(database: Database, now: datetime) -> int:
    """Leaves of old points of fever charts the last one of each day; returns how many were deleted."""
    pace, total = Pace(), 0
    while True:
        with pace.portion(database) as (connection, rows):
            portion = retention.thin_points(connection, now - UNTHINNED, rows)
        total += portion.gone
        if portion.last is None:
            return total


def _until_nothing_goes(database: Database, work: Callable[[Connection], int]) -> int:
    """Repeats the work, each time in its own transaction so that others can write; returns the number of rows."""
    total = 0
    while True:
        with database.write() as connection:
            gone = work(connection)
        total += gone
        if gone == 0:
            return total


def _expire_held(database: Database, before: datetime, now: datetime, pace: Pace) -> None:
    held: Counter[str] = Counter()
    last: tuple[datetime, str] | None = None
    while True:
        with pace.portion(database) as (connection, rows):
            portion = resending.expire_held(connection, before, now, last, rows)
        held.update(portion.expired)
        last = portion.last
        if last is None:
            break
    for webhook_id, count in held.items():
        log.warning("chainbell.held_deliveries_expired", webhook_id=webhook_id, count=count)


def erase_account(database: Database, account: HostId, actor: Actor, now: datetime) -> int:
    """Deletes everything that an account has, in small transactions; returns how many projects and rows.

    Of its audit trail, only the lines stay that tell of an erasure.
    """
    act = Act(account_id=account, action="account.erased", subject=encode_host_id(account))
    erasing = CountedAct(actor, act, "rows")

    def erase(connection: Connection) -> int:
        gone = retention.erase_account(connection, account, ROWS)
        erasing.add(connection, gone, now)
        return gone

    total = _until_nothing_goes(database, erase)
    return total + _until_nothing_goes(database, lambda connection: audit.erase_lines(connection, account, ROWS))


def erase_person(database: Database, account: HostId, person: HostId, actor: Actor, now: datetime) -> int:
    """Removes a person from all data of an account, one project at a time; returns how many rows named them.

    Their tasks have no assignee afterwards, and their projects no manager. Plans, changes, events and deliveries stay,
    with null in place of the person. Recommendations and the audit trail no longer contain the name.
    """
    with database.read() as connection:
        keys = retention.account_projects(connection, account)
    act = Act(account_id=account, action="person.erased", subject=encode_host_id(person))
    erasing = CountedAct(actor, act, "rows")
    with database.write() as connection:
        name = retention.forget_person(connection, account, person)
        erasing.add(connection, int(name is not None), now)
    for key in keys:
        with database.write() as connection:
            named = retention.unassign(connection, key, person)
            named += retention.rewrite(connection, key, _scrubber(person, name), _encode)
            erasing.add(connection, named, now)
    after: int | None = 0
    while name is not None and after is not None:
        with database.write() as connection:
            named, after = audit.rewrite_lines(connection, account, _without_name(name), after, ROWS)
            erasing.add(connection, named, now)
    return erasing.total


def _without_name(name: str) -> Callable[[Any], Any]:
    """A function that returns a value with `somebody` in place of the name, wherever it stands."""
    named = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)

    def scrubbed(value: Any) -> Any:
        if isinstance(value, str):
            return named.sub("somebody", value)
        if isinstance(value, list):
            return [scrubbed(item) for item in value]
        return {key: scrubbed(item) for key, item in value.items()} if isinstance(value, dict) else value

    return scrubbed


def _encode(document: Any, before: bytes) -> bytes:
    """The document's bytes in the same format as before."""
    return (
        javascript_json.spaced(document) if before.startswith(b'{"webhookId": ') else javascript_json.compact(document)
    )


def _is_person(value: dict[str, Any], person: HostId, name: str | None) -> bool:
    """Tasks and deliverables also have an id and a name, so a person must have an email, or this person's name."""
    if value.get("id") != person or isinstance(value["id"], str) != isinstance(person, str):
        return False
    return set(value) <= {"id", "name", "email"} and ("email" in value or value.get("name") == name)


def _scrubber(person: HostId, name: str | None) -> Callable[[Any], Any]:
    """A function that returns a stored document without the person."""
    named = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)") if name else None

    def scrubbed(value: Any) -> Any:
        if isinstance(value, list):
            return [scrubbed(item) for item in value]
        if not isinstance(value, dict):
            return value
        if _is_person(value, person, name):
            return None
        clean = {key: scrubbed(item) for key, item in value.items()}
        if clean.get("managerId") == person:
            clean |= {"managerId": None, "managerName": None, "managerEmail": None}
        if named is not None and isinstance(clean.get("recommendations"), list):
            clean["recommendations"] = [named.sub("somebody", str(text)) for text in clean["recommendations"]]
        return clean

    return scrubbed
