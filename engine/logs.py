"""structlog lines through the standard library's logging: event names like `chainbell.event_fired`, flat fields.

As a library, chainbell writes no output: the logger `chainbell` has only a NullHandler, so lines go where the host's
logging sends them. `configure_logging` is for programs without logging: it writes the lines to standard error.
"""

import logging
import sys
from collections.abc import Sequence
from time import monotonic
from typing import Any

import structlog

from chainbell.rules import Event
from chainbell.storage import DeliveryState, Settlement

LOGGER = logging.getLogger("chainbell")
LOGGER.addHandler(logging.NullHandler())


FIELDS = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "error",
        "exception",
        "job",
        "signal",
        "event_name",
        "reason",
        "field",
        "method",
        "route",
        "status",
        "token_name",
        "trace_id",
        "span_id",
    }
    | {
        "count",
        "rows",
        "projects",
        "events",
        "attempt",
        "outcome",
        "http_status",
        "state",
        "duration_ms",
        "fence",
    }
    | {"account_id", "project_id", "subject_id", "event_id", "webhook_id", "delivery_id"}
    | {"occurred_at", "next_attempt_at"}
)
"""Fields that lines may carry unchanged, beside the counts of the statistics."""


def only_known_fields(_logger: Any, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Redaction by allow list: of an unlisted field, only its presence is logged."""
    return {
        name: value if name in FIELDS or name.startswith(("projects_", "deliveries_")) else "[redacted]"
        for name, value in line.items()
    }


_SHARED: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.filter_by_level,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    only_known_fields,
)

log: structlog.stdlib.BoundLogger = structlog.wrap_logger(
    LOGGER,
    processors=[*_SHARED, structlog.stdlib.render_to_log_kwargs],
    wrapper_class=structlog.stdlib.BoundLogger,
)
"""chainbell's logger: the event name is the message and the fields belong to the record, however the host configures
structlog."""


class _Lines(logging.Formatter):
    """Formats each record as one line of its fields, in JSON or for people."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._render: structlog.typing.Processor = (
            structlog.processors.JSONRenderer(ensure_ascii=False)
            if as_json
            else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        )

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name not in _RECORD}
        return str(self._render(None, record.levelname.lower(), {"event": record.getMessage(), **fields}))


_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def configure_logging(*, as_json: bool, level: str = "info") -> None:
    """Writes chainbell's log lines to standard error, for programs that configure no logging themselves."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(as_json=as_json))
    LOGGER.handlers = [handler]
    LOGGER.propagate = False
    LOGGER.setLevel(level.upper())


class Recurring:
    """Log lines for an error that comes again and again while something is away: the first time at once, then once a
    minute with the `count` of those since; another error is told at once."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._told: tuple[str, float] | None = None
        self._count = 0

    def __call__(self, error: BaseException) -> None:
        """Tells the error, unless the same was told within the last minute."""
        text, now = repr(error), monotonic()
        self._count += 1
        if self._told is not None and self._told[0] == text and now - self._told[1] < SECONDS_BETWEEN_LINES:
            return
        log.warning(self._event, error=text, count=self._count)
        self._told, self._count = (text, now), 0


SECONDS_BETWEEN_LINES = 60.0


def log_event(event: Event) -> None:
    """One line for an event that has been committed."""
    log.info(
        "chainbell.event_fired",
        event_id=event.id,
        event_name=event.name,
        account_id=event.account_id,
        project_id=event.project_id,
        subject_id=event.subject_id,
        occurred_at=event.occurred_at.isoformat(),
    )


def log_settled(settlements: Sequence[Settlement]) -> None:
    """One line for each recorded attempt; never a header, a body or a secret."""
    bound = log.bind()
    for settlement in settlements:
        line = bound.info if settlement.state is DeliveryState.DELIVERED else bound.warning
        line(
            "chainbell.delivery_attempted",
            delivery_id=settlement.claim.id,
            webhook_id=settlement.claim.webhook_id,
            event_id=settlement.claim.event_id,
            event_name=settlement.claim.event,
            attempt=settlement.claim.attempts + 1,
            outcome=str(settlement.outcome),
            http_status=settlement.http_status,
            state=settlement.state.value,
            duration_ms=settlement.duration_ms,
            next_attempt_at=settlement.next_attempt_at.isoformat() if settlement.next_attempt_at else None,
        )


def log_fenced(settlement: Settlement) -> None:
    """One line for an attempt whose lease another dispatcher has taken over; its result is not recorded."""
    log.warning("chainbell.lease_lost", delivery_id=settlement.claim.id, fence=settlement.claim.fence)
