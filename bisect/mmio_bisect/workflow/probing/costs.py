"""What probing a point takes, in seconds, as far as it can be known beforehand: one rule for every series.

What is in the store costs a compile, what is not also a download; where a series builds its toolchains, it says what a
build takes. Only the proportions matter: the search weighs what a probe tells against them.
"""

from collections.abc import Callable, Collection
from typing import Protocol, runtime_checkable

from mmio_bisect.domain.toolchain import Point
from mmio_bisect.workflow.ports.series import SeriesSource
from mmio_bisect.workflow.ports.store import ToolchainStore

COMPILE_SECONDS = 0.2
"""One recipe on one toolchain at hand, sandbox included."""

DOWNLOAD_SECONDS = 16.0
"""80 MiB, as a wheel or a distribution's compiler has, at 5 MiB a second."""


@runtime_checkable
class Priced(Protocol):
    """A series that knows what it takes to make a toolchain runnable."""

    def seconds(self, point: Point) -> float: ...


@runtime_checkable
class Likely(Protocol):
    """A series that knows where a change is likelier to have come in."""

    def likelihood(self, point: Point) -> float: ...


def likelihood_of(source: SeriesSource) -> Callable[[Point], float] | None:
    """How likely each point is to be the answer, beside the others; None where nothing is known."""
    return source.likelihood if isinstance(source, Likely) else None


def costs_of(
    source: SeriesSource, store: ToolchainStore, arrived: Callable[[], Collection[Point]]
) -> Callable[[Point], float]:
    """The costs, given the store as it is now and what has `arrived` since without having been probed."""
    here = {point for entry in store.entries() for point in entry.points}

    def cost(point: Point) -> float:
        if point in here or point in arrived():
            return COMPILE_SECONDS
        return COMPILE_SECONDS + (source.seconds(point) if isinstance(source, Priced) else DOWNLOAD_SECONDS)

    return cost
