"""Bearer tokens for the management API: each belongs to one account and is stored as a hash."""

import secrets as token_source

from chainbell.engine.core import Core
from chainbell.rules import HostId
from chainbell.storage import tokens as store


class Tokens:
    """`engine.tokens`: creates, recognises and revokes bearer tokens."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def add(self, account: HostId, name: str = "token") -> str:
        """Creates a token for one account and returns it; it cannot be shown again."""
        token = "cb_" + token_source.token_urlsafe(32)
        with self._core.database.write() as connection:
            store.add_token(connection, token, account, name, self._core.now())
        return token

    def account_of(self, token: str) -> HostId | None:
        """The account that the token belongs to, or None if the token is unknown."""
        with self._core.database.read() as connection:
            return store.account_of(connection, token)

    def revoke(self, account: HostId, name: str | None = None) -> int:
        """Deletes an account's tokens, or only those with this name; returns how many were deleted."""
        with self._core.database.write() as connection:
            return store.revoke_tokens(connection, account, name)
