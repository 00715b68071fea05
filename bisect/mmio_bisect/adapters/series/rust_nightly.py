"""Series `rust-nightly`: the nightlies that Rust's release server, or a mirror of it, holds (`rust_dist`).

Which days have a nightly is not asked beforehand: every day since 1.0 is a point, and one without a manifest turns out
untestable. A word for a nightly may also be a version, and then means the nightlies that had that version: which those
are is read from manifests around the day that Rust's release train gives (1.N was released 42·N days after
2015-05-14, and master became 1.N when 1.(N-2) was about to be released).
"""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from mmio_bisect.adapters.fetch.answers import NotThereError
from mmio_bisect.adapters.series.kind import SourceContext
from mmio_bisect.adapters.series.rust_archives import RustConfig, day_of
from mmio_bisect.adapters.series.rust_dist import DATE, ReleasedRustc
from mmio_bisect.adapters.series.rust_endpoints import Manifest, RustEndpoints
from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.errors import MissingToolchainError, UnknownVersionError
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.series import Fetched

FIRST_NIGHTLY: Final = date(2015, 5, 15)
_TRAIN: Final = date(2015, 5, 14)
_STATION: Final = timedelta(days=42)
_DAY: Final = timedelta(days=1)
# A nightly may be late, and a mirror later; after a week it does not come any more.
_STILL_TO_COME: Final = timedelta(days=7)
# Master's version moves some days before the release; never so much as two weeks, nor after it by more than one.
_EARLY, _LATE = timedelta(days=14), timedelta(days=7)

_VERSION: Final = re.compile(r"1\.(?P<minor>\d{1,3})(?:\.\d+)?(?:-nightly)?")


def _today() -> date:
    return datetime.now(UTC).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class RustNightlyConfig(RustConfig):
    """`repository` is cloned where a word of a range is a commit."""

    repository: str

    def source(self, name: str, context: SourceContext) -> "RustNightlySeries":
        def day_of_commit(word: str) -> date | None:
            merges = context.rust.log(self.repository).merges()
            return next((merge.merged.date() for merge in merges if merge.commit.startswith(word)), None)

        return RustNightlySeries(name, self, context.rust, day_of_commit=day_of_commit)


class RustNightlySeries(ReleasedRustc):
    """The `SeriesSource`. `day_of_commit` gives the day of a commit of Rust's own repository, where one is at hand."""

    def __init__(
        self,
        name: str,
        config: RustNightlyConfig,
        rust: RustEndpoints,
        *,
        today: Callable[[], date] = _today,
        day_of_commit: Callable[[str], date | None] = lambda _commit: None,
    ) -> None:
        super().__init__(name, config, rust)
        self._today = today
        self._day_of_commit = day_of_commit
        self._manifests: dict[str, Manifest | None] = {}
        self._lock = threading.Lock()

    def listing(self, *, refresh: bool = False) -> Listing:  # noqa: ARG002 - the calendar is never stale
        days = (self._today() - FIRST_NIGHTLY).days + 1
        points = tuple(self._point(FIRST_NIGHTLY + timedelta(days=count)) for count in range(days))
        return Listing(series=self.name, points=points, asked_at=datetime.now(UTC))

    def interpret(self, word: str, listing: Listing) -> tuple[Point, ...]:
        """A version, or a commit; and why a date cannot be one. Raises as `_manifest` too."""
        if DATE.fullmatch(word):
            raise UnknownVersionError(self._no_day(word, listing))
        if version := _VERSION.fullmatch(word):
            return self._of_version(int(version["minor"]), word, listing)
        if re.fullmatch(r"[0-9a-f]{7,40}", word) and (day := self._day_of_commit(word)) is not None:
            # The nightly of a day is built from what was merged until midnight before, in UTC.
            wanted = (day + _DAY).isoformat()
            return tuple(point for point in listing.points if point.version == wanted)
        return ()

    def origin(self, point: Point) -> str:
        return f"{self._url}/dist/{point.version}, as its channel-rust-nightly.toml says"

    def fetch(self, point: Point, folder: Path, signals: Signals) -> Fetched:
        day, today = date.fromisoformat(point.version), self._today()
        for_good = today - day > _STILL_TO_COME
        try:
            manifest = self._manifest(point.version, "nightly", signals)
        except NotThereError as missing:
            today = missing.earlier(datetime.combine(today, datetime.min.time(), UTC)).date()
            raise MissingToolchainError(
                f"no nightly was published on {point.version} ({missing} is not there)",
                for_good=today - day > _STILL_TO_COME,
            ) from None
        return self._fetched(point, manifest, folder, signals, for_good=for_good)

    def _point(self, day: date) -> Point:
        return Point(series=self.name, version=day.isoformat(), sort_key=day.isoformat())

    def _no_day(self, word: str, listing: Listing) -> str:
        newest, day = listing.points[-1].version, day_of(word)
        if day < FIRST_NIGHTLY:
            return f"“{word}” is before the first nightly, which is of {FIRST_NIGHTLY}."
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

        Raises `UnknownVersionError` if none is found about the day that the train gives.
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
                    self._manifests[key] = self._manifest(key, "nightly")
                except NotThereError:
                    self._manifests[key] = None
            found = self._manifests[key]
        return None if found is None else found.minor
