"""A budget of time, downloads and builds: what may begin, what is stopped, and what is counted."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmio_bisect.errors import CancelledError, MissingToolchainError, OverBudgetError
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.probing.budget import Allowance, Budget, Work


@dataclass(slots=True)
class Nobody:
    """Signals without anybody; `tired` of them says that the work is wanted no more."""

    tired: bool = False

    def cancelled(self) -> bool:
        return self.tired

    def progress(self, done: int, total: int | None) -> None: ...


@dataclass(slots=True)
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def fetch(budget: Budget, size: int, *, piece: int = 10, known: bool = True) -> None:
    with budget.spending(Work.DOWNLOAD, Nobody()) as signals:
        _download(signals, size, piece=piece, known=known)


def _download(signals: Signals, size: int, *, piece: int, known: bool) -> None:
    done = 0
    while done < size:
        if signals.cancelled():
            raise CancelledError("stopped")
        done = min(done + piece, size)
        signals.progress(done, size if known else None)
    if signals.cancelled():
        raise CancelledError("stopped")


def _fetch_announced(budget: Budget, size: int) -> None:
    with budget.spending(Work.DOWNLOAD, Nobody()) as signals:
        signals.progress(0, size)
        _download(signals, size, piece=size, known=True)


def worked_until(budget: Budget, told: Callable[[], None], signals: Signals) -> None:
    """A step that gives up when it is told to."""
    with budget.spending(Work.NOTHING, signals) as metered:
        told()
        assert metered.cancelled()
        raise CancelledError("stopped")


def test_without_bounds_everything_is_counted_and_nothing_stopped() -> None:
    clock = Clock()
    budget = Budget(clock=clock)
    fetch(budget, 300)
    clock.now = 7.0
    with budget.spending(Work.BUILD, Nobody()), budget.spending(Work.NOTHING, Nobody()):
        pass
    spent = budget.spent
    assert (spent.seconds, spent.downloads, spent.builds, spent.toolchains) == (7.0, 300, 1, 2)


def test_a_download_is_stopped_as_soon_as_it_is_known_to_be_too_large() -> None:
    budget = Budget(Allowance(downloads=150))
    fetch(budget, 100)
    with pytest.raises(OverBudgetError, match="150 bytes to download are allowed"):
        fetch(budget, 100)
    assert budget.spent.downloads == 110
    fetch(budget, 40)
    with pytest.raises(OverBudgetError):
        fetch(budget, 10)
    assert budget.spent.downloads == 150


def test_a_download_that_says_first_how_large_it_is_costs_nothing_if_that_is_too_large() -> None:
    budget = Budget(Allowance(downloads=150))
    fetch(budget, 100)
    with pytest.raises(OverBudgetError):
        _fetch_announced(budget, 100)
    assert budget.spent.downloads == 100


def test_the_first_download_is_brought_to_its_end_however_large() -> None:
    budget = Budget(Allowance(downloads=150))
    fetch(budget, 1000)
    with pytest.raises(OverBudgetError):
        fetch(budget, 1)
    assert (budget.spent.downloads, budget.spent.toolchains) == (1000, 1)


def test_nothing_allowed_is_nothing_done() -> None:
    with pytest.raises(OverBudgetError):
        fetch(Budget(Allowance(downloads=0)), 1)
    with pytest.raises(OverBudgetError), Budget(Allowance(builds=0)).spending(Work.BUILD, Nobody()):
        raise AssertionError("it began")


def test_time_stops_whatever_is_under_way() -> None:
    clock = Clock()
    budget = Budget(Allowance(seconds=60), clock)
    with budget.spending(Work.NOTHING, Nobody()) as signals:
        assert not signals.cancelled()
    with pytest.raises(OverBudgetError, match="60 s are allowed"):
        worked_until(budget, lambda: setattr(clock, "now", 60.0), Nobody())
    with pytest.raises(OverBudgetError), budget.spending(Work.NOTHING, Nobody()):
        raise AssertionError("it began")


def test_builds_are_counted_and_downloads_are_none() -> None:
    budget = Budget(Allowance(builds=1))
    with budget.spending(Work.BUILD, Nobody()):
        pass
    with pytest.raises(OverBudgetError, match="1 builds"), budget.spending(Work.BUILD, Nobody()):
        raise AssertionError("it began")
    fetch(budget, 5)


def test_a_toolchain_that_is_not_to_be_had_is_an_answer_too() -> None:
    budget = Budget()
    with pytest.raises(MissingToolchainError), budget.spending(Work.BUILD, Nobody()):
        raise MissingToolchainError("it does not build", for_good=True)
    assert (budget.spent.builds, budget.spent.toolchains) == (1, 1)


def test_after_its_time_nothing_is_asked_for() -> None:
    clock = Clock()
    budget = Budget(Allowance(seconds=5), clock)
    budget.check()
    clock.now = 5.0
    with pytest.raises(OverBudgetError):
        budget.check()


def test_who_wants_it_no_more_is_told_so() -> None:
    budget = Budget(Allowance(seconds=0.0))
    with pytest.raises(OverBudgetError), budget.spending(Work.NOTHING, Nobody()):
        raise AssertionError("it began")
    patient = Budget(Allowance(seconds=60), Clock())
    with pytest.raises(CancelledError):
        worked_until(patient, lambda: None, Nobody(tired=True))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 200), st.booleans()), max_size=8), st.integers(0, 400))
def test_no_more_is_downloaded_than_allowed_but_the_first(sizes: list[tuple[int, bool]], bound: int) -> None:
    budget = Budget(Allowance(downloads=bound))
    for size, known in sizes:
        try:
            fetch(budget, size, piece=7, known=known)
        except OverBudgetError:
            continue
    first = sizes[0][0] if sizes and bound else 0
    assert budget.spent.downloads <= max(bound, first) + 7
