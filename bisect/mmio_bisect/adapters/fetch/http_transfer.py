"""Requests over HTTP on the caller's thread, each of which can be given up at any moment.

httpx rather than the standard library, because it has read timeouts and proxies with their exceptions, configured as
users expect (`HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE`). Its asynchronous client, because the plain one cannot be
interrupted while it looks up a name, connects, agrees on keys or waits for bytes, and a read that timed out ends the
transfer.
"""

import asyncio
import contextlib
import functools
import ssl
from collections.abc import Callable, Coroutine, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpcore
import httpx

from mmio_bisect.adapters.fetch.answers import Opened, PassingError
from mmio_bisect.errors import CancelledError, DownloadError

_POLL_SECONDS: Final = 0.05
_CONNECT_SECONDS: Final = 15.0

_T = TypeVar("_T")

# As much as asyncio reads at once. Whole, since every piece costs a task: 400 MiB over loopback take 1.1 s of processor
# time in pieces of this size, and 1.6 s in httpcore's quarters of it.
httpcore.AsyncHTTP11Connection.READ_NUM_BYTES = 1 << 18


class HttpFile:
    """A file on a server, which may be asked for several times; close it by leaving the `with` block.

    `silence_seconds` bounds every wait for the server. All methods raise `CancelledError` soon after `cancelled` says
    so, and `PassingError` when the connection fails or nothing comes for too long.
    """

    def __init__(self, url: str, cancelled: Callable[[], bool], silence_seconds: float) -> None:
        self._url = url
        self._cancelled = cancelled
        self._loop = asyncio.new_event_loop()
        self._sockets: list[httpcore.AsyncNetworkStream] = []
        self._client = httpx.AsyncClient(
            follow_redirects=True,
            timeout=httpx.Timeout(silence_seconds, connect=min(_CONNECT_SECONDS, silence_seconds)),
            headers={"User-Agent": "mmio-bisect", "Accept-Encoding": "identity"},
            verify=_trusted(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.run_until_complete(self._client.aclose())
        for connected in self._sockets:  # httpcore 1.0 forgets one whose keys were being agreed on when it was given up
            self._loop.run_until_complete(connected.aclose())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    @contextlib.contextmanager
    def open(self, *, begin: int, tag: str | None, only_head: bool) -> Iterator[tuple[Opened, Iterator[bytes]]]:
        """The answer's head and the pieces of its body, from byte `begin` on. Raises as `Opened.from_head` also."""
        headers = {"Range": f"bytes={begin}-"} if begin else {}
        if begin and tag is not None:
            headers["If-Range"] = tag
        with self._translated():
            method = "HEAD" if only_head else "GET"
            request = self._client.build_request(method, self._url, headers=headers, extensions={"trace": self._trace})
            response = self._run(self._client.send(request, stream=True))
            try:
                status, reason = response.status_code, response.reason_phrase
                yield (
                    Opened.from_head(status, reason, response.headers, url=self._url, begin=begin),
                    self._pieces(response),
                )
            finally:
                self._loop.run_until_complete(response.aclose())

    async def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            self._sockets.append(info["return_value"])

    def _pieces(self, response: httpx.Response) -> Iterator[bytes]:
        body = response.aiter_raw()

        async def following() -> bytes | None:
            return await anext(body, None)

        while (piece := self._run(following())) is not None:
            yield piece

    def _run(self, step: Coroutine[Any, Any, _T]) -> _T:
        task = self._loop.create_task(step)
        timer: asyncio.TimerHandle

        def look() -> None:
            nonlocal timer
            if self._cancelled():
                task.cancel()
            else:
                timer = self._loop.call_later(_POLL_SECONDS, look)

        timer = self._loop.call_later(_POLL_SECONDS, look)
        if self._cancelled():
            task.cancel()
        try:
            return self._loop.run_until_complete(task)
        except asyncio.CancelledError as error:
            raise CancelledError(f"fetching {self._url} was cancelled") from error
        finally:
            timer.cancel()
            if not task.done():  # Ctrl-C
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    self._loop.run_until_complete(task)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (httpx.ReadTimeout, httpx.WriteTimeout, httpx.ConnectTimeout) as error:
            raise PassingError(f"{_words(error)}: nothing was heard for too long") from error
        except httpx.TransportError as error:
            raise PassingError(_words(error)) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DownloadError(
                f"{self._url} cannot be asked for ({_words(error)}): check the address and the proxy"
            ) from error


@functools.cache
def _trusted() -> ssl.SSLContext:
    """The certificates that httpx trusts by default; reading them takes longer than a request."""
    return httpx.create_ssl_context()


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
