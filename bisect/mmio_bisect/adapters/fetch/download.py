"""Files over HTTP: streamed, taken up where they broke off, tried again where that may help, given up when told to."""

import contextlib
import hashlib
import threading
import time
import weakref
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from mmio_bisect.errors import CancelledError, CorruptArtefactError, DownloadError

if TYPE_CHECKING:
    import httpx

    from mmio_bisect.adapters.fetch.http_transfer import Passing

_POLL_SECONDS: Final = 0.05
_LONGEST_WAIT: Final = 120.0


class NotThereError(Exception):
    """The server answers, and has no such file (404 or 410). What that means is for the caller to say."""


class Watch(Protocol):
    """Of `Signals`, what a download asks."""

    def cancelled(self) -> bool: ...


class _Unwatched:
    def cancelled(self) -> bool:
        return False


class Downloads:
    """A client. Usable from several threads; closes its connections when it is dropped.

    `waits` are the seconds before the second and every further try, for faults that may pass: those of the
    connection, a body that broke off, nothing received for `silence_seconds`, and the statuses 408, 425, 429 and 5xx.
    A try that brought anything new begins to count anew.
    """

    def __init__(self, *, waits: Sequence[float] = (1, 2, 4), silence_seconds: float = 30.0) -> None:
        self._waits = tuple(waits)
        self._silence_seconds = silence_seconds
        self._client: httpx.Client | None = None
        self._lock = threading.Lock()

    def read(
        self, url: str, watch: Watch | None = None, *, limit: int = 64 << 20, waits: Sequence[float] | None = None
    ) -> bytes:
        """A small file, whole; `waits` instead of the client's. Raises as `stream`, and beyond `limit` bytes.

        That is a `CorruptArtefactError`.
        """
        body = bytearray()
        for chunk in self._stream(url, watch or _Unwatched(), [], waits=waits):
            body += chunk
            if len(body) > limit:
                raise CorruptArtefactError(f"{url} is larger than {limit >> 20} MiB, which it cannot be: look at it")
        return bytes(body)

    def length(self, url: str, watch: Watch) -> int | None:
        """How many bytes the file has; None where the server does not tell. Raises as `stream`."""
        opened: list[int | None] = []
        for _ in self._stream(url, watch, opened, only_head=True):
            pass
        return opened[-1] if opened else None

    def stream(self, url: str, watch: Watch) -> Generator[bytes, None, None]:
        """The file's bytes. Closing the iterator ends the transfer.

        Raises `NotThereError`, `DownloadError` when the last try has failed, `CorruptArtefactError` when the file
        changed under our hands, `CancelledError` soon after `watch` says so.
        """
        return self._stream(url, watch, [])

    def _connected(self) -> "httpx.Client":
        from mmio_bisect.adapters.fetch.http_transfer import new_client  # noqa: PLC0415 - as below

        with self._lock:
            if self._client is None:
                self._client = new_client(self._silence_seconds)
                weakref.finalize(self, self._client.close)
            return self._client

    def _stream(
        self,
        url: str,
        watch: Watch,
        lengths: list[int | None],
        *,
        waits: Sequence[float] | None = None,
        only_head: bool = False,
    ) -> Generator[bytes, None, None]:
        from mmio_bisect.adapters.fetch import http_transfer as transfer  # noqa: PLC0415 - httpx is heavy, history needs none

        client = self._connected()
        got, digest, tag = 0, hashlib.sha256(), None
        waits = self._waits if waits is None else waits
        tries = iter(waits)
        while True:
            reader = transfer.Reader(client, url, begin=got, tag=tag, only_head=only_head)
            skip = _Skip(digest.digest(), 0)
            fault: transfer.Passing | None = None
            with contextlib.closing(reader):
                for event in reader.events(watch, self._silence_seconds):
                    match event:
                        case transfer.Opened(begin=begin, total=total, tag=seen):
                            lengths.append(total)
                            skip, tag = _Skip(digest.digest(), got - begin), seen
                        case transfer.Chunk(data=data):
                            fresh = skip.take(data, url)
                            if fresh:
                                got, tries = got + len(fresh), iter(waits)
                                digest.update(fresh)
                                yield fresh
                        case transfer.Ended(error=None):
                            return
                        case transfer.Ended(error=Exception() as error):
                            raise error
                        case transfer.Ended(error=transfer.Passing() as passing):
                            fault = passing
            fault = fault or transfer.Passing("the transfer ended without a word")
            wait = next(tries, None)
            if wait is None:
                raise DownloadError(
                    f"{url} could not be fetched, also not at the last of {len(waits) + 1} tries ({fault.why}): check "
                    "the network and the proxy settings, then run the same command again"
                )
            self._pause(url, fault, wait, watch)

    @staticmethod
    def _pause(url: str, fault: "Passing", wait: float, watch: Watch) -> None:
        if fault.wait is not None and fault.wait > _LONGEST_WAIT:
            raise DownloadError(
                f"the server of {url} asks to be left alone for {fault.wait:.0f} s ({fault.why}): run the same command "
                "again after that"
            )
        until = time.monotonic() + max(wait, fault.wait or 0.0)
        while time.monotonic() < until:
            if watch.cancelled():
                raise CancelledError(f"fetching {url} was cancelled")
            time.sleep(min(_POLL_SECONDS, max(0.0, until - time.monotonic())))


@dataclass(slots=True)
class _Skip:
    """What a server that knows no ranges sends again. It must be what was received before, or the file has changed."""

    expected: bytes
    left: int
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def take(self, data: bytes, url: str) -> bytes:
        if self.left == 0:
            return data
        again, fresh = data[: self.left], data[self.left :]
        self._digest.update(again)
        self.left -= len(again)
        if self.left == 0 and self._digest.digest() != self.expected:
            raise CorruptArtefactError(f"{url} changed while it was fetched: run the same command again")
        return fresh
