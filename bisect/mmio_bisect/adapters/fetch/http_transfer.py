"""One request over HTTP, read by a thread of its own: whoever wants the bytes takes them from a short queue.

So unpacking overlaps with receiving, and a stalled connection cannot keep anybody from giving up.

httpx rather than the standard library, because it has read timeouts, proxies with their exceptions, and connections
that are kept, all of them configured as users expect (`HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE`).
"""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import httpx

from mmio_bisect.adapters.fetch.download import NotThereError, Watch
from mmio_bisect.errors import CancelledError, CorruptArtefactError, DownloadError

_QUEUED: Final = 64  # pieces, of 64 KiB at most
_POLL_SECONDS: Final = 0.05
_CONNECT_SECONDS: Final = 15.0
_NOT_THERE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_PASSING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class Passing:
    """A fault that may pass; `wait` is how long the server asks to be left alone, in seconds."""

    why: str
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    data: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """The head of an answer: where its body begins in the file, and how long the file is, where that is known."""

    begin: int
    total: int | None
    tag: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    error: Exception | Passing | None


Event = Chunk | Opened | Ended


def new_client(silence_seconds: float) -> httpx.Client:
    return httpx.Client(
        follow_redirects=True,
        timeout=httpx.Timeout(silence_seconds, connect=min(_CONNECT_SECONDS, silence_seconds)),
        headers={"User-Agent": "mmio-bisect", "Accept-Encoding": "identity"},
    )


class Reader:
    """One request, in a thread of its own."""

    def __init__(self, client: httpx.Client, url: str, *, begin: int, tag: str | None, only_head: bool) -> None:
        self._client = client
        self._url = url
        self._begin = begin
        self._method = "HEAD" if only_head else "GET"
        self._headers = {"Range": f"bytes={begin}-"} if begin else {}
        if begin and tag is not None:
            self._headers["If-Range"] = tag
        self._queue: queue.Queue[Event] = queue.Queue(_QUEUED)
        self._unwanted = threading.Event()
        self._socket: socket.socket | None = None
        # A daemon: while a connection is being made there is nothing to shut down, and nobody shall wait for that.
        self._thread = threading.Thread(target=self._run, name="download", daemon=True)
        self._thread.start()

    def events(self, watch: Watch, silence_seconds: float) -> Iterator[Event]:
        heard = time.monotonic()
        while True:
            if watch.cancelled():
                raise CancelledError(f"fetching {self._url} was cancelled")
            try:
                event = self._queue.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                # The client's own timeout comes first; this one is for what it does not cover, such as a name's lookup.
                if time.monotonic() - heard > silence_seconds + _CONNECT_SECONDS:
                    yield Ended(Passing(f"nothing was heard for {silence_seconds + _CONNECT_SECONDS:.0f} s"))
                    return
                continue
            heard = time.monotonic()
            yield event
            if isinstance(event, Ended):
                return

    def close(self) -> None:
        """Nobody wants more: wakes the thread, wherever it waits."""
        self._unwanted.set()
        found = self._socket
        if found is not None:
            with contextlib.suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        self._put(Ended(self._receive()))

    def _receive(self) -> Exception | Passing | None:
        try:
            with self._client.stream(self._method, self._url, headers=self._headers) as response:
                self._socket = _socket_of(response)
                refused = _refusal(response, self._url, self._begin)
                if refused is not None:
                    return refused
                self._put(_opened(response, self._begin))
                for data in response.iter_raw():
                    if self._unwanted.is_set():
                        return None
                    self._put(Chunk(data))
        except (httpx.ReadTimeout, httpx.WriteTimeout, httpx.ConnectTimeout) as error:
            return Passing(f"{_words(error)}: nothing was heard for too long")
        except httpx.TransportError as error:
            return Passing(_words(error))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return DownloadError(f"{self._url} cannot be asked for ({_words(error)}): check the address and the proxy")
        else:
            return None

    def _put(self, event: Event) -> None:
        while not self._unwanted.is_set():
            try:
                self._queue.put(event, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return


def _refusal(response: httpx.Response, url: str, begin: int) -> Exception | Passing | None:
    status = response.status_code
    if status in _NOT_THERE:
        return NotThereError(url)
    said = f"{status} {response.reason_phrase}"
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Passing(said, _retry_after(response.headers.get("Retry-After")))
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and begin:
        return CorruptArtefactError(f"{url} became shorter while it was fetched: run the same command again")
    if status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        return DownloadError(f"{url} is refused ({said}): check the address, the proxy settings and your rights there")
    if status == HTTPStatus.PARTIAL_CONTENT:
        sent = response.headers.get("Content-Range", "")
        if not sent.startswith(f"bytes {begin}-"):
            return DownloadError(f"{url} was asked for from byte {begin} on, and “{sent}” came: try without a proxy")
    return None


def _opened(response: httpx.Response, begin: int) -> Opened:
    length = response.headers.get("Content-Length")
    known = int(length) if length is not None and length.isdigit() else None
    partial = response.status_code == HTTPStatus.PARTIAL_CONTENT
    start = begin if partial else 0
    tag = response.headers.get("ETag") or response.headers.get("Last-Modified")
    strong = tag if tag is not None and not tag.startswith("W/") else None
    return Opened(begin=start, total=None if known is None else start + known, tag=strong)


def _socket_of(response: httpx.Response) -> socket.socket | None:
    found = response.extensions["network_stream"].get_extra_info("socket")
    return found if isinstance(found, socket.socket) else None


def _retry_after(value: str | None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> float | None:
    """RFC 9110, 10.2.3: seconds, or a date."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - now()).total_seconds())


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
