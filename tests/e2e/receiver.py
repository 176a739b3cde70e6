"""A receiver with real sockets in a thread of the test, that remembers what it got and answers as told."""

import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.e2e.waiting import until


@dataclass
class Received:
    headers: dict[str, str]
    body: bytes


Answer = Callable[[BaseHTTPRequestHandler, int], None]
"""Writes the answer to the n-th request (from 0)."""


@dataclass
class Receiver:
    url: str = ""
    requests: list[Received] = field(default_factory=list)


def until_asked(receiver: Receiver, before: int, process: subprocess.Popen[Any]) -> None:
    """Waits for a request after so many, or the end of the process that would make it."""
    until(lambda: len(receiver.requests) > before or process.poll() is not None)


def status(code: int, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


OK = status(200)


@contextmanager
def receiving(answer: Answer = OK, *, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """With `tls` at https://localhost, showing that context's certificate."""
    receiver = Receiver()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                number = len(receiver.requests)
                receiver.requests.append(Received(dict(self.headers.items()), body))
            answer(self, number)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 512

        def handle_error(self, request: object, client_address: object) -> None:
            """A sender that was killed or gave up is part of the test."""

    server = Server(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        receiver.url = f"https://localhost:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
