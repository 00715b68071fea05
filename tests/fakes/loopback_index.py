"""A package index on the loopback device, which can be told to misbehave, and small `ziglang` wheels to put into it."""

import base64
import hashlib
import io
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PROGRAM = b"#!/bin/sh\necho 'clang version 18.1.6'\n"
HEADER = b"#define NULL 0\n"
FILES = {
    "ziglang/__init__.py": b"",
    "ziglang/zig": PROGRAM,
    "ziglang/lib/include/stddef.h": HEADER,
    "ziglang/lib/libc/musl/src/abs.c": b"int abs(int a) { return a < 0 ? -a : a; }\n",
}

Serve = Callable[[BaseHTTPRequestHandler, bytes], None]


def hash_of(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def wheel(
    version: str, files: Mapping[str, bytes] | None = None, *, record: Mapping[str, bytes] | None = None
) -> bytes:
    """A wheel of `files`, whose RECORD is right unless it is to be of other files."""
    info = f"ziglang-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: ziglang\nVersion: {version}\n".encode()
    everything = dict(FILES if files is None else files) | {
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n",
    }
    lines = [f"{name},{hash_of(content)},{len(content)}" for name, content in (everything | dict(record or {})).items()]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in everything.items():
            file.writestr(name, content)
        file.writestr(f"{info}/RECORD", "\n".join([*lines, f"{info}/RECORD,,"]))
    return archive.getvalue()


class Index:
    """A simple index (PEP 503). `served` counts the wheels that went out whole, by version."""

    def __init__(self) -> None:
        self.wheels: dict[str, bytes] = {}
        self.promised: dict[str, str] = {}
        self.asked: list[str] = []
        self.served: dict[str, int] = {}
        self.serve_wheel: Serve = answer
        self.serve_page: Serve = partial(answer, kind="text/html")
        self.stalled, self.let_go = threading.Event(), threading.Event()
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with suppress(BrokenPipeError, ConnectionResetError):
                    index.answer(self)

            def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - the base's name

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/simple"

    def add(self, version: str, content: bytes | None = None, *, promised: bytes | None = None) -> None:
        name = f"ziglang-{version}-py3-none-any.whl"
        self.wheels[name] = wheel(version) if content is None else content
        self.promised[name] = hashlib.sha256(self.wheels[name] if promised is None else promised).hexdigest()

    def digest(self, version: str) -> str:
        return f"sha256:{hashlib.sha256(self.wheels[f'ziglang-{version}-py3-none-any.whl']).hexdigest()}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        name = request.path.rsplit("/", 1)[-1]
        if request.path == "/simple/ziglang/":
            links = "".join(f'<a href="/files/{name}#sha256={self.promised[name]}">{name}</a>' for name in self.wheels)
            self.serve_page(request, f"<!DOCTYPE html><html><body>{links}</body></html>".encode())
        elif name in self.wheels:
            self.serve_wheel(request, self.wheels[name])
            version = name.split("-")[1]
            self.served[version] = self.served.get(version, 0) + 1
        else:
            request.send_error(404)

    def truncate(self, request: BaseHTTPRequestHandler, content: bytes) -> None:
        head(request, len(content))
        request.wfile.write(content[: len(content) // 2])
        raise BrokenPipeError

    def stall(self, request: BaseHTTPRequestHandler, content: bytes) -> None:
        """Send half, and nothing more until `let_go`; the other half never comes."""
        head(request, len(content))
        request.wfile.write(content[: len(content) // 2])
        request.wfile.flush()
        self.stalled.set()
        self.let_go.wait(60)
        raise BrokenPipeError

    def stop(self) -> None:
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving() -> Iterator[Index]:
    index = Index()
    try:
        yield index
    finally:
        index.stop()


def head(request: BaseHTTPRequestHandler, length: int, kind: str = "application/octet-stream") -> None:
    request.send_response(200)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(length))
    request.end_headers()


def answer(request: BaseHTTPRequestHandler, content: bytes, kind: str = "application/octet-stream") -> None:
    head(request, len(content), kind)
    request.wfile.write(content)


def not_there(request: BaseHTTPRequestHandler, _content: bytes) -> None:
    request.send_error(404)
