"""Files over HTTP: streamed, taken up where they broke off, tried again where that may help, given up when told to."""

import hashlib
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mmio_bisect.adapters.fetch.answers import PassingError
from mmio_bisect.errors import CancelledError, CorruptArtefactError, DownloadError
from mmio_bisect.workflow.ports.progress import Signals, Unwatched

if TYPE_CHECKING:
    from mmio_bisect.adapters.fetch.http_transfer import HttpFile

_POLL_SECONDS: Final = 0.05
_LONGEST_WAIT: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloads:
    """How to fetch. Usable from several threads.

    `connect` makes an `HttpFile`; whoever needs no download is spared the import of httpx.
    `waits` are the seconds before the second and every further try, for faults that may pass: those of the
    connection, a body that broke off, nothing received for `silence_seconds`, and the statuses 408, 425, 429 and 5xx.
    A try that brought anything new begins to count anew.
    """

    connect: "Callable[[str, Callable[[], bool], float], HttpFile]"
    waits: Sequence[float] = (1, 2, 4)
    silence_seconds: float = 30.0

    def read(
        self, url: str, watch: Signals | None = None, *, limit: int = 64 << 20, waits: Sequence[float] | None = None
    ) -> bytes:
        """A small file, whole; `waits` instead of the client's. Raises as `stream`, and beyond `limit` bytes.

        That is a `CorruptArtefactError`.
        """
        body = bytearray()
        with closing(self._stream(url, watch or Unwatched(), [], waits=waits)) as arriving:
            for chunk in arriving:
                body += chunk
                if len(body) > limit:
                    raise CorruptArtefactError(
                        f"{url} is larger than {limit >> 20} MiB, which it cannot be: look at it"
                    )
        return bytes(body)

    def length(self, url: str, watch: Signals) -> int | None:
        """How many bytes the file has; None where the server does not tell. Raises as `stream`."""
        lengths: list[int | None] = []
        for _ in self._stream(url, watch, lengths, only_head=True):
            pass
        return lengths[-1]

    def stream(self, url: str, watch: Signals) -> Generator[bytes, None, None]:
        """The file's bytes. Closing the iterator ends the transfer.

        Raises `NotThereError`, `DownloadError` when the last try has failed, `CorruptArtefactError` when the file
        changed under our hands, `CancelledError` soon after `watch` says so.
        """
        return self._stream(url, watch, [])

    def _stream(
        self,
        url: str,
        watch: Signals,
        lengths: list[int | None],
        *,
        waits: Sequence[float] | None = None,
        only_head: bool = False,
    ) -> Generator[bytes, None, None]:
        got, digest, tag = 0, hashlib.sha256(), None
        waits = self.waits if waits is None else waits
        tries = iter(waits)
        with self.connect(url, watch.cancelled, self.silence_seconds) as file:
            while True:
                try:
                    with file.open(begin=got, tag=tag, only_head=only_head) as (opened, pieces):
                        lengths.append(opened.total)
                        skip, tag = _Skip(digest.digest(), got - opened.begin), opened.tag
                        for piece in pieces:
                            if fresh := skip.take(piece, url):
                                got, tries = got + len(fresh), iter(waits)
                                digest.update(fresh)
                                yield fresh
                except PassingError as fault:
                    wait = next(tries, None)
                    if wait is None:
                        raise DownloadError(
                            f"{url} could not be fetched, also not at the last of {len(waits) + 1} tries "
                            f"({fault.why}): check the network and the proxy settings, then run the same command again"
                        ) from fault
                    _pause(url, fault, wait, watch)
                else:
                    return


def _pause(url: str, fault: PassingError, wait: float, watch: Signals) -> None:
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
