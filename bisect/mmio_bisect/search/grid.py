"""Where many verdicts change along a range, without probing all of it: ask it what to probe, tell it what was seen.

A bisection looks for one change and stops; a grid looks for all that it can see. It probes both ends and every so many
points between, then halves whatever lies between neighbours that differ, until they are adjacent. It promises to end
whatever it is told; to propose no point that is known or in flight; and to leave no difference between neighbouring
probed points unplaced. What it does not promise: a change that was undone between two probed points is not seen.
"""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Generic, TypeVar

from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.domain.trail import Trail
from mmio_bisect.search.line import gaps, spread

Value = TypeVar("Value", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[Value]):
    """Along line number `line` a mark came or went after `last`, at `first` at the latest.

    `between` are the points that lie between, oldest first: the mark could be read at none of them. Without any,
    `last` and `first` are neighbours.
    """

    line: int
    mark: Value
    change: Change
    last: Point
    first: Point
    between: tuple[Point, ...]


def _order(changed: tuple[int, int, Change, Value]) -> tuple[int, int, bool, str]:
    low, high, change, mark = changed
    return high, low, change is Change.FIXED, repr(mark)


def coarse_stride(points: int) -> int:
    """⌈√n⌉: about as many points on the grid as between two of its points."""
    return max(1, isqrt(points - 1) + 1) if points > 1 else 1


class Grid(Generic[Value]):
    """Several lines of marks over one range of points; a point is probed for all lines at once.

    What is seen of a point is a vector: one set of marks a line, or None where the line cannot be read there
    (untestable). None is neither equal to nor different from anything: a difference across it is narrowed down to it.

    Probing one at a time, with everything readable, it needs no more than the grid's points and ⌈log2 stride⌉ for each
    pair of neighbours that differ in the end.
    """

    def __init__(
        self, points: Sequence[Point], *, lines: int, stride: int = 1, group_of: Callable[[Value], Hashable] = hash
    ) -> None:
        """Search `points`, oldest first. Raises `ValueError` unless they are distinct, and one or more.

        What is not seen of a point's marks is told by their groups.
        """
        self._points = tuple(points)
        self._positions = {point: position for position, point in enumerate(self._points)}
        if not self._points or len(self._positions) < len(self._points):
            raise ValueError("a grid needs points, all of them distinct")
        self._lines = lines
        self._coarse = sorted({*range(0, len(self._points), stride), len(self._points) - 1})
        self._group_of = group_of
        self._seen: dict[int, tuple[frozenset[Value] | None, ...]] = {}
        self._blind: dict[int, Sequence[Collection[Hashable]]] = {}
        self._changed: dict[int, list[tuple[int, int, Change, Value]]] = {}

    @property
    def coarse(self) -> tuple[Point, ...]:
        """The points that are probed whatever is seen."""
        return tuple(self._points[position] for position in self._coarse)

    def record(
        self,
        point: Point,
        vector: tuple[frozenset[Value] | None, ...],
        blind: Sequence[Collection[Hashable]] | None = None,
    ) -> None:
        """Take what was seen; the same again is harmless. In each line's `blind` groups there may be more marks.

        Raises `ValueError` for a point outside the range, a vector of another length, or one that contradicts.
        """
        position = self._positions.get(point)
        if position is None:
            raise ValueError(f"{point} is not on the grid")
        if len(vector) != self._lines:
            raise ValueError(f"{len(vector)} entries for {self._lines} lines")
        if self._seen.setdefault(position, vector) != vector:
            raise ValueError(f"{point} was seen otherwise before")
        self._blind[position] = blind or ((),) * self._lines
        self._changed.clear()

    def propose(self, in_flight: Collection[Point], free: int) -> tuple[Point, ...]:
        """At most `free` further points to probe, given those being probed now: the grid first, then between."""
        flying = {self._positions[point] for point in in_flight if point in self._positions}
        room = max(free, 0)
        picks = [position for position in self._unseen_coarse() if position not in flying][:room]
        between = [part for gap in self._differing_gaps() for part in gaps(gap, flying)]
        picks += spread(between, room - len(picks))
        return tuple(self._points[position] for position in picks)

    @property
    def done(self) -> bool:
        return not self._unseen_coarse() and not self._differing_gaps()

    @property
    def unprobed(self) -> tuple[Point, ...]:
        """What nothing is known of, oldest first."""
        return tuple(point for position, point in enumerate(self._points) if position not in self._seen)

    def steps(self) -> tuple[Step[Value], ...]:
        """Every change between neighbours that can be read, line by line, oldest first; exact once it is `done`."""
        return tuple(
            Step(
                line=line,
                mark=mark,
                change=change,
                last=self._points[low],
                first=self._points[high],
                between=self._points[low + 1 : high],
            )
            for line in range(self._lines)
            for low, high, change, mark in sorted(self._changes(line), key=_order)
        )

    def _changes(self, line: int) -> list[tuple[int, int, Change, Value]]:
        """What came and went between positions at which that can be read; oldest first."""
        if line not in self._changed:
            trail = Trail[int, Value](group_of=self._group_of)
            self._changed[line] = [
                (low, high, change, mark)
                for high in sorted(self._seen)
                if (marks := self._seen[high][line]) is not None
                for mark, change, low in trail.step(high, marks, self._blind[high][line])
            ]
        return self._changed[line]

    def _unseen_coarse(self) -> list[int]:
        return [position for position in self._coarse if position not in self._seen]

    def _differing_gaps(self) -> list[range]:
        """Maximal runs of unseen positions between neighbours that differ, once the grid between them is known."""
        waiting = self._unseen_coarse()
        brackets = {
            (low, high)
            for line in range(self._lines)
            for low, high, _, _ in self._changes(line)
            if not any(low < position < high for position in waiting)
        }
        return [
            gap
            for gap in gaps(range(len(self._points)), self._seen)
            if any(low < gap.start and gap.stop <= high for low, high in brackets)
        ]
