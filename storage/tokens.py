"""Bearer tokens of the management API: kept as hashes, each for one account."""

import hashlib
import hmac
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select

from chainbell.rules import HostId
from chainbell.storage.tables import TokenRow, table

TOKENS = table(TokenRow)
_FIND = select(TOKENS.c.hash, TOKENS.c.account_id).where(TOKENS.c.hash == bindparam("hash"))


def token_hash(token: str) -> str:
    """SHA-256 in hex: tokens are long and random, so nothing slower is needed. Any header value can be hashed."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()


def add_token(connection: Connection, token: str, account_id: HostId, name: str, now: datetime) -> None:
    """Keeps the hash of a token for an account; raises IntegrityError for a token that is kept already."""
    values = {"hash": token_hash(token), "account_id": account_id, "name": name, "created_at": now}
    connection.execute(insert(TOKENS).values(values))


def account_of(connection: Connection, token: str) -> HostId | None:
    """The account of a token; None for an unknown token."""
    presented = token_hash(token)
    row = connection.execute(_FIND, {"hash": presented}).first()
    if row is None or not hmac.compare_digest(row.hash, presented):
        return None
    account: HostId = row.account_id
    return account


def revoke_tokens(connection: Connection, account_id: HostId, name: str | None = None) -> int:
    """Deletes an account's tokens, or those of one name; returns how many there were."""
    query = delete(TOKENS).where(TOKENS.c.account_id == account_id)
    return connection.execute(query if name is None else query.where(TOKENS.c.name == name)).rowcount
