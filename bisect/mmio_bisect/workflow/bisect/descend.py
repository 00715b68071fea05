"""From a coarse series into the finer one: which that is, what its range is, and whether it is the same transition.

Nothing is taken over but two names: the finer search probes both its ends like any other, and what it finds must be the
same change of the same functions, or it says that it is not.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mmio_bisect.domain.answer import Culprit
from mmio_bisect.domain.run import CellAnswer, Probe
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import (
    InvalidRangeError,
    MissingToolchainError,
    MmioBisectError,
    NothingTestableError,
    UnknownRecipeError,
    UnknownSeriesError,
    UnknownVersionError,
)
from mmio_bisect.workflow.ports.series import SeriesSource
from mmio_bisect.workflow.probing.ranges import RangeText, resolve_range


class Handle(StrEnum):
    """What a point of the coarse series is called in the finer one."""

    VERSION = "version"
    COMMIT = "commit"
    LLVM = "llvm"
    GITLINK = "gitlink"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finer:
    """The series that has points between those of another; `usually` so many between two neighbours."""

    series: str
    by: Handle
    usually: int

    def __post_init__(self) -> None:
        if self.usually < 2:
            raise ValueError("usually is how many points lie between two neighbours: write 2 or more")


ENDS: Final = (
    UnknownSeriesError,
    UnknownRecipeError,
    UnknownVersionError,
    InvalidRangeError,
    MissingToolchainError,
    NothingTestableError,
)
"""Errors that say what the finer series lacks, so that the descent ends; any other is trouble, and may pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Why a descent goes no further, in a sentence without its full stop."""

    why: str


def range_below(answer: CellAnswer, finer: Finer, source: SeriesSource) -> RangeText | Stopped:
    """The range of the finer series between the two neighbours of a culprit; `source` is the coarse one's."""
    culprit = answer.answer
    if not isinstance(culprit, Culprit):
        return Stopped(why="no single culprit was found that could be looked into")
    probes = {probe.point: probe for probe in answer.probes}
    first, last = (_word(probes[point], finer.by, source) for point in (culprit.last, culprit.first))
    if first is None or last is None:
        point = culprit.last if first is None else culprit.first
        return Stopped(why=f"{point} does not say which {finer.by} it is, so {finer.series} cannot be entered")
    if first == last:
        return Stopped(why=f"{culprit.last} and {culprit.first} are of the same {finer.by} of {finer.series}, {first}")
    return RangeText(series=finer.series, first=first, last=last)


def _word(probe: Probe, by: Handle, source: SeriesSource) -> str | None:
    match by:
        case Handle.VERSION:
            return probe.point.version
        case Handle.COMMIT:
            return probe.toolchain.commit
        case Handle.LLVM:
            version = probe.toolchain.llvm_version
            return probe.toolchain.commit or (version and f"llvmorg-{version}")
        case Handle.GITLINK:
            built_from = source.capabilities.built_from
            return None if built_from is None else built_from(probe.point).llvm


def other_transition(coarse: CellAnswer, fine: CellAnswer) -> str | None:
    """Why what the finer series shows is not what was followed; None where it is."""
    if not isinstance(coarse.answer, Culprit):
        return None
    if not isinstance(fine.answer, Culprit):
        return "the ends that were handed down do not lead to one culprit there"
    if fine.answer.change is not coarse.answer.change:
        return f"there it is {fine.answer.change}, not {coarse.answer.change}"
    wanted, found = _telling(coarse), _telling(fine)
    if wanted and found and not wanted & found:
        names = ", ".join(sorted(f"{kind} in {function}" for function, kind in found))
        return f"there it is another defect: {names}"
    return None


def _telling(answer: CellAnswer) -> frozenset[tuple[str, str]]:
    """The functions and kinds of defect that one neighbour has and the other has not."""
    if not isinstance(answer.answer, Culprit):
        return frozenset()
    probes = {probe.point: probe for probe in answer.probes}
    before, after = (
        {(defect.function, defect.kind.value) for defect in probes[point].judgement.defects}
        for point in (answer.answer.last, answer.answer.first)
    )
    return frozenset(before ^ after)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLevel:
    """One level of a descent before it is begun: at most `probes`, each a download or a build of about `seconds`.

    `exact` if the points were counted; else so many are usually there.
    """

    series: str
    points: int
    exact: bool
    probes: int
    builds: bool
    seconds: float | None


def plan_descent(
    points: Sequence[Point], sources: Callable[[str], SeriesSource], finer: Callable[[str], Finer | None]
) -> tuple[PlannedLevel, ...]:
    """What a descent from this range is expected to take, level by level, without fetching a toolchain."""
    series = points[0].series
    levels = [_plan_level(sources(series), len(points), exact=True)]
    ends: tuple[str, str] | None = (points[0].version, points[-1].version)
    gaps = len(points) - 1
    while (below := finer(series)) is not None and below.series not in {level.series for level in levels}:
        counted = _count_points(sources(below.series), ends) if ends and below.by is Handle.VERSION else None
        ends = None  # what the next level is called depends on the answer of this one
        about = below.usually if counted is None else max(2, math.ceil(counted / gaps) + 1)
        levels.append(_plan_level(sources(below.series), about, exact=counted is not None and gaps == 1))
        series, gaps = below.series, 1
    return tuple(levels)


def _count_points(source: SeriesSource, ends: tuple[str, str]) -> int | None:
    """How many points of it lie there, if its listing can be had."""
    try:
        text = RangeText(series=source.name, first=ends[0], last=ends[1])
        return len(resolve_range(text, source.listing(), source.interpret).points)
    except MmioBisectError:
        return None


def _plan_level(source: SeriesSource, points: int, *, exact: bool) -> PlannedLevel:
    seconds = source.capabilities.seconds
    return PlannedLevel(
        series=source.name,
        points=points,
        exact=exact,
        probes=min(points, (points - 1).bit_length() + 2),
        builds=seconds is not None,
        seconds=None if seconds is None else seconds(Point(series=source.name, version="", sort_key="")),
    )
