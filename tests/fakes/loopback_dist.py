"""A file server on the loopback device, as Rust's release server and its CI artefacts are; it can be told to misbehave.

Files are given as parts, so that many may share a large one. `faults` are what befalls the next requests for a path, in
turn; `bytes_per_second` throttles every answer. Ranges are served, unless a fault says otherwise.
"""

import hashlib
import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mmap import mmap

_PIECE = 1 << 16


class Fault(StrEnum):
    """What goes wrong with one answer. The first four send half of the file and then no more, or other bytes."""

    TRUNCATED = "truncated"
    STALLED = "stalled"
    CORRUPT = "corrupt"
    TRUNCATED_WITHOUT_RANGES = "truncated-without-ranges"
    BUSY = "busy"
    BROKEN = "broken"
    GONE = "gone"
    FORBIDDEN = "forbidden"


_STATUS = {Fault.BUSY: 429, Fault.BROKEN: 500, Fault.GONE: 404, Fault.FORBIDDEN: 403}


@dataclass(frozen=True)
class Content:
    """A file in parts, which may be mapped into memory."""

    parts: tuple[bytes | mmap, ...]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @cached_property
    def sha256(self) -> str:
        digest = hashlib.sha256()
        for part in self.parts:
            digest.update(part)
        return digest.hexdigest()

    def pieces(self, begin: int, end: int) -> Iterator[bytes]:
        at = 0
        for part in self.parts:
            low, high = max(begin - at, 0), min(end - at, len(part))
            for start in range(low, high, _PIECE):
                yield part[start : min(start + _PIECE, high)]
            at += len(part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    method: str
    path: str
    begin: int


@dataclass(slots=True)
class DistServer:
    """`asked` are the requests in their order; `sent` the bytes of bodies that went out."""

    files: dict[str, Content] = field(default_factory=dict)
    faults: dict[str, deque[Fault]] = field(default_factory=dict)
    bytes_per_second: int | None = None
    retry_after: str | None = "0"
    asked: list[Asked] = field(default_factory=list)
    sent: int = 0
    stalled: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    host: str = "127.0.0.1"
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def put(self, path: str, *parts: bytes) -> Content:
        content = self.files[path] = Content(parts)
        return content

    def befall(self, path: str, *faults: Fault) -> None:
        """For GET alone: a HEAD is always answered."""
        self.faults.setdefault(path, deque()).extend(faults)

    def count(self, ending: str, method: str = "GET") -> int:
        return sum(asked.path.endswith(ending) and asked.method == method for asked in self.asked)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        begin = _begin_of(request.headers.get("Range"))
        self.asked.append(Asked(method=request.command, path=request.path, begin=begin))
        content = self.files.get(request.path)
        waiting = self.faults.get(request.path)
        fault = waiting.popleft() if waiting and request.command == "GET" else None
        if content is None or fault in _STATUS:
            self._refuse(request, _STATUS.get(fault, 404) if fault else 404)
            return
        if fault is Fault.TRUNCATED_WITHOUT_RANGES or request.headers.get("If-Range") not in {None, _tag(content)}:
            begin = 0
        self._head(request, content, begin)
        if request.command == "GET":
            self._body(request, content, begin, fault)

    def _head(self, request: BaseHTTPRequestHandler, content: Content, begin: int) -> None:
        request.send_response(206 if begin else 200)
        request.send_header("Content-Length", str(len(content) - begin))
        request.send_header("ETag", _tag(content))
        if begin:
            request.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        request.end_headers()

    def _body(self, request: BaseHTTPRequestHandler, content: Content, begin: int, fault: Fault | None) -> None:
        half = fault in {Fault.TRUNCATED, Fault.STALLED, Fault.TRUNCATED_WITHOUT_RANGES}
        end = begin + (len(content) - begin) // 2 if half else len(content)
        for piece in content.pieces(begin, end):
            request.wfile.write(bytes(len(piece)) if fault is Fault.CORRUPT else piece)
            self.sent += len(piece)
            if self.bytes_per_second:
                self.let_go.wait(len(piece) / self.bytes_per_second)
        if fault is Fault.STALLED:
            request.wfile.flush()
            self.stalled.set()
            self.let_go.wait(60)
        if half:
            request.close_connection = True

    def _refuse(self, request: BaseHTTPRequestHandler, status: int) -> None:
        request.send_response(status)
        request.send_header("Content-Length", "0")
        if status == _STATUS[Fault.BUSY] and self.retry_after is not None:
            request.send_header("Retry-After", self.retry_after)
        request.end_headers()


def _begin_of(header: str | None) -> int:
    found = re.fullmatch(r"bytes=(\d+)-", header or "")
    return int(found[1]) if found else 0


def _tag(content: Content) -> str:
    return f'"{content.sha256[:16]}"'


@contextmanager
def serving_dist(host: str = "127.0.0.1") -> Iterator[DistServer]:
    """`host` is this machine's address that may ask: the loopback device's, or that of docker's bridge."""
    files = DistServer(host=host)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):
                super().handle()

        def do_GET(self) -> None:
            files.answer(self)

        do_HEAD = do_GET  # noqa: N815 - the base looks for this name

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - the base's name

    server = ThreadingHTTPServer((host, 0), Handler)
    server.daemon_threads = True
    files.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield files
    finally:
        files.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()
