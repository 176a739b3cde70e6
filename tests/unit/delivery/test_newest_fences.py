"""What has been attempted and is claimed again: settled with its new fence, unless it has been recorded already."""

from dataclasses import replace
from datetime import UTC, datetime

from chainbell.delivery.ledger import with_newest_fences
from chainbell.storage import Claim, DeliveryState, Settlement

CLAIM = Claim("d", "w", "task.red", b"", attempts=0, fence=1)
SETTLEMENT = Settlement(
    claim=CLAIM,
    state=DeliveryState.PENDING,
    started_at=datetime(2026, 1, 1, tzinfo=UTC),
    duration_ms=0,
    outcome="timeout",
)


def test_a_lease_that_ended_before_its_time_is_settled_with_the_new_fence() -> None:
    again = replace(CLAIM, fence=2)
    assert with_newest_fences([SETTLEMENT], [again]) == ([replace(SETTLEMENT, claim=again)], [])


def test_an_attempt_that_is_recorded_already_is_not_recorded_for_the_next_claim() -> None:
    """The answer to its record was lost, and the retry was due by the time that the database came back."""
    following = replace(CLAIM, fence=2, attempts=1)
    assert with_newest_fences([SETTLEMENT], [following]) == ([SETTLEMENT], [following])
