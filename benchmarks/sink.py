"""A receiver that does as little as HTTP allows, as a process: `python benchmarks/sink.py DELAY`.

With `--tls` a file of key and certificate, it speaks TLS, and gives out tickets with which sessions are resumed.
"""

import argparse
import asyncio
import json
import ssl
from time import time


class Sink(asyncio.Protocol):
    """Answers 200 to every POST with a body, on connections that stay open; as little of HTTP as a sender can bear."""

    ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    delay = 0.0
    stamps = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.got = transport, b""

    def data_received(self, data: bytes) -> None:
        if self.stamps and not self.got:
            self.first = time()
        self.got += data
        head, end, body = self.got.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]):
            return
        self.got = b""
        if self.stamps:
            print(self.first, json.loads(body)["data"]["taskId"], flush=True)
        if self.delay:
            asyncio.get_running_loop().call_later(self.delay, self.transport.write, self.ANSWER)
        else:
            self.transport.write(self.ANSWER)


async def sink(delay: float, stamps: bool, tls: str | None) -> None:
    """Listens until killed; prints its port, and with stamps when each delivery came."""
    Sink.delay, Sink.stamps = delay, stamps
    context = None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0, backlog=1024, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("delay", type=float, help="seconds before each answer")
    parser.add_argument("--stamps", action="store_true", help="prints when each delivery came, and its task")
    parser.add_argument("--tls", metavar="FILE", help="the key and the certificate")
    asyncio.run(sink(**vars(parser.parse_args())))
