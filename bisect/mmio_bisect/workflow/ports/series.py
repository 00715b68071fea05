"""Where compilers come from: the series, their points, and what fetching one gives."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from mmio_bisect.domain.commit import Commit
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.merge import Merge
from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.workflow.ports.progress import Signals


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a series' source put into a folder: everything of a `Toolchain` but what only running it tells.

    `image` names the docker image that the toolchain runs in, and that is the store's from now on; None: any will do.
    `commit` and `released` are what the compiler does not say itself.
    """

    digest: str
    tool: tuple[str, ...]
    arguments: tuple[str, ...]
    image: str | None = None
    commit: str | None = None
    released: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A toolchain outside the store: where it is, and what `fetch` would have given."""

    root: Path
    fetched: Fetched


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What only some series can do; None: this one cannot.

    `seconds`: what building a point's toolchain takes, about. `likelihood`: how likely a point is to be the answer,
    beside others. `describe`: the commit that a point is. `built_from`: the merge that a point is; raises
    `UnknownVersionError`. `afresh`: a toolchain built from nothing that an earlier build has left, which goes at the
    end; raises as `fetch` does.
    """

    seconds: Callable[[Point], float] | None = None
    likelihood: Callable[[Point], float] | None = None
    describe: Callable[[Point], Commit] | None = None
    built_from: Callable[[Point], Merge] | None = None
    afresh: Callable[[Point, Signals], AbstractContextManager[Made]] | None = None


class RunsIn(StrEnum):
    """Where the compilers of a series can run: anywhere; in images of their own; where they are installed."""

    ANY = "any"
    DOCKER = "docker"
    HOST = "host"


class SeriesSource(Protocol):
    """A series: where its points come from and how one is fetched."""

    @property
    def name(self) -> str: ...

    @property
    def family(self) -> CompilerFamily: ...

    @property
    def summary(self) -> str:
        """One sentence: which compilers, from where."""

    @property
    def capabilities(self) -> Capabilities: ...

    def listing(self, *, refresh: bool = False) -> Listing:
        """All points, oldest first; from the cache unless it is stale or `refresh`. Raises `DownloadError`."""

    def interpret(self, word: str, listing: Listing) -> tuple[Point, ...]:
        """The points that a word of a range means beyond versions and prefixes of them, oldest first; or none.

        Raises `UnknownVersionError` for a word that it can tell is wrong, and `DownloadError`.
        """

    def origin(self, point: Point) -> str:
        """One line: where a listed point comes from, and what will be fetched for it."""

    def fetch(self, point: Point, folder: Path, signals: Signals) -> Fetched:
        """Put the verified, unpacked toolchain into the empty `folder`.

        Raises `MissingToolchainError` when it does not exist, which is an answer; `DownloadError`,
        `CorruptArtefactError`, `BrokenToolchainError`, `DiskFullError`, `CancelledError`.
        """
