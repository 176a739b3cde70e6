"""The ledger in a thread of its own, the one that talks to the database: asked and awaited in order."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Self, TypeVar

from chainbell.delivery.ledger import Ledger, Result, Wanted
from chainbell.storage import Claim, Settlement, Webhook

Answered = TypeVar("Answered")


class LedgerThread:
    """See `Ledger` for what each method does; the thread ends with the context."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._pool = ThreadPoolExecutor(1, "chainbell-ledger")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    async def exchange(
        self, settlements: Sequence[Settlement], wanted: Wanted
    ) -> tuple[list[Result], list[Claim], dict[str, Webhook | None]]:
        """Records what has ended and claims what there is room for."""
        return await self._run(lambda: self._ledger.exchange(settlements, wanted))

    async def renew(
        self, claims: Sequence[Claim], webhooks: Sequence[str]
    ) -> tuple[set[str], dict[str, Webhook | None]]:
        """Renews leases."""
        return await self._run(lambda: self._ledger.renew(claims, webhooks))

    async def give_back(self, claims: Sequence[Claim]) -> None:
        """Ends leases."""
        await self._run(lambda: self._ledger.give_back(claims))

    async def next_due(self) -> datetime | None:
        """When the next delivery is due."""
        return await self._run(self._ledger.next_due)

    async def is_anything_due(self) -> bool:
        """Whether anything is due that cannot be had now."""
        return await self._run(self._ledger.is_anything_due)

    async def _run(self, work: Callable[[], Answered]) -> Answered:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
