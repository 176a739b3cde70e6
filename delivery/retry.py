"""What an attempt's outcome means for its delivery: the reference's retry table, as a pure function."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (10, 60, 5 * 60, 30 * 60, 2 * 60 * 60))
"""How long after the n-th failed attempt the next one follows, at the earliest; six attempts in all."""


class Outcome(StrEnum):
    """How one HTTP attempt ended."""

    ANSWERED = "answered"
    TIMEOUT = "timeout"
    DNS_FAILURE = "dns_failure"
    TLS_FAILURE = "tls_failure"
    CONNECTION_FAILURE = "connection_failure"
    BROKEN_ANSWER = "broken_answer"
    REFUSED_ADDRESS = "refused_address"
    NOT_SENT = "not_sent"
    INTERRUPTED = "interrupted"
    NO_RESOURCES = "no_resources"
    NO_NAME_SERVER = "no_name_server"


class Next(StrEnum):
    """What becomes of a delivery after an attempt: it is done, due again, or given up."""

    DELIVERED = "delivered"
    RETRY = "retry"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows an attempt: `delay` counts from the attempt's end and is None except for a retry."""

    next: Next
    delay: timedelta | None = None
    deactivate_webhook: bool = False


OURS = frozenset({Outcome.NOT_SENT, Outcome.INTERRUPTED, Outcome.NO_RESOURCES, Outcome.NO_NAME_SERVER})
"""What is not the endpoint's doing: a secret that no key opens, a dispatcher that was stopped, no file descriptor or
memory, a name server of ours that is away. Such an attempt is logged and made again, spends no try, and counts in no
statistics."""
OWN_DELAY = timedelta(minutes=1)
"""When an attempt is made again that failed by our own doing; one that was interrupted, at once."""
RETRIED_CLIENT_ERRORS = frozenset({408, 425, 429})
"""The statuses that a webhook may opt in to retrying: request timeout, too early, too many requests."""
LONGEST_RETRY_AFTER = timedelta(days=1)


def is_struggling(outcome: Outcome, http_status: int | None) -> bool:
    """Whether the endpoint seems overloaded or down (it failed, was late, or asked for a pause), so that fewer attempts
    are made at a time."""
    if outcome == Outcome.ANSWERED and http_status is not None:
        return http_status >= 500 or http_status in RETRIED_CLIENT_ERRORS
    return outcome != Outcome.REFUSED_ADDRESS and outcome not in OURS


def judge(
    outcome: Outcome,
    http_status: int | None,
    attempt: int,
    *,
    retry_client_errors: bool = False,
    retry_after: timedelta | None = None,
) -> Verdict:
    """The verdict on the attempt with this number (the first is 1).

    2xx is delivered; 5xx and whatever kept a well-formed answer from arriving in time is retried; 3xx (never followed),
    4xx and an address that the guard refuses fail at once, and 410 deactivates the webhook. With `retry_client_errors`,
    408, 425 and 429 are retried as well. No retry comes before the answer's `retry_after`, of a day at most. What is
    not the endpoint's doing (`OURS`) is made again however often it happens.
    """
    if outcome in OURS:
        return Verdict(Next.RETRY, timedelta() if outcome == Outcome.INTERRUPTED else OWN_DELAY)
    if outcome == Outcome.REFUSED_ADDRESS:
        return Verdict(Next.FAILED)
    if outcome == Outcome.ANSWERED and http_status is not None:
        if 200 <= http_status < 300:
            return Verdict(Next.DELIVERED)
        is_retried = retry_client_errors and http_status in RETRIED_CLIENT_ERRORS
        if http_status < 500 and not is_retried:
            return Verdict(Next.FAILED, deactivate_webhook=http_status == 410)
    if attempt > len(RETRY_DELAYS):
        return Verdict(Next.FAILED)
    asked = min(retry_after or timedelta(), LONGEST_RETRY_AFTER)
    return Verdict(Next.RETRY, max(asked, RETRY_DELAYS[attempt - 1]))
