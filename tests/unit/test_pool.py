"""Work on several points at once, and toolchains fetched ahead of it: what is free, stopped, afforded."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError as NeverBegun
from dataclasses import dataclass, field

import pytest
from report_values import point, toolchain
from signalling import eventually

from mmio_bisect.domain.toolchain import Point, Toolchain
from mmio_bisect.errors import CancelledError, DownloadError
from mmio_bisect.workflow.ports.progress import Unwatched
from mmio_bisect.workflow.ports.store import StoredToolchain
from mmio_bisect.workflow.probing.pool import Pool, Stoppable
from mmio_bisect.workflow.probing.prefetch import Ahead, Prefetcher

A, B, C = point("1"), point("2"), point("3")


def until_stopped(signals: Stoppable) -> str:
    assert eventually(signals.cancelled)
    return "stopped"


def test_only_what_is_stopped_is_told_so() -> None:
    go = threading.Event()

    def work(signals: Stoppable) -> bool:
        assert go.wait(10)
        return signals.cancelled()

    with Pool[bool](3) as pool:
        for one in (A, B):
            pool.submit(one, work, Unwatched())
        assert pool.points == {A, B}
        assert pool.free == 1
        pool.stop(B)
        pool.stop(C)
        go.set()
        landed: dict[Point, tuple[bool, bool]] = {}
        while pool.points:
            landed |= {one.point: (one.stopped, one.result()) for one in pool.next_finished()}
    assert landed == {A: (False, False), B: (True, True)}
    assert pool.free == 3


def test_what_has_ended_is_taken_once_and_nothing_is_waited_for_in_vain() -> None:
    with Pool[str](1) as pool:
        pool.submit(A, lambda _: "done", Unwatched())
        assert [one.result() for one in pool.next_finished()] == ["done"]
        assert pool.finished() == ()
        with pytest.raises(RuntimeError, match="nothing is under way that could be waited for"):
            pool.next_finished()


def test_leaving_stops_what_runs_and_begins_nothing_more() -> None:
    with Pool[str](1) as pool:
        pool.submit(A, until_stopped, Unwatched())
        pool.submit(B, until_stopped, Unwatched())
    first, second = sorted(pool.finished(), key=lambda one: one.point.sort_key)
    assert (first.stopped, first.result(), second.stopped) == (True, "stopped", True)
    with pytest.raises(NeverBegun):
        second.result()


def test_a_wait_ends_with_the_wish_for_it() -> None:
    stop = threading.Event()
    signals = Stoppable(Unwatched(), stop)
    signals.pause(0)
    stop.set()
    with pytest.raises(CancelledError, match="the wait was cancelled"):
        signals.pause(60)


@dataclass(slots=True)
class Entries:
    """A store with toolchains of these sizes, of which some points are known."""

    sizes: Iterable[int] = ()
    here: frozenset[Point] = frozenset()

    def known(self, one: Point) -> Toolchain | None:
        return toolchain("18.1.6") if one in self.here else None

    def entries(self) -> tuple[StoredToolchain, ...]:
        return tuple(
            StoredToolchain(toolchain=toolchain("18.1.6"), points=(), size=size, last_used=0, in_use=False)
            for size in self.sizes
        )


@dataclass(slots=True)
class Fetches:
    """What is fetched waits until it is let go, or stopped."""

    go: threading.Event = field(default_factory=threading.Event)
    fails: frozenset[Point] = frozenset()

    def __call__(self, one: Point, signals: Stoppable) -> None:
        assert eventually(lambda: self.go.is_set() or signals.cancelled())
        if one in self.fails:
            raise DownloadError("it broke off")
        if signals.cancelled():
            raise CancelledError("nobody wants it")


Make = Callable[[Ahead, Entries, Fetches], Prefetcher]


@pytest.fixture
def make() -> Iterator[Make]:
    made = []

    def prefetcher(ahead: Ahead, store: Entries, fetch: Fetches) -> Prefetcher:
        found = Prefetcher(ahead, store, fetch, lambda _: Unwatched())  # type: ignore[arg-type]  # of a store only what is asked
        made.append(found)
        found.pool.__enter__()
        return found

    yield prefetcher
    for one in made:
        one.pool.__exit__()


@pytest.mark.parametrize(
    ("sizes", "budget", "begun"),
    [
        ((), None, 3),
        ((), (256 << 20) - 1, 0),
        ((), 256 << 20, 1),
        ((), 3 * (256 << 20), 3),
        ((10, 20), 44, 0),  # another of the usual 15 does not fit
        ((10, 20), 45, 1),
        ((10, 20), 74, 2),
        ((10, 20), 75, 3),
    ],
)
def test_as_many_are_fetched_as_fit_beside_what_is_there(
    make: Make, sizes: tuple[int, ...], budget: int | None, begun: int
) -> None:
    prefetcher = make(Ahead(count=3, budget=budget), Entries(sizes), Fetches())
    prefetcher.begin([A, B, C])
    assert len(prefetcher.pool.points) == begun


def test_what_is_at_hand_has_arrived_and_takes_no_place(make: Make) -> None:
    fetches = Fetches()
    prefetcher = make(Ahead(count=2), Entries(here=frozenset({B})), fetches)
    prefetcher.begin([A, B, C, point("4")])
    assert prefetcher.arrived == {B}
    assert prefetcher.points == {A, B, C}
    assert prefetcher.room(lambda _: True) == -1
    assert prefetcher.room(lambda one: one == A) == 1
    prefetcher.drop(lambda one: one != C)
    assert eventually(lambda: prefetcher.room(lambda one: one == A) == 1 and prefetcher.pool.points == {A})
    fetches.go.set()
    assert eventually(lambda: prefetcher.room(lambda _: False) == 2 and not prefetcher.pool.points)
    assert prefetcher.arrived == {A, B}
    assert prefetcher.points == {A, B, C}


def test_what_could_not_be_fetched_is_not_begun_again_and_takes_no_place(make: Make) -> None:
    fetches = Fetches(fails=frozenset({A}))
    prefetcher = make(Ahead(count=2), Entries(), fetches)
    prefetcher.begin([A, B])
    fetches.go.set()
    assert eventually(lambda: prefetcher.room(lambda _: True) == 1 and not prefetcher.pool.points)
    assert prefetcher.arrived == {B}
    assert prefetcher.points == {A, B}


def test_without_looking_ahead_there_is_no_room(make: Make) -> None:
    assert make(Ahead(), Entries(), Fetches()).room(lambda _: True) == 0
