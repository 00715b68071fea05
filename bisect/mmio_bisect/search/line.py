"""Arithmetic on a line of positions: where verdicts differ, what lies unprobed between, where to look next.

Positions are indices into the range that is searched, 0 being the oldest point. Nothing here knows what a point is.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from math import log2

from mmio_bisect.domain.outcome import Verdict


def testable_positions(verdicts: Mapping[int, Verdict]) -> list[int]:
    """Positions with a verdict of good or bad, oldest first."""
    return sorted(position for position, verdict in verdicts.items() if verdict is not Verdict.UNTESTABLE)


def brackets(verdicts: Mapping[int, Verdict]) -> list[tuple[int, int]]:
    """Pairs of testable positions, neighbours among the testable ones, whose verdicts differ; oldest first."""
    testable = testable_positions(verdicts)
    return [(low, high) for low, high in pairwise(testable) if verdicts[low] is not verdicts[high]]


def gaps(stretch: range, separators: Iterable[int]) -> list[range]:
    """The maximal runs of `stretch` that hold no separator, oldest first."""
    inside = sorted({position for position in separators if position in stretch})
    starts = [stretch.start, *(position + 1 for position in inside)]
    stops = [*inside, stretch.stop]
    return [range(start, stop) for start, stop in zip(starts, stops, strict=True) if start < stop]


def spread(free: Sequence[range], picks: int) -> list[int]:
    """At most `picks` positions, oldest first, that leave the parts between them as short as they can be.

    Each pick goes to the gap whose parts would else be longest; then every gap is split evenly by its own. One pick is
    the middle of the longest gap.
    """
    shares = [0] * len(free)
    for _ in range(min(picks, sum(map(len, free)))):
        # A gap with as many picks as positions has parts shorter than one, so it never wins over one with room left.
        longest = max(range(len(free)), key=lambda gap: len(free[gap]) / (shares[gap] + 1))
        shares[longest] += 1
    return [
        gap[step * (len(gap) + 1) // (share + 1) - 1]
        for gap, share in zip(free, shares, strict=True)
        for step in range(1, share + 1)
    ]


def worthwhile(
    free: Sequence[range], picks: int, cost: Callable[[int], float], likelihood: Callable[[int], float]
) -> list[int]:
    """At most `picks` positions, oldest first, each the one that tells most for its cost, given those before it.

    The change can be at any position of a gap, or at the one after it, as `likelihood` weighs them against one another.
    A probe that leaves a weight of a on one side and b on the other tells their entropy in bits (Shannon 1948), times
    the odds that the change is in that gap. Where all costs and weights are the same this is `spread`: of one pick, the
    middle of the longest gap.
    """
    costs = {position: max(cost(position), _FREE) for gap in free for position in gap}
    weights = {position: likelihood(position) for gap in free for position in range(gap.start, gap.stop + 1)}
    if len(set(costs.values())) <= 1 and len(set(weights.values())) <= 1:
        return spread(free, picks)
    chosen: list[int] = []
    left = list(free)
    for _ in range(min(picks, len(costs))):
        worth = {position: bits / costs[position] for gap in left for position, bits in _telling(gap, weights)}
        # Of equals the oldest: so does `spread` choose between two middles.
        best = max(worth, key=lambda position: worth[position])
        chosen.append(best)
        left = [part for gap in left for part in gaps(gap, [best])]
    return sorted(chosen)


_FREE = 1e-6
"""What costs nothing still comes after what costs nothing and tells more."""


def _telling(gap: range, weights: Mapping[int, float]) -> Iterator[tuple[int, float]]:
    """What a probe of each position tells, but for a factor that is the same for all gaps."""
    until = list(accumulate(weights[position] for position in range(gap.start, gap.stop + 1)))
    for position, before in zip(gap, until, strict=False):
        fewer, more = sorted((before, until[-1] - before))
        yield position, -sum(part * log2(part / until[-1]) for part in (fewer, more) if part > 0)


def halvings(length: int) -> int:
    """How many probes, each of them the middle, settle a gap of `length` positions: ⌈log2(length + 1)⌉."""
    return length.bit_length()
