"""Series `rust` and `rust-nightly`: what Rust's release server, or a mirror of it, holds under `dist`.

    dist/2024-05-01/channel-rust-nightly.toml   and .sha256: one folder a day, some days missing
    dist/2024-03-21/channel-rust-1.77.0.toml    and .sha256: a stable release, in the folder of its day
    manifests.txt                               the addresses of all manifests, one a line

An archive is trusted when its hash is its manifest's, and a manifest when its hash is in the file beside it: they share
a server, so this guards against accidents and caches, not against the server.

Which days have a nightly is not asked beforehand: every day since 1.0 is a point, and one without a manifest turns out
untestable. A word for a nightly may also be a version, and then means the nightlies that had that version: which those
are is read from manifests around the day that Rust's release train gives (1.N was released 42·N days after
2015-05-14, and master became 1.N when 1.(N-2) was about to be released).
"""

import hashlib
import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from packaging.version import Version

from mmio_bisect.adapters.fetch.answers import NotThereError
from mmio_bisect.adapters.fetch.listing_cache import CachedVersions, ListingCache
from mmio_bisect.adapters.series.rust_archives import (
    digest_of_archives,
    fetch_archives,
    rustc_from,
)
from mmio_bisect.adapters.series.rust_endpoints import RustServer
from mmio_bisect.adapters.series.rust_release import OFFICIAL, Archive, Manifest
from mmio_bisect.adapters.series.version_order import sort_key
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.errors import (
    CorruptArtefactError,
    DownloadError,
    MissingToolchainError,
    UnknownVersionError,
)
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.series import Capabilities, Fetched

FIRST_NIGHTLY: Final = date(2015, 5, 15)
_TRAIN: Final = date(2015, 5, 14)
_STATION: Final = timedelta(days=42)
_DAY: Final = timedelta(days=1)
# A nightly may be late, and a mirror later; after a week it does not come any more.
_STILL_TO_COME: Final = timedelta(days=7)
# Master's version moves some days before the release; never so much as two weeks, nor after it by more than one.
_EARLY, _LATE = timedelta(days=14), timedelta(days=7)

_LISTING_WAITS: Final = (0.5, 1.0)  # somebody waits for the list, and an old one may serve

_DATE: Final = re.compile(r"\d{4}-\d{1,2}-\d{1,2}")
_VERSION: Final = re.compile(r"1\.(?P<minor>\d{1,3})(?:\.\d+)?(?:-nightly)?")
_STABLE: Final = re.compile(r"\S*/dist/(?P<date>\d{4}-\d{2}-\d{2})/channel-rust-(?P<version>\d+\.\d+\.\d+)\.toml")


def _today() -> date:
    return datetime.now(UTC).date()


def manifest_of(server: RustServer, day: str, channel: str, signals: Signals | None = None) -> Manifest:
    """Verified. Raises `NotThereError`, `DownloadError`, `CorruptArtefactError`, `CancelledError`."""
    from mmio_bisect.adapters.series.rust_manifest import read_manifest  # noqa: PLC0415 - not for an answer of history

    url = f"{server.url}/dist/{day}/channel-rust-{channel}.toml"
    text = server.downloads.read(url, signals)
    words = server.downloads.read(f"{url}.sha256", signals, limit=1 << 16).decode(errors="replace").split()
    if not words or not re.fullmatch(r"[0-9a-f]{64}", words[0]):
        raise CorruptArtefactError(f"{url}.sha256 holds no SHA-256: look at it")
    if hashlib.sha256(text).hexdigest() != words[0]:
        raise CorruptArtefactError(
            f"{url} is not what its .sha256 says: run the same command again; if it stays so, the server or a proxy is "
            "at fault"
        )
    return read_manifest(text, url=url, base_url=server.url)


def fetch_release(
    server: RustServer, point: Point, manifest: Manifest, folder: Path, signals: Signals, *, for_good: bool
) -> Fetched:
    """`for_good`: what is not there now never will be."""
    wanted = (
        _archive(manifest, point, "rustc", server.host),
        _archive(manifest, point, "rust-std", server.triple),
    )
    try:
        hashes = fetch_archives(wanted, folder, signals, server.downloads)
    except NotThereError as missing:
        raise MissingToolchainError(
            f"{missing} is not there, though the manifest of {point} names it", for_good=for_good
        ) from None
    digest = digest_of_archives(wanted, hashes)
    return rustc_from(digest, folder, point, commit=manifest.commit, released=manifest.published)


def _archive(manifest: Manifest, point: Point, component: str, triple: str) -> Archive:
    found = manifest.archives.get((component, triple))
    if found is None:
        raise MissingToolchainError(f"{point} was published without {component} for {triple}", for_good=True)
    return found


class RustNightlySeries:
    """The `SeriesSource`. `day_of_commit` gives the day of a commit of Rust's own repository, where one is at hand."""

    family = CompilerFamily.RUSTC
    capabilities = Capabilities()

    def __init__(
        self,
        name: str,
        summary: str,
        server: RustServer,
        *,
        today: Callable[[], date] = _today,
        day_of_commit: Callable[[str], date | None] = lambda _commit: None,
    ) -> None:
        self.name = name
        self.summary = summary
        self._server = server
        self._today = today
        self._day_of_commit = day_of_commit
        self._manifests: dict[str, Manifest | None] = {}
        self._lock = threading.Lock()

    def listing(self, *, refresh: bool = False) -> Listing:  # noqa: ARG002 - the calendar is never stale
        days = (self._today() - FIRST_NIGHTLY).days + 1
        points = tuple(self._point(FIRST_NIGHTLY + timedelta(days=count)) for count in range(days))
        return Listing(series=self.name, points=points, asked_at=datetime.now(UTC))

    def interpret(self, word: str, listing: Listing) -> tuple[Point, ...]:
        """A version, or a commit; and why a date is none. Raises as `manifest_of` too."""
        if _DATE.fullmatch(word):
            raise UnknownVersionError(self._no_day(word, listing))
        if version := _VERSION.fullmatch(word):
            return self._of_version(int(version["minor"]), word, listing)
        if re.fullmatch(r"[0-9a-f]{7,40}", word) and (day := self._day_of_commit(word)) is not None:
            # The nightly of a day is built from what was merged until midnight before, in UTC.
            wanted = (day + _DAY).isoformat()
            return tuple(point for point in listing.points if point.version == wanted)
        return ()

    def origin(self, point: Point) -> str:
        return f"{self._server.url}/dist/{point.version}, as its channel-rust-nightly.toml says"

    def fetch(self, point: Point, folder: Path, signals: Signals) -> Fetched:
        for_good = self._today() - date.fromisoformat(point.version) > _STILL_TO_COME
        try:
            manifest = manifest_of(self._server, point.version, "nightly", signals)
        except NotThereError as missing:
            raise MissingToolchainError(
                f"no nightly was published on {point.version} ({missing} is not there)", for_good=for_good
            ) from None
        return fetch_release(self._server, point, manifest, folder, signals, for_good=for_good)

    def _point(self, day: date) -> Point:
        return Point(series=self.name, version=day.isoformat(), sort_key=day.isoformat())

    def _no_day(self, word: str, listing: Listing) -> str:
        newest = listing.points[-1].version
        try:
            day = date(*map(int, word.split("-")))
        except ValueError:
            return f"“{word}” is not a date: there is no such day; write YYYY-MM-DD."
        if day < FIRST_NIGHTLY:
            return f"There is no nightly of {word} to be had: the first is of {FIRST_NIGHTLY}."
        if day > date.fromisoformat(newest):
            return f"The nightly of {word} is still to come: the newest can be of {newest}; `latest` means that one."
        return f"“{word}” is not written as a nightly's date is: write {day}."

    def _of_version(self, minor: int, word: str, listing: Listing) -> tuple[Point, ...]:
        begin, after = self._first_with(minor, word).isoformat(), self._first_with(minor + 1, word).isoformat()
        found = tuple(point for point in listing.points if begin <= point.version < after)
        if not found:
            raise UnknownVersionError(self._no_version(word))
        return found

    @staticmethod
    def _train(minor: int) -> date:
        """When master became 1.`minor`, about: when 1.(`minor` - 2) was released."""
        return _TRAIN + _STATION * max(minor - 2, 0)

    def _first_with(self, minor: int, word: str) -> date:
        """The first day whose nightly is 1.`minor` or later, by bisection; days without one are stepped over.

        Raises `UnknownVersionError` if there is none about the day that the train gives.
        """
        middle = self._train(minor)
        low, high = max(middle - _EARLY, FIRST_NIGHTLY), min(middle + _LATE, self._today())
        days = [low + timedelta(days=count) for count in range((high - low).days + 1)]
        first: date | None = None
        while days:
            at = len(days) // 2
            version = self._version_of(days[at])
            if version is None:
                del days[at]
            elif version >= (1, minor):
                first, days = days[at], days[:at]
            else:
                days = days[at + 1 :]
        if first is None:
            if self._today() < middle + _LATE:
                return self._today() + _DAY  # master has not got that far
            raise UnknownVersionError(self._no_version(word))
        return first

    def _no_version(self, word: str) -> str:
        return (
            f"No nightly of version “{word}” is to be found where Rust's release train says; write dates instead, "
            "as in rust-nightly:2024-01-01..2024-03-21."
        )

    def _version_of(self, day: date) -> tuple[int, int] | None:
        """None: no nightly on that day."""
        key = day.isoformat()
        with self._lock:
            if key not in self._manifests:
                try:
                    self._manifests[key] = manifest_of(self._server, key, "nightly")
                except NotThereError:
                    self._manifests[key] = None
            found = self._manifests[key]
        return None if found is None else found.minor


class RustReleaseSeries:
    """The `SeriesSource`. `warn` is given sentences for the user."""

    family = CompilerFamily.RUSTC
    capabilities = Capabilities()

    def __init__(
        self,
        name: str,
        summary: str,
        server: RustServer,
        cache_folder: Path,
        *,
        max_age: timedelta = timedelta(hours=24),
        warn: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self.name = name
        self.summary = summary
        self._server = server
        mirror = "" if server.url == OFFICIAL else f"-{hashlib.sha256(server.url.encode()).hexdigest()[:16]}"
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
        if not _DATE.fullmatch(word):
            return ()
        try:
            day = date(*map(int, word.split("-")))
        except ValueError:
            raise UnknownVersionError(f"“{word}” is not a date: there is no such day; write YYYY-MM-DD.") from None
        days = _days(self._listed(refresh=False))
        return tuple(point for point in listing.points if days[point.version] <= day.isoformat())[-1:]

    def origin(self, point: Point) -> str:
        return f"{self._server.url}/dist/{self._day(point)}, as its channel-rust-{point.version}.toml says"

    def fetch(self, point: Point, folder: Path, signals: Signals) -> Fetched:
        try:
            manifest = manifest_of(self._server, self._day(point), point.version, signals)
        except NotThereError as missing:
            raise MissingToolchainError(f"{point} is listed, but {missing} is not there", for_good=False) from None
        return fetch_release(self._server, point, manifest, folder, signals, for_good=False)

    def _day(self, point: Point) -> str:
        days = _days(self._listed(refresh=False))
        if point.version not in days:
            raise DownloadError(f"{point} is no longer listed: ask for the list again with --refresh")
        return days[point.version]

    def _listed(self, *, refresh: bool) -> CachedVersions:
        return self._cache.current(self._ask, refresh=refresh)

    def _ask(self) -> CachedVersions:
        url = f"{self._server.url}/manifests.txt"
        try:
            lines = self._server.downloads.read(url, waits=_LISTING_WAITS).decode(errors="replace").splitlines()
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
