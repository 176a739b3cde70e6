"""Bearer tokens for the management API: each belongs to one account and is stored as a hash."""

import builtins
import secrets as token_source
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, get_args

from chainbell.engine.core import Core
from chainbell.engine.documents.fields import checked_id, checked_text
from chainbell.engine.errors import InvalidInputError
from chainbell.rules import HostId
from chainbell.storage import LIBRARY, Act, Actor
from chainbell.storage import tokens as store
from chainbell.storage.tokens import Token, token_hash

Scope = Literal["read", "report", "webhooks", "admin"]
"""What a token may do: look, tell what changed, manage webhooks, everything."""
SCOPES: tuple[Scope, ...] = get_args(Scope)
USED_AGAIN = timedelta(minutes=10)
"""How often the last use of a token is written down."""
LONGEST_NAME = 200
MOST_MARKED = 10_000
"""Tokens of which the last mark is remembered."""


class Tokens:
    """`engine.tokens`: creates, recognises, lists and revokes bearer tokens."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._marked: OrderedDict[str, datetime] = OrderedDict()

    def add(
        self,
        account: HostId,
        name: str = "token",
        *,
        scopes: Sequence[Scope] = ("admin",),
        expires_at: datetime | None = None,
        actor: Actor = LIBRARY,
    ) -> str:
        """Creates a token for one account and returns it; it cannot be shown again.

        It may do everything, unless `scopes` say less, and does not expire, unless it has an `expires_at`. Raises
        InvalidInputError for an unknown scope, none at all, or an expiry that is over.
        """
        checked_id(account, "account")
        checked_text(name, "name", LONGEST_NAME)
        unknown = next((scope for scope in scopes if scope not in SCOPES), None)
        if unknown is not None or not scopes:
            raise InvalidInputError("scopes", f"{unknown!r} is none of {', '.join(SCOPES)}" if unknown else "are none")
        now = self._core.now()
        if expires_at is not None and (expires_at.tzinfo is None or expires_at <= now):
            raise InvalidInputError("expiresAt", "an instant with a time zone, later than now, is needed")
        token = "cb_" + token_source.token_urlsafe(32)
        kept = Token(
            account_id=account,
            name=name,
            scopes=tuple(dict.fromkeys(scopes)),
            created_at=now,
            expires_at=expires_at,
            last_used_at=None,
        )
        with self._core.database.write() as connection:
            store.add_token(connection, token, kept)
            act = Act(account_id=account, action="token.created", subject=name, details={"scopes": list(kept.scopes)})
            self._core.record(connection, actor, act)
        return token

    def find(self, token: str) -> Token | None:
        """Whose the token is and what it may do; None for one that is unknown or has expired."""
        with self._core.database.read() as connection:
            found = store.find_token(connection, token)
        if found is None or (found.expires_at is not None and found.expires_at <= self._core.now()):
            return None
        return found

    def account_of(self, token: str) -> HostId | None:
        """The account that the token belongs to, or None if the token is unknown or has expired."""
        found = self.find(token)
        return None if found is None else found.account_id

    def is_to_mark(self, token: str, found: Token) -> bool:
        """Whether the use of a token is to be written down by `mark_used`: once in a while, even if that fails."""
        now, name = self._core.now(), token_hash(token)
        latest = max((at for at in (found.last_used_at, self._marked.get(name)) if at is not None), default=None)
        if latest is not None and now - latest < USED_AGAIN:
            return False
        self._marked[name] = now
        while len(self._marked) > MOST_MARKED:
            self._marked.popitem(last=False)
        return True

    def mark_used(self, token: str) -> None:
        """Writes down that the token was used now."""
        with self._core.database.write() as connection:
            store.mark_used(connection, token, self._core.now())

    def list(self, account: HostId) -> builtins.list[Token]:
        """An account's tokens, the oldest first; of the tokens themselves nothing is shown."""
        with self._core.database.read() as connection:
            return store.tokens_of(connection, account)

    def revoke(self, account: HostId, name: str | None = None, *, actor: Actor = LIBRARY) -> int:
        """Deletes an account's tokens, or only those with this name; returns how many were deleted."""
        with self._core.database.write() as connection:
            revoked = store.revoke_tokens(connection, account, name)
            for token, count in revoked.items():
                act = Act(account_id=account, action="token.revoked", subject=token, details={"tokens": count})
                self._core.record(connection, actor, act)
        return sum(revoked.values())


__all__ = ["SCOPES", "Scope", "Token", "Tokens", "token_hash"]
