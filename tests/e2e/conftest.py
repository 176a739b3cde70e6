"""The databases of this tier, and the two clients that make attempts."""

import pytest

from chainbell.delivery.settings import CLIENTS, HTTP
from tests.databases import *  # noqa: F403


@pytest.fixture(params=CLIENTS)
def http(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the client, which serves by default in this test."""
    monkeypatch.setenv(HTTP, request.param)
    return str(request.param)
