"""Where Rust's compilers come from: servers, and the repository that says which merges there are."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from mmio_bisect.adapters.fetch.download import Downloads
from mmio_bisect.domain.commit import Commit
from mmio_bisect.domain.merge import Merge
from mmio_bisect.errors import UsageError

HOST: Final = "x86_64-unknown-linux-gnu"


class Merges(Protocol):
    """The log of a repository, which is another adapter's work."""

    def merges(self, *, refresh: bool = False) -> tuple[Merge, ...]: ...

    @property
    def asked_at(self) -> datetime: ...

    def commit_of(self, word: str) -> str | None: ...

    def describe(self, commit: str) -> Commit: ...

    def branching_of(self, tag: str) -> str | None: ...


def _no_log(repository: str) -> Merges:
    raise UsageError(f"{repository} is not at hand: give a clone of it with --rust-repo.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RustPlaces:
    """What a user says of places; None: what the series' own data says. `log` is given a repository's address."""

    releases: str | None = None
    builds: str | None = None
    silence_seconds: float = 30.0
    log: Callable[[str], Merges] = _no_log


ELSEWHERE: Final = RustPlaces()


@dataclass(frozen=True, slots=True, kw_only=True)
class RustServer:
    """A release server, for which machine and target. `url` is without `dist`, as rustup's own setting is."""

    url: str
    host: str = HOST
    triple: str
    downloads: Downloads


@dataclass(frozen=True, slots=True, kw_only=True)
class RustBuilds:
    """The builds of CI; with `alt` those with LLVM's assertions."""

    url: str
    host: str = HOST
    triple: str
    alt: bool = False
    downloads: Downloads
