"""What probing a point takes, in seconds, as far as it can be known beforehand: one rule for every series.

What is in the store costs a compile, what is not also a download; where a series builds its toolchains, it says what a
build takes. Only the proportions matter: the search weighs what a probe tells against them.
"""

from collections.abc import Callable, Collection

from mmio_bisect.domain.toolchain import Point
from mmio_bisect.workflow.ports.series import SeriesSource
from mmio_bisect.workflow.ports.store import ToolchainStore

COMPILE_SECONDS = 0.2
"""One recipe on one toolchain at hand, sandbox included."""

DOWNLOAD_SECONDS = 16.0
"""80 MiB, as a wheel or a distribution's compiler has, at 5 MiB a second."""


def costs_of(
    source: SeriesSource, store: ToolchainStore, arrived: Callable[[], Collection[Point]]
) -> Callable[[Point], float]:
    """The costs, given the store as it is now and what has `arrived` since without having been probed."""
    building = source.capabilities.seconds
    here = {point for entry in store.entries() for point in entry.points}

    def cost(point: Point) -> float:
        if point in here or point in arrived():
            return COMPILE_SECONDS
        return COMPILE_SECONDS + (DOWNLOAD_SECONDS if building is None else building(point))

    return cost
