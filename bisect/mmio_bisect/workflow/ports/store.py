"""Toolchains on disk."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mmio_bisect.domain.toolchain import Point, Toolchain


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredToolchain:
    """One entry of the store: sizes in bytes, its image's included; `last_used` in seconds since the epoch."""

    toolchain: Toolchain
    points: tuple[Point, ...]
    size: int
    last_used: float
    in_use: bool
    image: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A toolchain on disk that is kept from pruning while the lease is held; `image` as in `Fetched`."""

    toolchain: Toolchain
    root: Path
    fetched: bool
    image: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What was put into an entry's folder, and the image that came to be with it."""

    toolchain: Toolchain
    image: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What became of an entry whose files were all read: None, or what was changed, and then it was thrown out."""

    stored: StoredToolchain
    change: str | None


class ToolchainStore(Protocol):
    """Toolchains on disk: content-addressed, atomic, shared by processes."""

    def known(self, point: Point) -> Toolchain | None:
        """The toolchain that a point became, if it is in the store."""

    def lease(
        self, point: Point, fill: Callable[[Path], Filled], *, cancelled: Callable[[], bool]
    ) -> AbstractContextManager[Lease]:
        """Hold the point's toolchain, first having `fill` put it into an empty folder unless it is here.

        `fill` runs under a lock of its point, so that two processes never fetch the same one at the same time.
        """

    def entries(self) -> tuple[StoredToolchain, ...]: ...

    def verify(self) -> Iterator[Verified]:
        """Read all files of all entries that nobody is about to remove."""

    def prune(
        self, *, keep_bytes: int | None = None, keep_count: int | None = None, used_since: float | None = None
    ) -> tuple[StoredToolchain, ...]:
        """Remove least recently used entries until the rest fit in `keep_bytes`, and are no more than `keep_count`.

        All that were not used since then (seconds since the epoch) go too; those in use stay. Returns the removed.
        """
