"""What may be spent: time, downloads and builds; counted where toolchains are made runnable and compilers run.

Time is a hard bound: what is under way when it ends is stopped. Of downloads and builds none is begun that would go
beyond the bound, and a download that turns out to do so is stopped; but the first one of a budget is brought to its
end, because otherwise a toolchain that is larger than the bound would be begun again and again.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto

from mmio_bisect.errors import BrokenToolchainError, CancelledError, MissingToolchainError, OverBudgetError
from mmio_bisect.workflow.ports.progress import Signals


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Seconds by the clock, bytes, and builds; None: as many as it takes."""

    seconds: float | None = None
    downloads: int | None = None
    builds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """As `Allowance`; and how many toolchains were made runnable, or turned out to be missing."""

    seconds: float
    downloads: int
    builds: int
    toolchains: int


class Work(Enum):
    """The cost of a toolchain."""

    NOTHING = auto()
    DOWNLOAD = auto()
    BUILD = auto()


class Budget:
    """One budget, from its making on; used by several threads."""

    def __init__(self, allowance: Allowance | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.allowance = allowance or Allowance()
        self._clock = clock
        self._begun = clock()
        self._lock = threading.Lock()
        self._downloads = self._builds = self._toolchains = 0
        self._first: _Meter | None = None

    @property
    def spent(self) -> Spent:
        return Spent(
            seconds=self._clock() - self._begun,
            downloads=self._downloads,
            builds=self._builds,
            toolchains=self._toolchains,
        )

    @contextmanager
    def spending(self, work: Work, signals: Signals) -> Iterator[Signals]:
        """Signals for a step that needs `work`. Raises `OverBudgetError`: it may not begin, or was stopped."""
        self._begin(work)
        meter = _Meter(self, signals)
        try:
            yield meter
        except CancelledError as error:
            why = self.over(meter)
            if signals.cancelled() or why is None:
                raise
            raise OverBudgetError(why) from error
        except (MissingToolchainError, BrokenToolchainError):
            self._got(work)  # an answer too, which is not asked for again
            raise
        finally:
            with self._lock:
                if self._first is meter and not meter.counted:
                    self._first = None
        self._got(work)

    def check(self) -> None:
        """Before what is not a step of its own, such as asking for a listing. Raises `OverBudgetError`."""
        with self._lock:
            why = self._late()
        if why is not None:
            raise OverBudgetError(why)

    def _got(self, work: Work) -> None:
        if work is not Work.NOTHING:
            with self._lock:
                self._toolchains += 1

    def _begin(self, work: Work) -> None:
        allowed = self.allowance
        with self._lock:
            if (why := self._late()) is not None:
                raise OverBudgetError(why)
            if work is Work.BUILD:
                if allowed.builds is not None and self._builds >= allowed.builds:
                    raise OverBudgetError(_sentence(f"{allowed.builds} builds are", "builds"))
                self._builds += 1
            elif work is Work.DOWNLOAD and allowed.downloads is not None and self._downloads >= allowed.downloads:
                raise OverBudgetError(self._full())

    def over(self, meter: "_Meter") -> str | None:
        """Why what the meter counts has to stop."""
        with self._lock:
            bound = self.allowance.downloads
            if bound is not None and meter is not self._first and (meter.counted or meter.total):
                left = max(0, (meter.total or 0) - meter.done)
                if self._downloads + left > bound:
                    return self._full()
            return self._late()

    def count(self, meter: "_Meter", done: int, total: int | None) -> None:
        with self._lock:
            if self._first is None:
                self._first = meter
            more = done - meter.done if done >= meter.done else done  # one that begins anew, or the next of several
            meter.done, meter.total, meter.counted = done, total, meter.counted + more
            self._downloads += more

    def _late(self) -> str | None:
        seconds = self.allowance.seconds
        if seconds is None or self._clock() - self._begun < seconds:
            return None
        return _sentence(f"{seconds:.0f} s are", "time")

    def _full(self) -> str:
        return _sentence(f"{self.allowance.downloads:,} bytes to download are", "downloads")


def _sentence(what: str, key: str) -> str:
    return f"The budget is spent ({what} allowed): the next tick goes on from here; watch.{key} gives more."


class _Meter:
    """The `Signals` of one step; `done` and `total` are what it said last, `counted` all that was added for it."""

    def __init__(self, budget: Budget, signals: Signals) -> None:
        self._budget = budget
        self._signals = signals
        self.done = 0
        self.total: int | None = None
        self.counted = 0

    def cancelled(self) -> bool:
        return self._signals.cancelled() or self._budget.over(self) is not None

    def progress(self, done: int, total: int | None) -> None:
        self._budget.count(self, done, total)
        self._signals.progress(done, total)
