"""Where Rust's compilers come from: servers, what a release there consists of, and the log of the repository."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Protocol

from mmio_bisect.adapters.fetch.download import Downloads
from mmio_bisect.domain.commit import Commit
from mmio_bisect.domain.merge import Merge

OFFICIAL: Final = "https://static.rust-lang.org"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One component for one machine. `sha256` is None where the source promises none."""

    component: str
    url: str
    sha256: str | None
    gzip: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A channel at one time. `commit` is as long as the manifest has it; `archives` by component and triple."""

    published: date
    version: str
    commit: str | None
    archives: Mapping[tuple[str, str], Archive]

    @property
    def minor(self) -> tuple[int, int]:
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)


class ReadManifest(Protocol):
    def __call__(self, text: bytes, *, url: str, base_url: str) -> Manifest:
        """As `read_manifest` of `rust_manifest`, which loads pydantic."""


class Merges(Protocol):
    """The log of a repository, which is another adapter's work."""

    def merges(self, *, refresh: bool = False) -> tuple[Merge, ...]: ...

    @property
    def asked_at(self) -> datetime: ...

    def commit_of(self, word: str) -> str | None: ...

    def describe(self, commit: str) -> Commit: ...

    def branching_of(self, tag: str) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RustEndpoints:
    """How Rust's servers are reached, and which: None for those that the series' own data name.

    `log` is given a repository's address, when it is needed and no sooner.
    """

    downloads: Downloads
    read_manifest: ReadManifest
    log: Callable[[str], Merges]
    releases: str | None = None
    builds: str | None = None
