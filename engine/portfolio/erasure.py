"""Retention and erasure: what is old goes, and an account or a person can be forgotten completely."""

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
from chainbell.rules import HostId
from chainbell.storage import Database, resending, retention

ROWS = 500
"""Rows of each kind, and projects, that go in one transaction."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept, None for ever.

    Deliveries that are still to be made are kept however old they are, but those that a paused or deactivated webhook
    has held for that long expire: resuming does not release them, they can be recovered, and go as much later again.
    """

    events: timedelta | None = timedelta(days=400)
    attempts: timedelta | None = timedelta(days=90)
    deliveries: timedelta | None = timedelta(days=90)
    fever_points: timedelta | None = None

    def __post_init__(self) -> None:
        for kind in fields(self):
            age = getattr(self, kind.name)
            if age is not None and age <= timedelta():
                raise InvalidInputError(f"retention.{kind.name}", f"{age} is not a length of time")


def expire(database: Database, limits: Retention, now: datetime) -> int:
    """Deletes what is older than the limits, in small transactions; returns how many rows went."""
    if limits.deliveries is not None:
        _expire_held(database, now - limits.deliveries, now)
    before = {kind.name: now - age for kind in fields(limits) if (age := getattr(limits, kind.name)) is not None}
    return _until_nothing_goes(database, lambda connection: retention.expire(connection, before, ROWS))


def _until_nothing_goes(database: Database, work: Callable[[Connection], int]) -> int:
    """Repeats the work in transactions of its own, other writers in between; how many rows went in all."""
    total = 0
    while True:
        with database.write() as connection:
            gone = work(connection)
        total += gone
        if gone == 0:
            return total


def _expire_held(database: Database, before: datetime, now: datetime) -> None:
    held: Counter[str] = Counter()
    while True:
        with database.write() as connection:
            expired = resending.expire_held(connection, before, now, ROWS)
        if not expired:
            break
        held.update(expired)
    for webhook_id, count in held.items():
        log.warning("chainbell.held_deliveries_expired", webhook_id=webhook_id, count=count)


def erase_account(database: Database, account: HostId) -> int:
    """Deletes everything that an account has, in small transactions; returns how many projects and rows went."""
    return _until_nothing_goes(database, lambda connection: retention.erase_account(connection, account, ROWS))


def erase_person(database: Database, account: HostId, person: HostId) -> int:
    """Removes a person from everything kept of an account, a project at a time; returns how many rows named them.

    Tasks are left without an assignee, projects without a manager; in plans, changes, events and deliveries that stay,
    nobody stands where the person stood, and their name is taken out of recommendations.
    """
    with database.read() as connection:
        keys = retention.account_projects(connection, account)
    with database.write() as connection:
        name = retention.forget_person(connection, account, person)
    total = int(name is not None)
    for key in keys:
        with database.write() as connection:
            total += retention.unassign(connection, key, person)
            total += retention.rewrite(connection, key, _scrubber(person, name), _encode)
    return total


def _encode(document: Any, before: bytes) -> bytes:
    """A delivery's bytes in the format that it had."""
    return (
        javascript_json.spaced(document) if before.startswith(b'{"webhookId": ') else javascript_json.compact(document)
    )


def _is_person(value: dict[str, Any], person: HostId, name: str | None) -> bool:
    """Tasks and deliverables have an id and a name as well: a person has an email, or this person's name."""
    if value.get("id") != person or isinstance(value["id"], str) != isinstance(person, str):
        return False
    return set(value) <= {"id", "name", "email"} and ("email" in value or value.get("name") == name)


def _scrubber(person: HostId, name: str | None) -> Callable[[Any], Any]:
    """A function from a kept document to the same without the person."""
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
