"""A receiver that does as little as HTTP allows, as a process: `python benchmarks/sink.py DELAY [stamps]`."""

import asyncio
import json
import sys
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


async def sink(delay: float, stamps: bool) -> None:
    """Listens until killed; prints its port, and with stamps when each delivery came."""
    Sink.delay, Sink.stamps = delay, stamps
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(sink(float(sys.argv[1]), "stamps" in sys.argv[2:]))
