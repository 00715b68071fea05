"""Arithmetic on a line of positions: where verdicts differ, what lies unprobed between, where to look next.

Positions are indices into the range that is searched, 0 being the oldest point. Nothing here knows what a point is.
"""

import bisect
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

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


def count_between(positions: Sequence[int], low: int, high: int) -> int:
    """How many of the sorted `positions` lie strictly between."""
    return max(0, bisect.bisect_left(positions, high) - bisect.bisect_right(positions, low))


def halvings(length: int) -> int:
    """How many probes, each of them the middle, settle a gap of `length` positions: ⌈log2(length + 1)⌉."""
    return length.bit_length()
