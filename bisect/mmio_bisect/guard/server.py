"""A docker socket for a containerised mmio-bisect: passes on what `guard_rules` allow, and refuses all else.

One connection carries one request. It is read whole, checked, and written anew, so that the daemon reads what was
checked; nothing else of the connection reaches the daemon, unless the daemon itself has made a stream of it (101), as
it does where a container's standard streams are asked for. What is not understood is refused: another encoding of the
body, a second length, a path with an escape.
"""

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any, Final

from mmio_bisect.adapters.sandbox.docker.container import StoreVolume
from mmio_bisect.errors import SandboxError, from_os_error
from mmio_bisect.guard import rules

_PIECE: Final = 1 << 16
_MOST_BODY: Final = 1 << 20
_MOST_DIGITS: Final = 16
# A client that does not wait for a connection, as the SDK's, is turned away when so many are about to be accepted.
_WAITING: Final = 128
# Of the daemon's answers only the pieces of a stream may be longer in coming: apt and compilers are silent for a while.
_CONNECT_SECONDS: Final = 30.0


class _Daemon(HTTPConnection):
    """The docker daemon, for one request."""

    def __init__(self, path: str) -> None:
        super().__init__("docker")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_CONNECT_SECONDS)
        self.sock.connect(self._path)
        self.sock.settimeout(None)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    _begun = False
    server: "_Server"

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    def _serve(self) -> None:
        self.close_connection = True
        try:
            request = self._request()
            self._check(request)
            self._pass_on(request)
        except rules.RefusedError as refusal:
            self.server.say(f"refused: {self.command} {self.path}: {refusal}")
            self._answer(403, str(refusal))
        except (OSError, HTTPException, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            self._answer(502, f"the docker daemon does not answer to the guard ({why})")

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT = _serve  # noqa: N815 - the base looks for these names

    def _request(self) -> rules.Request:
        lengths = self.headers.get_all("Content-Length") or ["0"]
        if (
            len(lengths) > 1
            or not lengths[0].isascii()
            or not lengths[0].isdigit()
            or len(lengths[0]) > _MOST_DIGITS
            or self.headers["Transfer-Encoding"]
        ):
            raise rules.RefusedError("A body has one length, and comes in one piece.")
        length = int(lengths[0])
        if length > _MOST_BODY:
            raise rules.RefusedError("mmio-bisect does not send a body so large.")
        if not self.path.startswith("/") or self.path.startswith("//") or ".." in self.path or "#" in self.path:
            raise rules.RefusedError("That is not a path of docker's.")
        return rules.Request(method=self.command, target=self.path, body=self.rfile.read(length))

    def _check(self, request: rules.Request) -> None:
        allowed = rules.check(request, self.server.volume)
        if allowed.container is not None and not self._is_ours(allowed.container):
            raise rules.RefusedError(f"{allowed.container} is not a container of mmio-bisect's.")

    def _is_ours(self, container: str) -> bool:
        with contextlib.closing(_Daemon(self.server.daemon_path)) as daemon:
            daemon.request("GET", f"/containers/{container}/json")
            answer = daemon.getresponse()
            found: dict[str, Any] = json.loads(answer.read())
        # One that is gone is nobody's, and the daemon says so better than we could.
        return answer.status == 404 or (answer.status == 200 and rules.is_ours(found))

    def _pass_on(self, request: rules.Request) -> None:
        streams = (self.headers["Upgrade"] or "").lower() == "tcp"
        headers = {"Connection": "Upgrade", "Upgrade": "tcp"} if streams else {"Connection": "close"}
        if request.method == "POST":
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(request.body))}
        with contextlib.closing(_Daemon(self.server.daemon_path)) as daemon:
            daemon.request(request.method, request.target, body=request.body or None, headers=headers)
            sock = daemon.sock
            answer = HTTPResponse(sock, method=request.method)
            with contextlib.closing(answer):
                answer.begin()
                if answer.status == 101:
                    self._stream(answer, sock)
                else:
                    self._relay(answer)

    def _relay(self, answer: HTTPResponse) -> None:
        """Its length or its pieces as they come: progress is told while it goes on."""
        self._begin(answer, "Content-Type", "Content-Length", "Api-Version", "Docker-Experimental", "Ostype", "Server")
        self.send_header("Connection", "close")
        self.end_headers()
        while piece := answer.read1(_PIECE):
            self.wfile.write(piece)

    def _stream(self, answer: HTTPResponse, daemon: socket.socket) -> None:
        """Bytes in both directions until both are at their ends; the end of one is handed on at once."""
        self._begin(answer, "Content-Type", "Connection", "Upgrade")
        self.end_headers()
        client = self.connection
        # What the daemon has sent with its head lies in the buffer of the answer's file.
        back = threading.Thread(target=_copy, args=(answer.fp.read1, client), daemon=True)
        back.start()
        _copy(self.rfile.read1, daemon)
        back.join()

    def _begin(self, answer: HTTPResponse, *kept: str) -> None:
        self._begun = True
        self.send_response_only(answer.status, answer.reason)
        for name in kept:
            if (value := answer.headers[name]) is not None:
                self.send_header(name, value)

    def _answer(self, status: int, message: str) -> None:
        """Nothing is said amid an answer that was begun."""
        if self._begun:
            return
        body = json.dumps({"message": message}).encode()
        with contextlib.suppress(OSError):
            self.send_response_only(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - the base's name


def _copy(read: Callable[[int], bytes], target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := read(_PIECE):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = _WAITING

    def __init__(self, path: Path, daemon_path: str, volume: StoreVolume, say: Callable[[str], None]) -> None:
        self.daemon_path = daemon_path
        self.volume = volume
        self.say = say
        super().__init__(str(path), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, _ = super().get_request()
        return connection, ("", 0)  # the base would make a text of it


@contextlib.contextmanager
def guarding(
    path: Path, docker_host: str, volume: StoreVolume, say: Callable[[str], None]
) -> Iterator[Callable[[], None]]:
    """A socket at `path`, for everybody who sees that folder; gives what serves until it is interrupted.

    Raises `SandboxError` where it cannot be made, or where the daemon at `docker_host` does not answer.
    """
    scheme, _, daemon_path = docker_host.partition("://")
    if scheme != "unix":
        raise SandboxError(f"The guard speaks to a daemon's socket, not to {docker_host}: set DOCKER_HOST to unix://….")
    _reach(daemon_path)
    try:
        path.unlink(missing_ok=True)  # a killed guard's
        server = _Server(path, daemon_path, volume, say)
        path.chmod(0o666)
    except OSError as error:
        raise from_os_error(error, f"The guard's socket {path} cannot be made", SandboxError, "name another") from error
    try:
        yield lambda: server.serve_forever(0.1)
    finally:
        server.server_close()
        path.unlink(missing_ok=True)


def _reach(path: str) -> None:
    try:
        with contextlib.closing(_Daemon(path)) as daemon:
            daemon.request("GET", "/_ping")
            daemon.getresponse().read()
    except PermissionError as error:
        group = os.stat(path).st_gid if os.path.exists(path) else "?"  # noqa: PTH110, PTH116 - it is a socket
        raise SandboxError(
            f"The docker socket {path} is for its group alone, number {group}: write DOCKER_GID={group} into the file "
            ".env beside docker-compose.yml."
        ) from error
    except OSError as error:
        raise SandboxError(f"No docker daemon answers at {path} ({error.strerror or error}): start it.") from error
