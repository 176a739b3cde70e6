from datetime import timedelta

import pytest

from chainbell.delivery import Next, Outcome, judge


def test_six_attempts_at_the_reference_s_times() -> None:
    verdicts = [judge(Outcome.ANSWERED, 503, attempt) for attempt in range(1, 7)]
    assert [v.delay.total_seconds() for v in verdicts[:5] if v.delay] == [10, 60, 300, 1800, 7200]
    assert verdicts[5].next == Next.FAILED


@pytest.mark.parametrize("outcome", [o for o in Outcome if o not in (Outcome.ANSWERED, Outcome.REFUSED_ADDRESS)])
def test_what_kept_an_answer_from_arriving_is_retried(outcome: Outcome) -> None:
    assert judge(outcome, None, 1).next == Next.RETRY


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, Next.DELIVERED), (204, Next.DELIVERED), (301, Next.FAILED), (304, Next.FAILED), (400, Next.FAILED)]
    + [(404, Next.FAILED), (410, Next.FAILED), (429, Next.FAILED), (500, Next.RETRY), (599, Next.RETRY)],
)
def test_the_status_decides(status: int, expected: Next) -> None:
    verdict = judge(Outcome.ANSWERED, status, 1)
    assert verdict.next == expected
    assert verdict.deactivate_webhook == (status == 410)


def test_an_address_that_the_guard_refuses_is_not_retried() -> None:
    assert judge(Outcome.REFUSED_ADDRESS, None, 1).next == Next.FAILED


@pytest.mark.parametrize("status", [408, 425, 429])
def test_some_client_errors_are_retried_where_the_webhook_asks_for_it(status: int) -> None:
    assert judge(Outcome.ANSWERED, status, 1).next == Next.FAILED
    asked = judge(Outcome.ANSWERED, status, 1, retry_client_errors=True)
    assert (asked.next, asked.delay) == (Next.RETRY, timedelta(seconds=10))


def test_retry_after_is_honoured_but_never_earlier_than_the_table() -> None:
    def delay(seconds: int) -> timedelta | None:
        after = timedelta(seconds=seconds)
        return judge(Outcome.ANSWERED, 429, 2, retry_client_errors=True, retry_after=after).delay

    assert delay(5) == timedelta(minutes=1)
    assert delay(300) == timedelta(minutes=5)
    assert delay(10**7) == timedelta(days=1)
