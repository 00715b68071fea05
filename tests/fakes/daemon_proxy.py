"""A docker daemon that can be made to hang, die or come back: a proxy before the real one, on a socket of its own."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

_PIECE = 1 << 16


class DaemonProxy:
    """Passes connections on to the daemon at `behind` until told otherwise. `asked` counts connections."""

    def __init__(self, path: Path, behind: str) -> None:
        self.url = f"unix://{path}"
        self.asked = 0
        self._path = path
        self._behind = behind.removeprefix("unix://")
        self._flows = threading.Event()
        self._flows.set()
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.revive()

    def hang(self) -> None:
        """From now on nothing gets through, and nothing is closed."""
        self._flows.clear()

    def die(self) -> None:
        """Close everything, and listen no more."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self._path.unlink(missing_ok=True)
        self.break_off()

    def break_off(self) -> None:
        """Close what is open; a new connection is welcome."""
        with self._lock:
            connections, self._open = self._open, []
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def revive(self) -> None:
        """Listen, and let everything through."""
        self._flows.set()
        if self._listener is None:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(self._path))
            listener.listen()
            self._listener = listener
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.asked += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as daemon:
            daemon.connect(self._behind)
            with self._lock:
                self._open += [client, daemon]
            back = threading.Thread(target=self._pass_on, args=(daemon, client), daemon=True)
            back.start()
            self._pass_on(client, daemon)
            back.join()
            with self._lock:
                self._open = [other for other in self._open if other not in {client, daemon}]

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                self._flows.wait()
                target.sendall(piece)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def proxied(path: Path, behind: str) -> Iterator[DaemonProxy]:
    proxy = DaemonProxy(path, behind)
    try:
        yield proxy
    finally:
        proxy.revive()
        proxy.die()
