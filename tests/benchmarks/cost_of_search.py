"""What a bisection costs when points cost differently: the search's choice, plain bisection, and the least there is.

Run it with `python tests/benchmarks/cost_of_search.py`. Nothing is compiled: every place where the change can be is
played through with recorded costs, and the totals are compared. The least is the best decision tree by dynamic
programming over all of them (Knuth 1971, with costs on the probes), which a search cannot afford on long ranges.

Costs are seconds, recorded in November 2026 on a machine of two cores: a recipe on a stored zig 0.2, a wheel of 80 MiB
16 (at 5 MiB/s; 3 from a mirror next door), `make arm64-tcc` 8, clang and llc from llvm-project some 1,800.
"""

from collections.abc import Callable, Sequence
from functools import cache
from random import Random

from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.search import Session

AT_HAND, WHEEL, TCC, LLVM = 0.2, 16.2, 8.2, 1800.2
Costs = Sequence[float]


def points_of(costs: Costs) -> list[Point]:
    return [Point(series="played", version=str(n), sort_key=f"{n:06}") for n in range(len(costs))]


def total(costs: Costs, boundary: int, *, weighs: bool) -> float:
    """What it costs to find that the change is between `boundary - 1` and `boundary`."""
    points = points_of(costs)
    price = dict(zip(points, costs, strict=True))
    session, spent = Session(points), 0.0
    while not session.done:
        (point, *_) = session.propose((), 1, price.__getitem__ if weighs else None)
        spent += price[point]
        session.record(point, Verdict.GOOD if points.index(point) < boundary else Verdict.BAD)
    return spent


def mean(costs: Costs, *, weighs: bool) -> float:
    return sum(total(costs, boundary, weighs=weighs) for boundary in range(1, len(costs))) / (len(costs) - 1)


def least(costs: Costs) -> float:
    """The mean cost of the best order of probes, both ends included."""

    @cache
    def whole(low: int, high: int) -> float:
        """All boundaries after `low` and up to `high` together."""
        if high == low + 1:
            return 0.0
        places = high - low
        return min(places * costs[at] + whole(low, at) + whole(at, high) for at in range(low + 1, high))

    return costs[0] + costs[-1] + whole(0, len(costs) - 1) / (len(costs) - 1)


def some_at_hand(length: int, share: float, dear: float) -> Callable[[Random], Costs]:
    return lambda chance: [AT_HAND if chance.random() < share else dear for _ in range(length)]


def after_others(length: int, searches: int, dear: float) -> Callable[[Random], Costs]:
    """What earlier bisections for other recipes, on ranges of their own, left in the store."""

    def made(chance: Random) -> Costs:
        costs = [dear] * length
        for _ in range(searches):
            low, high = sorted((chance.randrange(length // 2), chance.randrange(length // 2, length)))
            points, boundary = points_of(costs), chance.randrange(low + 1, high + 1)
            session = Session(points[low : high + 1])
            while not session.done:
                (point, *_) = session.propose((), 1)
                costs[points.index(point)] = AT_HAND
                session.record(point, Verdict.GOOD if points.index(point) < boundary else Verdict.BAD)
        return costs

    return made


SCENES: dict[str, Callable[[Random], Costs]] = {
    "zig, nothing at hand": some_at_hand(20, 0, WHEEL),
    "zig, a third at hand": some_at_hand(20, 0.33, WHEEL),
    "tcc, 150 commits, after 3 bisections": after_others(150, 3, TCC),
    "llvm, 150 commits, after 3 bisections": after_others(150, 3, LLVM),
    "llvm, 150 commits, a tenth built": some_at_hand(150, 0.1, LLVM),
}


def main() -> None:
    print(f"{'scene':40}{'plain':>10}{'weighed':>10}{'least':>10}{'ratio':>8}{'to least':>10}")
    for name, make in SCENES.items():
        rows = []
        for seed in range(5):
            costs = make(Random(seed))  # noqa: S311 - to be the same each time
            rows.append((mean(costs, weighs=False), mean(costs, weighs=True), least(tuple(costs))))
        plain, weighed, best = (sum(column) / len(rows) for column in zip(*rows, strict=True))
        print(f"{name:40}{plain:10.1f}{weighed:10.1f}{best:10.1f}{weighed / plain:8.2f}{weighed / best:10.2f}")


if __name__ == "__main__":
    main()
