"""The bearer tokens of those who use the management API: one account each, kept as hashes."""

import secrets as token_source

from chainbell.engine.core import Core
from chainbell.rules import HostId
from chainbell.storage import tokens as store


class Tokens:
    """`engine.tokens`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def add(self, account: HostId, name: str = "token") -> str:
        """A new token of one account, shown this once."""
        token = "cb_" + token_source.token_urlsafe(32)
        with self._core.database.write() as connection:
            store.add_token(connection, token, account, name, self._core.now())
        return token

    def account_of(self, token: str) -> HostId | None:
        """Whose token this is; None for one that is not known."""
        with self._core.database.read() as connection:
            return store.account_of(connection, token)

    def revoke(self, account: HostId, name: str | None = None) -> int:
        """Deletes an account's tokens, or those of one name; returns how many there were."""
        with self._core.database.write() as connection:
            return store.revoke_tokens(connection, account, name)
