"""structlog lines: event names like `chainbell.event_fired`, flat fields, JSON or for people."""

import logging
import sys
from collections.abc import Sequence
from typing import Any

import structlog

from chainbell.rules import Event
from chainbell.storage import Settlement

log = structlog.get_logger("chainbell")


FIELDS = frozenset(
    {"event", "level", "timestamp", "error", "exception", "job", "name", "reason", "field", "method", "path"}
    | {"count", "rows", "projects", "events", "attempt", "outcome", "http_status", "state", "duration_ms", "fence"}
    | {"account_id", "project_id", "subject_id", "event_id", "webhook_id", "delivery_id"}
    | {"occurred_at", "next_attempt_at"}
)
"""What lines may carry as it is, beside the counts of the statistics."""


def only_known_fields(_logger: Any, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Redaction by allow list: a field that nobody has thought about says only that it was there."""
    return {
        name: value if name in FIELDS or name.startswith(("projects_", "deliveries_")) else "[redacted]"
        for name, value in line.items()
    }


def configure_logging(*, as_json: bool, level: str = "info") -> None:
    """For programs that have not configured structlog themselves: lines on standard error."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            only_known_fields,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def log_event(event: Event) -> None:
    log.info(
        "chainbell.event_fired",
        event_id=event.id,
        name=event.name,
        account_id=event.account_id,
        project_id=event.project_id,
        subject_id=event.subject_id,
        occurred_at=event.occurred_at.isoformat(),
    )


def log_settled(settlements: Sequence[Settlement]) -> None:
    """One line per recorded attempt; never a header, a body or a secret."""
    bound = log.bind()
    for settlement in settlements:
        line = bound.info if settlement.state == "delivered" else bound.warning
        line(
            "chainbell.delivery_attempted",
            delivery_id=settlement.claim.id,
            webhook_id=settlement.claim.webhook_id,
            event_id=settlement.claim.event_id,
            name=settlement.claim.event,
            attempt=settlement.claim.attempts + 1,
            outcome=str(settlement.outcome),
            http_status=settlement.http_status,
            state=settlement.state,
            duration_ms=settlement.duration_ms,
            next_attempt_at=settlement.next_attempt_at.isoformat() if settlement.next_attempt_at else None,
        )


def log_fenced(settlement: Settlement) -> None:
    log.warning("chainbell.lease_lost", delivery_id=settlement.claim.id, fence=settlement.claim.fence)
