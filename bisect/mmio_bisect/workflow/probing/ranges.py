"""Ranges of points as users write them: `zig:0.12..0.13`, prefixes, open ends, either way round.

From the words and a listing to the points. What a word matches is decided here and nowhere else: the exact version; or
`latest`, the newest point; or what the series itself understands by it (a commit, another series' version); or else
every version that continues the word at a boundary (`0.1` is not a prefix of `0.10`).
"""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.errors import InvalidRangeError, UnknownVersionError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeText:
    """`SERIES:FROM..TO`, taken apart; an empty end is the series' own end."""

    series: str
    first: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRange:
    """Neighbouring points of a series, oldest first; `reversed` when the user named the newer end first."""

    points: tuple[Point, ...]
    reversed: bool

    @property
    def first(self) -> Point:
        return self.points[0]

    @property
    def last(self) -> Point:
        return self.points[-1]


def parse_range(text: str) -> RangeText:
    """Read `SERIES:FROM..TO`, or a bare `SERIES` for all of it. Raises `UsageError`."""
    series, colon, ends = text.partition(":")
    first, dots, last = ends.partition("..")
    if not series or (colon and not dots):
        raise UsageError(
            f"“{text}” is not a range: write SERIES:FROM..TO, as in zig:0.12..0.13; an empty end is the series' own."
        )
    return RangeText(series=series, first=first.strip(), last=last.strip())


LATEST = "latest"

Interpret = Callable[[str, Listing], tuple[Point, ...]]
"""As `SeriesSource.interpret`."""


def nothing_more(_word: str, _listing: Listing) -> tuple[Point, ...]:
    """Of a series whose versions are all that it knows."""
    return ()


def resolve_range(text: RangeText, listing: Listing, interpret: Interpret = nothing_more) -> PointRange:
    """Find the points: FROM is its oldest match, TO its newest.

    Raises `UnknownVersionError` with the nearest versions, `InvalidRangeError` for a single point.
    """
    low, high = _ends(text.first, text.last, listing, interpret)
    backwards = low > high
    if backwards:
        low, high = _ends(text.last, text.first, listing, interpret)
    if low == high:
        raise InvalidRangeError(
            f"{listing.series}:{text.first}..{text.last} is the one point {listing.points[low]}: "
            f"a bisection needs two different ends (`mmio-bisect series show {listing.series}` lists them)."
        )
    return PointRange(points=listing.points[low : high + 1], reversed=backwards)


def matching_points(word: str, listing: Listing, interpret: Interpret = nothing_more) -> tuple[Point, ...]:
    """All points that a word means, oldest first. Raises `UnknownVersionError`."""
    return tuple(listing.points[index] for index in _matches(word, listing, interpret))


def nearest(word: str, known: Sequence[str], *, count: int = 3) -> tuple[str, ...]:
    """The known names most like `word`, best first; none if nothing is like it."""
    return tuple(difflib.get_close_matches(word, known, n=count, cutoff=0.5))


def _ends(first: str, last: str, listing: Listing, interpret: Interpret) -> tuple[int, int]:
    low = _matches(first, listing, interpret)[0] if first else 0
    high = _matches(last, listing, interpret)[-1] if last else len(listing.points) - 1
    if not listing.points:
        raise UnknownVersionError(f"The series {listing.series} has no points; ask its source again with --refresh.")
    return low, high


def _matches(word: str, listing: Listing, interpret: Interpret) -> list[int]:
    versions = [point.version for point in listing.points]
    if word in versions:
        return [versions.index(word)]
    if word == LATEST and versions:
        return [len(versions) - 1]
    if meant := frozenset(interpret(word, listing)):
        return [index for index, point in enumerate(listing.points) if point in meant]
    found = [index for index, version in enumerate(versions) if _continues(version, word)]
    if not found:
        raise UnknownVersionError(_unknown(word, listing, versions))
    return found


def _continues(version: str, prefix: str) -> bool:
    return bool(prefix) and version.startswith(prefix) and not version[len(prefix)].isalnum()


def _unknown(word: str, listing: Listing, versions: list[str]) -> str:
    sentence = f"The series {listing.series} has no version “{word}”"
    if not versions:
        return f"{sentence}, nor any other; ask its source again with --refresh."
    if near := nearest(word, versions):
        sentence += f"; the nearest are {', '.join(near)}"
    return (
        f"{sentence}; it goes from {versions[0]} to {versions[-1]} "
        f"(`mmio-bisect series show {listing.series}` lists all, --refresh asks its source again)."
    )
