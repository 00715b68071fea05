"""One search along a range of points: ask it what to probe, tell it verdicts, read its answer.

It promises to end whatever the verdicts, however many probes run at once and whichever of them are cancelled; to
propose no point that is known or in flight; and, probing one at a time with nothing untestable, to need no more than
⌈log2 n⌉ + 2 probes of n points that all cost the same.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from mmio_bisect.domain.answer import Answer, Change, Contradiction, Culprit, NoChange, NothingTestable, Suspects
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.search.line import brackets, gaps, halvings, spread, testable_positions, worthwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frontier:
    """What is still worth probing.

    `ends` are wanted before anything else. In `stretches` every unknown position is worth a probe; they do not
    overlap. `patience` is how many more untestable points are borne before the search gives up; None where it won't.
    """

    ends: tuple[int, ...] = ()
    stretches: tuple[range, ...] = ()
    patience: int | None = None


class Session:
    """The search for the one place where the verdict changes.

    Both ends are probed first. If they agree, so much is said and nothing else is probed; if they differ, the change
    is between them and is bisected around untestable points. An untestable end is replaced by the outermost testable
    point on its side; that one is found by bisection too, **assuming that the untestable points at an end are one
    contiguous stretch** (a toolchain too old or too new for the case). A testable island outside it is not looked for.

    Verdicts may come in any order, from history before the first proposal too. One that arrives once the search is
    done is taken like any other: it may make the answer a contradiction, or open the search again.
    """

    def __init__(self, points: Sequence[Point]) -> None:
        """Search `points`, oldest first. Raises `ValueError` unless they are two or more, all distinct."""
        self._points = tuple(points)
        self._positions = {point: position for position, point in enumerate(self._points)}
        if len(self._points) < 2:
            raise ValueError("a search needs at least two points")
        if len(self._positions) < len(self._points):
            raise ValueError("a search needs points that are all distinct")
        self._verdicts: dict[int, Verdict] = {}
        self._state: Answer | _Frontier = self._assess()

    def record(self, point: Point, verdict: Verdict) -> None:
        """Take a verdict; the same again is harmless.

        Raises `ValueError` for a point outside the range, or a verdict other than the one recorded before.
        """
        position = self._positions.get(point)
        if position is None:
            raise ValueError(f"{point} is not in the range that is searched")
        before = self._verdicts.setdefault(position, verdict)
        if before is not verdict:
            raise ValueError(f"{point} was recorded as {before} and now as {verdict}")
        self._state = self._assess()

    def propose(
        self,
        in_flight: Collection[Point],
        free: int,
        costs: Callable[[Point], float] | None = None,
        likelihood: Callable[[Point], float] | None = None,
    ) -> tuple[Point, ...]:
        """At most `free` further points to probe, given those being probed now.

        With `costs` (what a probe of a point takes now, in any unit) each is the one that tells most for its cost;
        `likelihood` weighs where the change may have come in, by its first point. The bound on probes does not hold
        then: many cheap ones may stand for a dear one, and an unlikely change is found last.
        Empty when the search is done, or when nothing is worth starting before a probe in flight has ended.
        """
        if not isinstance(self._state, _Frontier):
            return ()
        flying = {self._positions[point] for point in in_flight if point in self._positions}
        picks = [end for end in self._state.ends if end not in flying][: max(free, 0)]
        taken = flying | set(picks) | self._verdicts.keys()
        room = max(free, 0) - len(picks)
        if self._state.patience is not None:
            pending = sum(self._wanted(position) for position in flying) + len(picks)
            room = min(room, max(0, self._state.patience - pending))
        free_gaps = [gap for stretch in self._state.stretches for gap in gaps(stretch, taken)]
        if (costs is None and likelihood is None) or self._state.patience is not None:
            picks += spread(free_gaps, room)
        else:
            picks += worthwhile(free_gaps, room, self._read(costs), self._read(likelihood))
        return tuple(self._points[position] for position in picks)

    def _read(self, of_point: Callable[[Point], float] | None) -> Callable[[int], float]:
        """By position; a gap that ends with the range has no point after it."""
        last = len(self._points) - 1
        return lambda position: 1.0 if of_point is None else of_point(self._points[min(position, last)])

    def useful(self, point: Point) -> bool:
        """Whether a verdict on this point would still bear on the answer: if not, its probe may be cancelled."""
        position = self._positions.get(point)
        return position is not None and self._wanted(position)

    @property
    def done(self) -> bool:
        return not isinstance(self._state, _Frontier)

    def answer(self) -> Answer:
        """What the verdicts prove. Raises `RuntimeError` before the search is done."""
        if not isinstance(self._state, _Frontier):
            return self._state
        raise RuntimeError("the search has no answer yet")

    def _wanted(self, position: int) -> bool:
        return (
            isinstance(self._state, _Frontier)
            and position not in self._verdicts
            and (position in self._state.ends or any(position in stretch for stretch in self._state.stretches))
        )

    def _assess(self) -> Answer | _Frontier:
        """Where the search stands, from the verdicts alone: the order in which they came has no say."""
        ends = tuple(end for end in (0, len(self._points) - 1) if end not in self._verdicts)
        changes = brackets(self._verdicts)
        testable = testable_positions(self._verdicts)
        if len(changes) > 1:
            return self._contradiction(changes)
        if changes:
            return self._inside_bracket(*changes[0], ends)
        if testable:
            return self._outward(testable, ends)
        return self._nowhere_testable(ends)

    def _contradiction(self, changes: Sequence[tuple[int, int]]) -> Contradiction:
        """Two changes are shown by three points: before the first, after it, after the second."""
        (before, between), (_, after) = changes[:2]
        return Contradiction(
            witnesses=tuple((self._points[at], self._verdicts[at]) for at in (before, between, after)),
        )

    def _inside_bracket(self, low: int, high: int, ends: tuple[int, ...]) -> Culprit | Suspects | _Frontier:
        inside = range(low + 1, high)
        if ends or self._unknown_in(inside):
            return _Frontier(ends=ends, stretches=(inside,))
        change = Change.INTRODUCED if self._verdicts[high] is Verdict.BAD else Change.FIXED
        last, first = self._points[low], self._points[high]
        if not inside:
            return Culprit(change=change, last=last, first=first)
        return Suspects(change=change, last=last, first=first, suspects=self._points[low + 1 : high + 1])

    def _outward(self, testable: Sequence[int], ends: tuple[int, ...]) -> NoChange | _Frontier:
        """All testable verdicts agree: from the outermost ones, look on towards the ends that are untestable."""
        oldest, newest = testable[0], testable[-1]
        stretches = []
        if self._verdicts.get(0) is Verdict.UNTESTABLE:
            stretches.append(range(max(at for at in self._verdicts if at < oldest) + 1, oldest))
        if self._verdicts.get(len(self._points) - 1) is Verdict.UNTESTABLE:
            stretches.append(range(newest + 1, min(at for at in self._verdicts if at > newest)))
        if ends or any(self._unknown_in(stretch) for stretch in stretches):
            return _Frontier(ends=ends, stretches=tuple(stretches))
        return NoChange(
            verdict=self._verdicts[oldest],
            oldest=self._points[oldest],
            newest=self._points[newest],
            unprobed=sum(position not in self._verdicts for position in range(oldest + 1, newest)),
        )

    def _nowhere_testable(self, ends: tuple[int, ...]) -> NothingTestable | _Frontier:
        """Look anywhere, the middle of the longest gap first, for as many probes as a bisection might have taken."""
        total, probed = len(self._points), len(self._verdicts)
        patience = max(0, halvings(total - 1) + 2 - probed)
        unprobed = total - probed
        if not ends and (patience == 0 or unprobed == 0):
            return NothingTestable(probed=probed, unprobed=unprobed)
        # While neither end is known to be untestable, the two are likely to settle where to look.
        anywhere = (range(1, total - 1),) if len(ends) < 2 else ()
        return _Frontier(ends=ends, stretches=anywhere, patience=patience)

    def _unknown_in(self, stretch: range) -> bool:
        return bool(gaps(stretch, self._verdicts))
