"""The outbox: deliveries, written in the transaction of the events that they carry, and which of them are due.

Claiming is in `claiming.py`, when something is due in `due.py`, recording attempts in `settling.py`, sending again in
`resending.py`. A delivery is found by its state and lease, never by tailing ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, func, insert, literal_column, select

from chainbell.storage.notifications import notify
from chainbell.storage.tables import DeliveryRow, WebhookRow, table

DELIVERIES, WEBHOOKS = table(DeliveryRow), table(WebhookRow)


class DeliveryState(StrEnum):
    """Where a delivery stands: to be tried (again), taken by the endpoint, given up, held for too long."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"


IS_PENDING = DELIVERIES.c.state == literal_column(f"'{DeliveryState.PENDING}'")
IS_STILL_PENDING = DELIVERIES.c.state.concat("") == DeliveryState.PENDING.value
"""Of rows that are found by their ids. No index is taken for it: a transaction left open would have kept it long."""
LOST = (DeliveryState.FAILED, DeliveryState.EXPIRED)
IS_LOST = DELIVERIES.c.state.in_([literal_column(f"'{state}'") for state in LOST])
"""Literals, so that the databases see that the partial indexes answer."""


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A message for one webhook: `id` travels as `webhookId`, `body` is what will be sent, with a retry count of 0."""

    id: str
    webhook_id: str
    event_id: str | None
    event: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery leased to us: `fence` proves it, `attempts` counts the recorded ones in all series of tries."""

    id: str
    webhook_id: str
    event: str
    body: bytes
    attempts: int
    fence: int
    tried_before: int = 0
    event_id: str | None = None

    @property
    def attempt(self) -> int:
        """The number, from 1, of the next attempt within the present series of tries."""
        return self.attempts - self.tried_before + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The result of one attempt: its log row, the delivery's next state, and when it is due again if still pending."""

    claim: Claim
    state: DeliveryState
    started_at: datetime
    duration_ms: int
    outcome: str
    is_ours: bool = False
    http_status: int | None = None
    error: str | None = None
    response: str | None = None
    next_attempt_at: datetime | None = None
    deactivate_webhook: bool = False
    deactivation: str | None = None

    @property
    def is_counted(self) -> bool:
        """Whether it says something of the endpoint: not a test event, and not a failure of our own."""
        return not self.is_ours and self.claim.event_id is not None

    @property
    def attempt(self) -> "Attempt":
        """The attempt as the log keeps it."""
        return Attempt(
            delivery_id=self.claim.id,
            number=self.claim.attempts + 1,
            webhook_id=self.claim.webhook_id,
            event=self.claim.event,
            started_at=self.started_at,
            duration_ms=self.duration_ms,
            outcome=str(self.outcome),
            http_status=self.http_status,
            error=self.error,
            response=self.response,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One HTTP request as the log keeps it: numbered from 1 within its delivery, without gaps."""

    delivery_id: str
    number: int
    webhook_id: str
    event: str
    started_at: datetime
    duration_ms: int
    outcome: str
    http_status: int | None
    error: str | None
    response: str | None

    @property
    def succeeded(self) -> bool:
        """Whether the endpoint answered 2xx."""
        return self.http_status is not None and 200 <= self.http_status < 300


def enqueue(connection: Connection, deliveries: Sequence[NewDelivery], now: datetime) -> None:
    """Writes deliveries that are due now; dispatchers in other processes are notified once the transaction commits."""
    if not deliveries:
        return
    rows = [
        {
            "id": delivery.id,
            "webhook_id": delivery.webhook_id,
            "event_id": delivery.event_id,
            "event": delivery.event,
            "body": delivery.body,
            "state": DeliveryState.PENDING.value,
            "attempts": 0,
            "next_attempt_at": now,
            "lease_until": None,
            "fence": 0,
            "created_at": now,
            "finished_at": None,
            "tried_before": 0,
            "is_retry": False,
        }
        for delivery in deliveries
    ]
    connection.execute(_ENQUEUE, rows)
    notify(connection)


_ENQUEUE = insert(DELIVERIES)


def backlog(connection: Connection, webhook_id: str) -> dict[DeliveryState, int]:
    """How many deliveries of one webhook wait, have failed, have expired."""
    counted = func.count().label("count")
    counts = {DeliveryState.PENDING: 0, DeliveryState.FAILED: 0, DeliveryState.EXPIRED: 0}
    for condition in (IS_PENDING, IS_LOST):
        query = select(DELIVERIES.c.state, counted).where(DELIVERIES.c.webhook_id == webhook_id, condition)
        counts |= {DeliveryState(row[0]): row[1] for row in connection.execute(query.group_by(DELIVERIES.c.state))}
    return counts
