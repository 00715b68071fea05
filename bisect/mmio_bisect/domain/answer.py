"""What a bisection may claim: no more than was measured."""

from dataclasses import dataclass
from enum import StrEnum

from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.toolchain import Point


class Change(StrEnum):
    INTRODUCED = "introduced"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Culprit:
    """`last` and `first` are neighbours: the verdict changed between them."""

    change: Change
    last: Point
    first: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspects:
    """The verdict changed at one of `suspects`: oldest first, all untestable but the last, which is `first`."""

    change: Change
    last: Point
    first: Point
    suspects: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoChange:
    """Both ends, and whatever else was probed, have `verdict`; `unprobed` points between them were not looked at."""

    verdict: Verdict
    oldest: Point
    newest: Point
    unprobed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Verdicts that fit no single boundary, or a culprit refuted by a second look: the witnesses, oldest first."""

    witnesses: tuple[tuple[Point, Verdict], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingTestable:
    """None of the `probed` points was testable; `unprobed` were not tried."""

    probed: int
    unprobed: int


Answer = Culprit | Suspects | NoChange | Contradiction | NothingTestable


def points_of(answer: Answer) -> frozenset[Point]:
    """Those that the claim rests on."""
    match answer:
        case Culprit(last=last, first=first) | Suspects(last=last, first=first):
            return frozenset({last, first})
        case NoChange(oldest=oldest, newest=newest):
            return frozenset({oldest, newest})
        case Contradiction(witnesses=witnesses):
            return frozenset(point for point, _ in witnesses)
        case NothingTestable():
            return frozenset()
