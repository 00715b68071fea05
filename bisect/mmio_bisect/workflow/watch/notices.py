"""Notices: what people are told, once each; the outbox that keeps them, and their delivery."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mmio_bisect.domain.recipe import digest_of
from mmio_bisect.errors import UndeliveredError
from mmio_bisect.workflow.watch.news import SeriesState


class NoticeKind(StrEnum):
    REGRESSION = "regression"
    FIXED = "fixed"
    TRACED = "traced"
    TROUBLE = "trouble"
    RECOVERED = "recovered"
    RULES = "rules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """`key` says what it is about: two of one key are one. `plain` is short, `markdown` has the whole report."""

    key: str
    kind: NoticeKind
    series: str
    title: str
    plain: str
    markdown: str
    run: int | None = None


def notice_key(*parts: str) -> str:
    return digest_of("\n".join(parts).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A notice that a channel has not got yet, after so many tries."""

    notice: Notice
    channel: str
    attempts: int
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One run of the watch; times as history's. `code` None: it did not come to its end. `summary` is a document."""

    started: str
    finished: str | None
    code: int | None
    summary: str | None


class Outbox(Protocol):
    """What the watch keeps besides history. Every call is one transaction."""

    def state(self, series: str, profile: str) -> SeriesState:
        """An empty one of a series that was never watched. Raises `CorruptDatabaseError`."""

    def keep(
        self, series: str, profile: str, state: SeriesState, notices: Sequence[Notice], channels: Sequence[str]
    ) -> tuple[Notice, ...]:
        """The state and what follows from it, together or not at all. Gives the notices that are new."""

    def pending(self) -> tuple[Delivery, ...]:
        """Oldest first."""

    def delivered(self, key: str, channel: str) -> None: ...

    def failed(self, key: str, channel: str, error: str) -> None: ...

    def begin_tick(self) -> int: ...

    def finish_tick(self, tick: int, code: int, summary: str) -> None: ...

    def ticks(self, *, limit: int) -> tuple[Tick, ...]:
        """Newest first."""


class Messenger(Protocol):
    """Hands a notice to one channel. Raises `UndeliveredError`, without the channel's address in its words."""

    def knows(self, channel: str) -> bool:
        """Whether it is configured: a channel that was taken out gets what waits for it when it comes back."""

    def send(self, channel: str, notice: Notice) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    sent: tuple[Delivery, ...]
    failed: tuple[tuple[Delivery, UndeliveredError], ...]


def deliver(outbox: Outbox, messenger: Messenger) -> Delivered:
    """Each notice to each channel, tried again in every tick until it is taken.

    A process killed between a channel's answer and our note of it sends once more: no channel can be asked.
    """
    sent, failed = [], []
    for one in filter(lambda one: messenger.knows(one.channel), outbox.pending()):
        try:
            messenger.send(one.channel, one.notice)
        except UndeliveredError as error:
            outbox.failed(one.notice.key, one.channel, str(error))
            failed.append((one, error))
        else:
            outbox.delivered(one.notice.key, one.channel)
            sent.append(one)
    return Delivered(sent=tuple(sent), failed=tuple(failed))
