"""A network between two processes that can be cut, made a black hole, and healed: a proxy on loopback."""

import socket
import threading
from contextlib import suppress
from pathlib import Path
from select import select

POLL_SECONDS = 0.05
CHUNK = 65536


class Network:
    """Listens on a port of 127.0.0.1 and forwards each connection to a socket in the file system.

    `cut` breaks all connections and refuses new ones. A `black_hole` takes what is sent and forwards nothing, without
    a word to either side. `heal` breaks what hangs in the hole and forwards again.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._pairs: list[tuple[socket.socket, socket.socket | None]] = []
        self._changing = threading.Lock()
        self._is_black_hole = False
        self._listener: socket.socket | None = None
        self._closed = threading.Event()
        self.port = 0
        self._listen()

    def cut(self) -> None:
        self._stop_listening()
        self._break_all()

    def black_hole(self) -> None:
        self._is_black_hole = True

    def heal(self) -> None:
        if self._is_black_hole:
            self._break_all()
            self._is_black_hole = False
        if self._listener is None:
            self._listen()

    def close(self) -> None:
        self._closed.set()
        self.cut()

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()

    def _break_all(self) -> None:
        with self._changing:
            pairs, self._pairs = self._pairs, []
        for one in (end for pair in pairs for end in pair if end is not None):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                threading.Thread(target=self._forward, args=(near,), daemon=True).start()

    def _forward(self, near: socket.socket) -> None:
        far = socket.socket(socket.AF_UNIX)
        with near, far, suppress(OSError):
            if not self._is_black_hole:
                far.connect(str(self._target))
            with self._changing:
                self._pairs.append((near, far))
            while not self._closed.is_set():
                readable, _, _ = select([near] if self._is_black_hole else [near, far], [], [], POLL_SECONDS)
                for one in readable:
                    data = one.recv(CHUNK)
                    if not data:
                        return
                    if not self._is_black_hole:
                        (far if one is near else near).sendall(data)
