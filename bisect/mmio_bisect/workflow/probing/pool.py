"""Work on several points at once: threads, a way to stop each, and the promise that none outlives the pool.

The caller's thread alone decides what is begun and takes what has ended; so what decides needs no locks, and an
interrupt, which Python delivers to that thread, ends all work.
"""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event
from typing import Generic, Self, TypeVar

from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import CancelledError
from mmio_bisect.workflow.ports.progress import Signals

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Stoppable:
    """The signals of one piece of work: the watcher's progress, and the pool's word on whether it is still wanted."""

    watcher: Signals
    stop: Event

    def cancelled(self) -> bool:
        return self.stop.is_set() or self.watcher.cancelled()

    def progress(self, done: int, total: int | None) -> None:
        self.watcher.progress(done, total)

    def pause(self, seconds: float) -> None:
        """Wait, and no longer than the work is wanted. Raises `CancelledError`."""
        if self.stop.wait(seconds) or self.watcher.cancelled():
            raise CancelledError("the wait was cancelled")


@dataclass(frozen=True, slots=True)
class Landed(Generic[Result]):
    """A piece of work that has ended; `stopped` if it was told to."""

    point: Point
    stopped: bool
    _future: Future[Result]

    def result(self) -> Result:
        """What it gave. Raises what it raised."""
        return self._future.result()


@dataclass(slots=True)
class Pool(Generic[Result]):
    """At most one piece of work a point. Leaving the `with` stops whatever is under way, and waits for its end."""

    jobs: int
    _executor: ThreadPoolExecutor = field(init=False)
    _flights: dict[Future[Result], tuple[Point, Stoppable]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=self.jobs, thread_name_prefix="probe")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for _, signals in self._flights.values():
            signals.stop.set()
        self._executor.shutdown(cancel_futures=True)

    @property
    def points(self) -> frozenset[Point]:
        """What is under way."""
        return frozenset(point for point, _ in self._flights.values())

    @property
    def free(self) -> int:
        """How many workers have nothing to do."""
        return self.jobs - len(self._flights)

    def submit(self, point: Point, work: Callable[[Stoppable], Result], watcher: Signals) -> None:
        signals = Stoppable(watcher, Event())
        self._flights[self._executor.submit(work, signals)] = (point, signals)

    def stop(self, point: Point) -> None:
        """Nobody waits for it any more. It still lands."""
        for flying, signals in self._flights.values():
            if flying == point:
                signals.stop.set()

    def next_finished(self) -> tuple[Landed[Result], ...]:
        """Wait until something has ended. Raises `RuntimeError` when nothing is under way."""
        if not self._flights:
            raise RuntimeError("nothing is under way that could be waited for: a bug of mmio-bisect")
        wait(self._flights, return_when=FIRST_COMPLETED)
        return self.finished()

    def finished(self) -> tuple[Landed[Result], ...]:
        """What has ended by now."""
        landed = []
        finished = [future for future in self._flights if future.done()]
        for future in finished:
            point, signals = self._flights.pop(future)
            landed.append(Landed(point, signals.stop.is_set(), future))
        return tuple(landed)
