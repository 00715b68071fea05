"""Series `rust`: the stable releases that Rust's release server, or a mirror of it, holds (`rust_dist`)."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from packaging.version import Version

from mmio_bisect.adapters.fetch.answers import NotThereError
from mmio_bisect.adapters.fetch.listing_cache import CachedVersions, ListingCache
from mmio_bisect.adapters.series.kind import SourceContext
from mmio_bisect.adapters.series.rust_archives import RustConfig, day_of
from mmio_bisect.adapters.series.rust_dist import DATE, ReleasedRustc
from mmio_bisect.adapters.series.rust_endpoints import OFFICIAL, RustEndpoints
from mmio_bisect.adapters.series.version_order import sort_key
from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.errors import DownloadError, MissingToolchainError
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.series import Fetched

_LISTING_WAITS: Final = (0.5, 1.0)  # somebody waits for the list, and an old one may serve
_STABLE: Final = re.compile(r"\S*/dist/(?P<date>\d{4}-\d{2}-\d{2})/channel-rust-(?P<version>\d+\.\d+\.\d+)\.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class RustReleasesConfig(RustConfig):
    def source(self, name: str, context: SourceContext) -> "RustReleaseSeries":
        return RustReleaseSeries(name, self, context.rust, context.folder, warn=context.warn)


class RustReleaseSeries(ReleasedRustc):
    """The `SeriesSource`. `warn` is given sentences for the user."""

    def __init__(
        self,
        name: str,
        config: RustReleasesConfig,
        rust: RustEndpoints,
        cache_folder: Path,
        *,
        max_age: timedelta = timedelta(hours=24),
        warn: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        super().__init__(name, config, rust)
        mirror = "" if self._url == OFFICIAL else f"-{hashlib.sha256(self._url.encode()).hexdigest()[:16]}"
        subject = f"the list of {self.name} versions"
        self._cache = ListingCache(cache_folder, f"{self.name}{mirror}", max_age=max_age, warn=warn, subject=subject)

    def listing(self, *, refresh: bool = False) -> Listing:
        """An old list is better than none: it is used, with a warning, when the server does not answer."""
        cached = self._listed(refresh=refresh)
        versions = sorted(map(Version, _days(cached)))
        points = tuple(
            Point(series=self.name, version=str(version), sort_key=sort_key(version)) for version in versions
        )
        return Listing(series=self.name, points=points, asked_at=cached.asked_at)

    def interpret(self, word: str, listing: Listing) -> tuple[Point, ...]:
        """A date means the newest release of that day or before. Raises `UnknownVersionError`."""
        if not DATE.fullmatch(word):
            return ()
        day = day_of(word)
        days = _days(self._listed(refresh=False))
        return tuple(point for point in listing.points if days[point.version] <= day.isoformat())[-1:]

    def origin(self, point: Point) -> str:
        return f"{self._url}/dist/{self._day(point)}, as its channel-rust-{point.version}.toml says"

    def fetch(self, point: Point, folder: Path, signals: Signals) -> Fetched:
        try:
            manifest = self._manifest(self._day(point), point.version, signals)
        except NotThereError as missing:
            raise MissingToolchainError(f"{point} is listed, but {missing} is not there", for_good=False) from None
        return self._fetched(point, manifest, folder, signals, for_good=False)

    def _day(self, point: Point) -> str:
        days = _days(self._listed(refresh=False))
        if point.version not in days:
            raise DownloadError(f"{point} is no longer listed: ask for the list again with --refresh")
        return days[point.version]

    def _listed(self, *, refresh: bool) -> CachedVersions:
        return self._cache.current(self._ask, refresh=refresh)

    def _ask(self) -> CachedVersions:
        url = f"{self._url}/manifests.txt"
        try:
            lines = self._rust.downloads.read(url, waits=_LISTING_WAITS).decode(errors="replace").splitlines()
        except NotThereError:
            raise DownloadError(f"{url} is not there: name another server with MMIO_BISECT_RUST_DIST") from None
        found = [line.strip() for line in lines if _STABLE.fullmatch(line.strip())]
        if not found:
            raise DownloadError(f"{url} names no stable release: name another server with MMIO_BISECT_RUST_DIST")
        return CachedVersions(versions=tuple(found), asked_at=datetime.now(UTC))


def _days(cached: CachedVersions) -> Mapping[str, str]:
    """The day of each version; a manifest that was published again lies in two folders, the later one counts."""
    found = [match for line in cached.versions if (match := _STABLE.fullmatch(line)) is not None]
    return {match["version"]: match["date"] for match in sorted(found, key=lambda match: match["date"])}
