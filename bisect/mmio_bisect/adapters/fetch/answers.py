"""What a server's answer to a request for a file means: here it comes, it may come later, or it never will."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, Self

from mmio_bisect.adapters.foreign_input import MALFORMED
from mmio_bisect.errors import CorruptArtefactError, DownloadError

_NOT_THERE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_PASSING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})

_MOST_DIGITS: Final = 18


class NotThereError(Exception):
    """The server answers, and has no such file (404 or 410). What that means is for the caller to say."""

    def __init__(self, url: str, asked: datetime | None = None) -> None:
        super().__init__(url)
        self._asked = asked

    def earlier(self, present: datetime) -> datetime:
        """That moment, or the server's when it answered, if its clock is behind ours: which may be ahead by years."""
        return present if self._asked is None else min(present, self._asked)


class PassingError(Exception):
    """A fault that may pass; `wait` is how long the server asks to be left alone, in seconds."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.wait = wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The head of an answer: where its body begins in the file, and how long the file is, where that is known."""

    begin: int
    total: int | None
    tag: str | None

    @classmethod
    def from_head(cls, status: int, reason: str, headers: Mapping[str, str], *, url: str, begin: int) -> Self:
        """The answer to a request for the bytes from `begin` on.

        Raises `NotThereError`, `PassingError`, `DownloadError` where it is refused for good, and
        `CorruptArtefactError` where the file has changed.
        """
        _check(status, f"{status} {reason}", headers, url, begin)
        known = _number(headers.get("Content-Length", ""))
        start = begin if status == HTTPStatus.PARTIAL_CONTENT else 0
        tag = headers.get("ETag") or headers.get("Last-Modified")
        strong = tag if tag is not None and not tag.startswith("W/") else None
        return cls(begin=start, total=None if known is None else start + known, tag=strong)


def _check(status: int, said: str, headers: Mapping[str, str], url: str, begin: int) -> None:
    if status in _NOT_THERE:
        raise NotThereError(url, _moment(headers.get("Date")))
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise PassingError(said, _retry_after(headers.get("Retry-After")))
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and begin:
        raise CorruptArtefactError(f"{url} became shorter while it was fetched: run the same command again")
    if status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        raise DownloadError(f"{url} is refused ({said}): check the address, the proxy settings and your rights there")
    sent = headers.get("Content-Range", "")
    if status == HTTPStatus.PARTIAL_CONTENT and not sent.startswith(f"bytes {begin}-"):
        raise DownloadError(f"{url} was asked for from byte {begin} on, and “{sent}” came: try without a proxy")


def _retry_after(value: str | None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> float | None:
    """RFC 9110, 10.2.3: seconds, or a date."""
    if value is None:
        return None
    if (seconds := _number(value.strip())) is not None:
        return float(seconds)
    try:
        until = parsedate_to_datetime(value)
    except MALFORMED:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - now()).total_seconds())


def _moment(value: str | None) -> datetime | None:
    """RFC 9110, 5.6.7; None where it is not a moment."""
    try:
        moment = parsedate_to_datetime(value or "")
    except MALFORMED:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _number(text: str) -> int | None:
    """One that a file's length or a time may be."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
