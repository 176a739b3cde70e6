"""Bearer tokens of the management API: kept as hashes, each for one account."""

import hashlib
import hmac
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Connection, bindparam, delete, insert, select, update
from sqlmodel import Field

from chainbell.rules import HostId
from chainbell.storage.metadata import Kept
from chainbell.storage.tables import table
from chainbell.storage.types import HostIdType, Instant


class TokenRow(Kept, table=True):
    """A bearer token of the management API, as its SHA-256; without scopes it is one from before they were kept."""

    hash: str = Field(primary_key=True, max_length=64)
    account_id: HostId = Field(sa_type=HostIdType, index=True)
    name: str
    created_at: datetime = Field(sa_type=Instant)
    scopes: list[str] | None = Field(sa_type=JSON)
    expires_at: datetime | None = Field(sa_type=Instant)
    last_used_at: datetime | None = Field(sa_type=Instant)


TOKENS = table(TokenRow)
EVERYTHING = ("admin",)
"""The scopes of tokens from before scopes were kept."""
_COLUMNS = ("account_id", "name", "scopes", "created_at", "expires_at", "last_used_at")
_FIND = select(TOKENS.c.hash, *(TOKENS.c[name] for name in _COLUMNS)).where(TOKENS.c.hash == bindparam("hash"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is kept of a token: whose it is, what it may do, until when, and when it was used last.

    The token itself is kept as a hash alone. `expires_at` is None for one that does not expire.
    """

    account_id: HostId
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


def token_hash(token: str) -> str:
    """SHA-256 in hex: tokens are long and random, so nothing slower is needed. Any header value can be hashed."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()


def add_token(connection: Connection, token: str, kept: Token) -> None:
    """Keeps a token as its hash; raises IntegrityError for one that is kept already."""
    values = {name: getattr(kept, name) for name in _COLUMNS}
    connection.execute(insert(TOKENS).values({**values, "hash": token_hash(token), "scopes": list(kept.scopes)}))


def find_token(connection: Connection, token: str) -> Token | None:
    """What is kept of a token, expired or not; None for an unknown one."""
    presented = token_hash(token)
    row = connection.execute(_FIND, {"hash": presented}).first()
    if row is None or not hmac.compare_digest(row.hash, presented):
        return None
    return _token(row[1:])


def tokens_of(connection: Connection, account_id: HostId) -> list[Token]:
    """An account's tokens, the oldest first."""
    query = select(*(TOKENS.c[name] for name in _COLUMNS)).where(TOKENS.c.account_id == account_id)
    return [_token(row) for row in connection.execute(query.order_by(TOKENS.c.created_at, TOKENS.c.hash))]


def mark_used(connection: Connection, token: str, at: datetime) -> None:
    """Keeps when a token was used last."""
    connection.execute(update(TOKENS).where(TOKENS.c.hash == token_hash(token)).values(last_used_at=at))


def revoke_tokens(connection: Connection, account_id: HostId, name: str | None = None) -> dict[str, int]:
    """Deletes an account's tokens, or those of one name; returns how many there were of each name."""
    query = delete(TOKENS).where(TOKENS.c.account_id == account_id).returning(TOKENS.c.name)
    return Counter(connection.scalars(query if name is None else query.where(TOKENS.c.name == name)))


def _token(row: Sequence[Any]) -> Token:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Token(**{**values, "scopes": EVERYTHING if values["scopes"] is None else tuple(values["scopes"])})
