"""Series `rust-ci`: what Rust's merge queue built, one toolchain a merge into the main branch.

    rustc-builds/<commit>/rustc-nightly-<host>.tar.xz         and rust-std-nightly-<target>.tar.xz
    rustc-builds-alt/<commit>/…                               the same with LLVM's assertions on

They are kept for 168 days, without a manifest or a hash: that an archive is whole is known from its xz stream,
whose checks are all made, and what it was is in the toolchain's digest; nothing says that it is what CI had built, but
the connection it came by. What is older, failed to build, or has no such target is missing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final

from mmio_bisect.adapters.fetch.answers import NotThereError
from mmio_bisect.adapters.series.kind import NamedSource, SourceContext
from mmio_bisect.adapters.series.rust_archives import HOST, RustConfig, day_of, fetch_rustc
from mmio_bisect.adapters.series.rust_endpoints import Archive, Merges, RustEndpoints
from mmio_bisect.domain.commit import Commit
from mmio_bisect.domain.merge import Merge
from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.errors import MissingToolchainError, UnknownVersionError
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.series import Capabilities, Fetched

KEPT: Final = timedelta(days=168)
"""rust-lang/simpleinfra, the expiration rule of the bucket."""

_COMMIT: Final = re.compile(r"[0-9a-f]{7,40}")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_VERSION: Final = re.compile(r"\d+\.\d+\.\d+")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class RustCiConfig(RustConfig):
    """`repository` is the clone whose merges are the points; with `alt` it is the builds with LLVM's assertions."""

    costs_to_list: ClassVar[bool] = True

    repository: str
    alt: bool = False

    def source(self, name: str, context: SourceContext) -> "RustCiSeries":
        return RustCiSeries(name, self, context.rust)


class RustCiSeries(NamedSource):
    """The `SeriesSource`, whose points are merges and commits: what a rollup holds is told one by one."""

    def __init__(
        self, name: str, config: RustCiConfig, rust: RustEndpoints, *, now: Callable[[], datetime] = _now
    ) -> None:
        super().__init__(name, config)
        self._config = config
        self._builds = f"{rust.builds or config.server}/rustc-builds{'-alt' if config.alt else ''}"
        self._rust = rust
        self._now = now

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(built_from=self.built_from, describe=self.describe)

    def _log(self) -> Merges:
        return self._rust.log(self._config.repository)

    def listing(self, *, refresh: bool = False) -> Listing:
        merges = self._log().merges(refresh=refresh)
        return Listing(series=self.name, points=tuple(self._points(merges)), asked_at=self._log().asked_at)

    def interpret(self, word: str, listing: Listing) -> tuple[Point, ...]:
        """A date, an abbreviated commit, or a release, which means the merge that its branch began at."""
        if _DATE.fullmatch(word):
            return self._of_day(word, listing)
        if _VERSION.fullmatch(word):
            branching = self._log().branching_of(word)
            return tuple(point for point in listing.points if point.version == branching)
        if _COMMIT.fullmatch(word):
            return self._of_commit(word, listing)
        return ()

    def built_from(self, point: Point) -> Merge:
        """Raises `UnknownVersionError`."""
        for merge in self._log().merges():
            if merge.commit == point.version:
                return merge
        raise UnknownVersionError(f"{point} is not a merge into the main branch of the repository that is at hand.")

    def describe(self, point: Point) -> Commit:
        commit = self._log().describe(point.version)
        if not self._config.repository.startswith("http"):
            return commit
        web = self._config.repository.removesuffix(".git")
        pulls = tuple(replace(pull, link=f"{web}/pull/{pull.number}") for pull in commit.rolled_up)
        return replace(commit, link=f"{web}/commit/{commit.commit}", rolled_up=pulls)

    def origin(self, point: Point) -> str:
        return self._folder(point)

    def fetch(self, point: Point, folder: Path, signals: Signals) -> Fetched:
        merged = self.built_from(point).merged
        archives = tuple(
            Archive(component=component, url=f"{self._folder(point)}/{component}-nightly-{triple}.tar.xz", sha256=None)
            for component, triple in (("rustc", HOST), ("rust-std", self._config.target))
        )
        try:
            return fetch_rustc(
                point,
                archives,
                folder,
                signals,
                self._rust.downloads,
                commit=point.version,
                released=merged.date(),
            )
        except NotThereError as missing:
            expired = missing.earlier(self._now()) - merged > KEPT
            why = f"CI keeps them for {KEPT.days} days" if expired else "CI has not built it, or not yet"
            raise MissingToolchainError(
                f"{missing} is not there: the merge is of {merged:%Y-%m-%d}, and {why}", for_good=expired
            ) from None

    def _folder(self, point: Point) -> str:
        return f"{self._builds}/{point.version}"

    def _points(self, merges: tuple[Merge, ...]) -> "list[Point]":
        """In the order of the branch, whatever the clocks said: a key is never less than the one before."""
        points, seconds = [], 0
        for merge in merges:
            seconds = max(seconds + 1, int(merge.merged.timestamp()))
            points.append(Point(series=self.name, version=merge.commit, sort_key=f"{seconds:012}"))
        return points

    def _of_day(self, word: str, listing: Listing) -> tuple[Point, ...]:
        """The merges of that day, in UTC; on a day without any, the last before it."""
        day, merges = day_of(word), self._log().merges()
        if not merges or day < merges[0].merged.date():
            raise UnknownVersionError(f"No merge of {word} or before is in the repository that is at hand.")
        if day > self._now().date():
            raise UnknownVersionError(f"The merges of {word} are still to come; `latest` means the newest.")
        of_day = {merge.commit for merge in merges if merge.merged.date() == day}
        before = [merge.commit for merge in merges if merge.merged.date() < day][-1:]
        return tuple(point for point in listing.points if point.version in (of_day or before))

    def _of_commit(self, word: str, listing: Listing) -> tuple[Point, ...]:
        found = tuple(point for point in listing.points if point.version.startswith(word))
        if len(found) == 1:
            return found
        if found:
            raise UnknownVersionError(f"“{word}” begins the names of {len(found)} merges: write more of it.")
        if self._log().commit_of(word) is not None:
            raise UnknownVersionError(
                f"“{word}” is a commit, but no merge by bors into the main branch, and CI keeps the builds of those "
                "alone: name the merge that brought it in."
            )
        return ()
