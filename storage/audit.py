"""The audit trail: who did what, when; each line is written in the transaction of the act that it tells of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import JSON, BigInteger, Connection, Index, delete, insert, literal, select, update
from sqlmodel import Field

from chainbell.rules import HostId
from chainbell.rules.ids import encode_host_id
from chainbell.storage.metadata import Kept
from chainbell.storage.tables import table
from chainbell.storage.types import HostIdType, Instant

Via = Literal["api", "cli", "library"]
"""The way in: with a token over HTTP, from the command line, from a host's own code."""
Action = Literal[
    "webhook.registered",
    "webhook.changed",
    "webhook.paused",
    "webhook.resumed",
    "webhook.rotated",
    "webhook.deleted",
    "webhook.resent",
    "webhook.recovered",
    "token.created",
    "token.revoked",
    "account.erased",
    "person.erased",
    "keys.rotated",
]
LONGEST_ACTOR = 255


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the name of a token (`api`), a user of the operating system (`cli`), or what a host gives."""

    name: str
    via: Via = "library"


LIBRARY = Actor("library")
"""Who acts where a host names nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What was done to what, for the audit trail; `account_id` is None for what concerns all accounts.

    `details` say more, such as the names of the fields that changed; never a secret or a value of a header.
    """

    account_id: HostId | None
    action: Action
    subject: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One line of the audit trail; `key` rises from line to line."""

    key: int
    at: datetime
    account_id: HostId | None
    actor: str
    via: Via
    action: Action
    subject: str
    details: Mapping[str, Any]


class AuditRow(Kept, table=True):
    """A line of the audit trail. It refers to nothing, so that it stays when what it tells of is gone."""

    __table_args__ = (Index(None, "account_id", "key"),)

    key: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=Instant, index=True)
    account_id: HostId | None = Field(sa_type=HostIdType)
    actor: str = Field(max_length=LONGEST_ACTOR)
    via: str = Field(max_length=16)
    action: str = Field(max_length=32)
    subject: str = Field(max_length=255)
    details: dict[str, Any] = Field(sa_type=JSON)


AUDIT = table(AuditRow)
_OF_PEOPLE = ("actor", "subject", "details")
"""The columns in which a person may be named."""


def _storable(text: str, most: int) -> str:
    """The text as every database takes it: the name of who acts never makes the act fail."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")[:most]


def write(connection: Connection, actor: Actor, act: Act, at: datetime) -> int:
    """Writes a line in the caller's transaction, so that it is kept if and only if the act is; returns its key."""
    values = {
        "at": at,
        "account_id": act.account_id,
        "actor": _storable(actor.name, LONGEST_ACTOR),
        "via": actor.via,
        "action": act.action,
        "subject": act.subject,
        "details": dict(act.details),
    }
    key: int = connection.execute(insert(AUDIT).values(values).returning(AUDIT.c.key)).scalar_one()
    return key


class CountedAct:
    """An act that goes on over several transactions: it has one line, whose count rises in each of them."""

    def __init__(self, actor: Actor, act: Act, counted: str) -> None:
        self._actor, self._act, self._counted = actor, act, counted
        self._key: int | None = None
        self.total = 0

    def add(self, connection: Connection, count: int, at: datetime) -> None:
        """Writes or changes the line, in the transaction that did so much more."""
        self.total += count
        details = {**self._act.details, self._counted: self.total}
        if self._key is not None:
            connection.execute(update(AUDIT).where(AUDIT.c.key == self._key).values(details=details))
        else:
            self._key = write(connection, self._actor, replace(self._act, details=details), at)


def lines(
    connection: Connection,
    limit: int,
    *,
    account_id: HostId | None = None,
    subject: str | None = None,
    action: str | None = None,
    since: datetime | None = None,
    before: int | None = None,
) -> list[AuditLine]:
    """Up to `limit` lines, newest first, with a key below `before`; of one account, subject or action if given."""
    query = select(AUDIT).order_by(AUDIT.c.key.desc()).limit(limit)
    if account_id is not None:
        query = query.where(AUDIT.c.account_id == account_id)
    if subject is not None:
        query = query.where(AUDIT.c.subject == subject)
    if action is not None:
        query = query.where(AUDIT.c.action == action)
    if since is not None:
        query = query.where(AUDIT.c.at >= since)
    if before is not None:
        query = query.where(AUDIT.c.key < literal(before, BigInteger))  # it may be beyond all keys
    return [AuditLine(**row) for row in connection.execute(query).mappings()]


def erase_lines(connection: Connection, account_id: HostId, limit: int) -> int:
    """Deletes up to `limit` lines of an account, except those that tell of its erasure; returns how many."""
    old = select(AUDIT.c.key).where(AUDIT.c.account_id == account_id, AUDIT.c.action != "account.erased").limit(limit)
    keys = connection.scalars(old).all()
    if keys:
        connection.execute(delete(AUDIT).where(AUDIT.c.key.in_(keys)))
    return len(keys)


def rewrite_lines(
    connection: Connection, account_id: HostId, scrubbed: Callable[[Any], Any], after: int, limit: int
) -> tuple[int, int | None]:
    """Rewrites up to `limit` lines of an account, from the key after `after` on, where `scrubbed` changes them.

    Returns how many changed, and the key to go on after; None where nothing is left.
    """
    query = select(AUDIT).where(AUDIT.c.account_id == account_id, AUDIT.c.key > after)
    rows = connection.execute(query.order_by(AUDIT.c.key).limit(limit)).all()
    changed = 0
    for row in rows:
        kept = {name: getattr(row, name) for name in _OF_PEOPLE}
        clean = {name: scrubbed(value) for name, value in kept.items()}
        if clean != kept:
            connection.execute(update(AUDIT).where(AUDIT.c.key == row.key).values(clean))
            changed += 1
    return changed, rows[-1].key if len(rows) == limit else None


def subject_of(host_id: HostId) -> str:
    """An id of the host's as the subject of an act."""
    return encode_host_id(host_id)
