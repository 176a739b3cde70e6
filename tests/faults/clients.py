"""Those who stand outside: a client that sends changes over HTTP, and a receiver; both write the history."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from chainbell.delivery import is_signed
from tests.e2e.receiver import Receiver, receiving, status
from tests.faults.history import Recorder
from tests.faults.workers import PAUSE_SECONDS, SECRET, change_of

TIMEOUT_SECONDS = 20.0
FAILING = 7
"""Every so many'th message is answered 503 the first time."""


class Client(threading.Thread):
    """Sends one change after the other, each again until it is acknowledged."""

    def __init__(self, base: str, token: str, project: int, recorder: Recorder) -> None:
        super().__init__(name="client", daemon=True)
        self.last_answer: tuple[int, str | None] = (0, None)
        """The status and the Retry-After of the last answer; 0 where there was none."""
        self._base, self._token, self._project = base, token, project
        self._recorder = recorder
        self._stopping = threading.Event()

    def run(self) -> None:
        number = 0
        while not self._stopping.wait(PAUSE_SECONDS):
            change = change_of("client", number, self._project)
            self._recorder.invoked(change["changeId"])
            code, retry_after, answer = post(f"{self._base}/api/v1/changes", self._token, change)
            self.last_answer = code, retry_after
            if code == 200:
                self._recorder.acknowledged(change["changeId"], [event["id"] for event in answer["events"]])
                number += 1
            else:
                self._recorder.unanswered(change["changeId"], f"{code} {answer}")

    def stop(self) -> None:
        self._stopping.set()
        self.join()


def post(url: str, token: str, body: object, method: str = "POST") -> tuple[int, str | None, Any]:
    """The status, the Retry-After and the document of the answer; status 0 and the reason where there is none."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, headers, method=method)  # noqa: S310  loopback
    try:
        with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310  loopback
            return answer.status, None, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, error.headers.get("Retry-After"), error.read().decode(errors="replace")
    except (OSError, ValueError) as error:
        return 0, None, repr(error)


@contextmanager
def recording_receiver(recorder: Recorder) -> Iterator[Receiver]:
    """A receiver that checks signatures, and fails now and then."""
    here: list[Receiver] = []

    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        request = here[0].requests[number]
        signed = is_signed(request.headers, request.body, SECRET)
        tried = json.loads(request.body)["metadata"]["retryCount"] > 0
        code = 401 if not signed else 503 if number % FAILING == FAILING - 1 and not tried else 200
        recorder.received(request.headers["webhook-id"], request.body, code)
        status(code)(handler, number)

    with receiving(answer) as receiver:
        here.append(receiver)
        yield receiver


def measured(work: Callable[[], object]) -> float:
    """How many seconds the work takes."""
    begun = time.monotonic()
    work()
    return time.monotonic() - begun
