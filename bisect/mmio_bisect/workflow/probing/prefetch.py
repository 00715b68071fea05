"""Toolchains fetched before they are probed: while one probe runs, those that may be wanted next, in both halves.

Whichever half the verdict leaves, its next toolchain is on its way or there. The other half's is given up, unless it
has arrived: then it is kept. Nothing is fetched ahead beyond the budget, and a fault is left for the probe to meet.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import MmioBisectError
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.store import StoredToolchain, ToolchainStore
from mmio_bisect.workflow.probing.pool import Pool, Stoppable

# Of a toolchain, in bytes, while the store has none to go by: about what a compiler with its libraries takes.
_UNKNOWN_SIZE = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """How far to look: so many toolchains beyond those being probed, while the store holds at most `budget` bytes."""

    count: int = 0
    budget: int | None = None


@dataclass(slots=True)
class Prefetcher:
    """Fetches ahead in threads of its own. Used by one thread, and within a `with` of its `pool`."""

    ahead: Ahead
    store: ToolchainStore
    fetch: Callable[[Point, Stoppable], object]
    watch: Callable[[Point], Signals]
    pool: Pool[object] = field(init=False)
    _arrived: set[Point] = field(default_factory=set)
    _given_up: set[Point] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.pool = Pool(max(1, self.ahead.count))

    @property
    def arrived(self) -> frozenset[Point]:
        """What was fetched ahead and is there."""
        return frozenset(self._arrived)

    @property
    def points(self) -> frozenset[Point]:
        """What was fetched ahead or is on its way, and what could not be fetched."""
        return self.pool.points | self._arrived | self._given_up

    def room(self, wanted: Callable[[Point], bool]) -> int:
        """How many more to fetch, given which of those begun are still wanted."""
        self._collect()
        return self.ahead.count - sum(map(wanted, self.pool.points | self._arrived))

    def begin(self, points: Iterable[Point]) -> None:
        for point in points:
            if self.pool.free <= 0 or not self._affordable():
                return
            if self.store.known(point) is None:
                self.pool.submit(point, lambda signals, point=point: self.fetch(point, signals), self.watch(point))  # type: ignore[misc]
            else:
                self._arrived.add(point)

    def drop(self, wanted: Callable[[Point], bool]) -> None:
        """Give up what is on its way and wanted no more."""
        for point in self.pool.points:
            if not wanted(point):
                self.pool.stop(point)

    def _collect(self) -> None:
        for landed in self.pool.finished():
            with suppress(MmioBisectError):
                landed.result()
                self._arrived.add(landed.point)
                continue
            self._given_up.add(landed.point)

    def _affordable(self) -> bool:
        """Whether one more of the usual size fits, beside those on their way."""
        if self.ahead.budget is None:
            return True
        stored: tuple[StoredToolchain, ...] = self.store.entries()
        sizes = [entry.size for entry in stored]
        usual = sum(sizes) // len(sizes) if sizes else _UNKNOWN_SIZE
        return sum(sizes) + usual * (len(self.pool.points) + 1) <= self.ahead.budget
