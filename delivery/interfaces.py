"""What the dispatcher's loop works with: a ledger, attempts, and whom it tells. A simulation brings its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chainbell.delivery.ledger import Result, Wanted
from chainbell.storage import Claim, Settlement, Webhook


class Bookkeeping(Protocol):
    """The ledger as the loop asks it, one thing after the other: see `Ledger`."""

    async def exchange(
        self, settlements: Sequence[Settlement], wanted: Wanted
    ) -> tuple[list[Result], list[Claim], dict[str, Webhook | None]]:
        """Records and claims."""

    async def renew(
        self, claims: Sequence[Claim], webhooks: Sequence[str]
    ) -> tuple[set[str], dict[str, Webhook | None]]:
        """Renews leases."""

    async def give_back(self, claims: Sequence[Claim]) -> None:
        """Ends leases."""

    async def next_due(self) -> datetime | None:
        """When to look again."""

    async def is_anything_due(self) -> bool:
        """Whether anything is due that cannot be had now: another dispatcher has it, or it is not written out yet."""


class Attempts(Protocol):
    """What makes attempts: see `Sender`."""

    def is_ready(self, webhook: Webhook) -> bool:
        """Whether the endpoint's name is at hand."""

    async def look_up(self, webhook: Webhook) -> None:
        """Looks the endpoint's name up, within the deadline; raises why it could not be found."""

    async def send(
        self, claim: Claim, webhook: Webhook, begun: float | None = None, failed: Exception | None = None
    ) -> tuple[Settlement, bool | None]:
        """Makes one attempt. Never raises; if cancelled, it settles as interrupted."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Whom the loop tells what; see `Dispatcher`."""

    on_settled: Callable[[Sequence[Settlement]], None] = lambda settlements: None
    on_fenced: Callable[[Settlement], None] = lambda settlement: None
    on_deactivated: Callable[[str, str], None] = lambda webhook_id, reason: None
    on_error: Callable[[BaseException], None] = lambda error: None
