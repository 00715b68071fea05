"""What a sweep would do, before it does any of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from mmio_bisect.domain.access import Mark
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.search.grid import Grid
from mmio_bisect.workflow.ports.history import History
from mmio_bisect.workflow.ports.store import StoredToolchain, ToolchainStore
from mmio_bisect.workflow.probing.probe import unanswered
from mmio_bisect.workflow.sweep.cells import SweepRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """What will be done at `points`; `may_follow` points more may be looked at where these differ.

    `to_compile` counts cells; one that two points share (one toolchain under two names) counts twice. `bytes_to_fetch`
    is an estimate from the stored toolchains of the series, unpacked: None where the store has none.
    """

    points: tuple[Point, ...]
    may_follow: int
    known: int
    to_compile: int
    to_fetch: tuple[Point, ...]
    bytes_to_fetch: int | None


def plan_sweep(request: SweepRequest, history: History, store: ToolchainStore) -> SweepPlan:
    """Asks history and store; fetches and starts nothing."""
    grid = Grid[Mark](request.points, lines=len(request.requests), stride=request.stride)
    known = missing = 0
    to_fetch = []
    for point in grid.coarse:
        stored = store.known(point)
        lacking = len(unanswered(request.requests, history.toolchain_of(point) or stored, history))
        known += len(request.requests) - lacking
        missing += lacking
        if lacking and stored is None:
            to_fetch.append(point)
    return SweepPlan(
        points=grid.coarse,
        may_follow=len(request.points) - len(grid.coarse),
        known=known,
        to_compile=missing,
        to_fetch=tuple(to_fetch),
        bytes_to_fetch=_estimate(to_fetch, store.entries()) if to_fetch else 0,
    )


def _estimate(points: Sequence[Point], stored: Sequence[StoredToolchain]) -> int | None:
    series = {point.series for point in points}
    sizes = [entry.size for entry in stored if series & {point.series for point in entry.points}]
    return round(sum(sizes) / len(sizes) * len(points)) if sizes else None
