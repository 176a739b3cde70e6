"""What is not the endpoint's doing is told apart from what is."""

import errno
import socket

import pytest
from aiohttp import ClientConnectorError
from aiohttp.client_reqrep import ConnectionKey

from chainbell.delivery import RETRY_DELAYS, Next, Outcome, judge
from chainbell.delivery.attempt import outcome_of
from chainbell.delivery.retry import OURS, OWN_DELAY, is_struggling

KEY = ConnectionKey("example.com", 443, True, True, None, None, None)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_a_lack_of_our_own_resources_is_ours(number: int) -> None:
    error = OSError(number, "none left")
    assert outcome_of(error) == Outcome.NO_RESOURCES
    assert outcome_of(ClientConnectorError(KEY, error)) == Outcome.NO_RESOURCES


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), Outcome.CONNECTION_FAILURE),
        (socket.gaierror(socket.EAI_NONAME, "no such name"), Outcome.DNS_FAILURE),
        (TimeoutError(), Outcome.TIMEOUT),
    ],
)
def test_what_the_endpoint_does_is_the_endpoint_s(error: Exception, outcome: Outcome) -> None:
    assert outcome_of(error) == outcome
    assert outcome not in OURS


@pytest.mark.parametrize("outcome", sorted(OURS))
@pytest.mark.parametrize("attempt", [1, len(RETRY_DELAYS) + 1, 1000])
def test_our_own_failure_never_ends_a_delivery(outcome: Outcome, attempt: int) -> None:
    verdict = judge(outcome, None, attempt)
    assert verdict.next == Next.RETRY
    assert verdict.delay is not None
    assert verdict.delay <= OWN_DELAY
    assert not verdict.deactivate_webhook
    assert not is_struggling(outcome, None)
