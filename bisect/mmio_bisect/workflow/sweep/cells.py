"""Every cell of a range, or a grid of it that is refined where neighbours differ; history keeps what is answered.

All cells of a point are one batch: one toolchain held, one sandbox started. A toolchain that cannot be had does not
stop the others: it is tried again with back-off, and named at the end. What is wrong on our own side (disk, database,
store) ends the sweep, and so does an interrupt; whatever was compiled until then is kept, and the same sweep goes on
from there.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter
from typing import Protocol

from mmio_bisect.domain.access import DefectKind, Mark
from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.outcome import CellRequest, Verdict
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.run import Cost, Probe
from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.errors import BrokenToolchainError, MmioBisectError, OverBudgetError
from mmio_bisect.search.grid import Grid, coarse_stride
from mmio_bisect.workflow.ports.progress import ProbeEvents
from mmio_bisect.workflow.probing.judge import restrict
from mmio_bisect.workflow.probing.pool import Landed, Pool, Stoppable
from mmio_bisect.workflow.probing.probe import Adapters, Prober, unanswered
from mmio_bisect.workflow.probing.ranges import (
    Interpret,
    PointRange,
    RangeText,
    matching_points,
    nothing_more,
    resolve_range,
)
from mmio_bisect.workflow.probing.retry import BACK_OFF, PASSING, with_back_off

_OF_ONE_TOOLCHAIN = (*PASSING, BrokenToolchainError, OverBudgetError)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """What to sweep: `requests` at `points`, which are the range, oldest first.

    `defects` are the kinds that count (None: all). With `transitions` not every point is probed, see `Grid`.
    `ask_again` as in `Prober`.
    """

    requests: tuple[CellRequest, ...]
    points: tuple[Point, ...]
    profile: Profile
    defects: frozenset[DefectKind] | None = None
    transitions: bool = False
    jobs: int = 2
    ask_again: bool = False
    back_off: tuple[float, ...] = BACK_OFF

    @property
    def stride(self) -> int:
        return coarse_stride(len(self.points)) if self.transitions else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A mark that came (introduced) or went (fixed) along one cell's points.

    `suspects` as in `Suspects`: one point where it is certain; where points before it could not be read, they too.
    """

    request: CellRequest
    mark: Mark
    change: Change
    last: Point
    first: Point
    suspects: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedPoint:
    """A point whose toolchain could not be had or run, for want of something that is not the compiler's doing."""

    point: Point
    error: MmioBisectError


class SweepEvents(ProbeEvents, Protocol):
    """What a sweep tells besides."""

    def finished(self, point: Point) -> None:
        """All its cells are answered."""

    def failed(self, failed: FailedPoint) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """`probes` by point and request, oldest point first; `unprobed` are points that nothing is known of."""

    probes: tuple[Probe, ...]
    transitions: tuple[Transition, ...]
    failed: tuple[FailedPoint, ...]
    unprobed: tuple[Point, ...]
    cost: Cost


def swept_range(text: RangeText, listing: Listing, interpret: Interpret = nothing_more) -> PointRange:
    """As `resolve_range`; but one point is a range too: named twice, or all there is. Raises `UnknownVersionError`."""
    if text.first and text.first == text.last:
        return PointRange(points=matching_points(text.first, listing, interpret), reversed=False)
    if len(listing.points) == 1 and not text.first and not text.last:
        return PointRange(points=listing.points, reversed=False)
    return resolve_range(text, listing, interpret)


def sweep(request: SweepRequest, tools: Adapters, events: SweepEvents) -> SweepResult:
    """Raises `StoreError`, `DatabaseError`, `DiskFullError`; whatever was answered until then is kept."""
    sweeping = _Sweeping(request, tools, events)
    sweeping.seed()
    with Pool[tuple[Probe, ...]](request.jobs) as pool:
        while pool.points or not sweeping.grid.done:
            for point in sweeping.grid.propose(pool.points, pool.free):
                events.begun(point)
                pool.submit(point, partial(sweeping.probe, point), events.fetching(point))
            for landed in pool.next_finished():
                sweeping.take(landed)
    return sweeping.result()


@dataclass(slots=True)
class _Sweeping:
    """The grid, and what was seen of its points."""

    request: SweepRequest
    tools: Adapters
    events: SweepEvents
    grid: Grid[Mark] = field(init=False)
    _prober: Prober = field(init=False)
    _probes: dict[Point, tuple[Probe, ...]] = field(default_factory=dict)
    _failed: dict[Point, FailedPoint] = field(default_factory=dict)

    def __post_init__(self) -> None:
        request = self.request
        self.grid = Grid(
            request.points, lines=len(request.requests), stride=request.stride, group_of=attrgetter("function")
        )
        self._prober = Prober(
            self.tools,
            request.profile,
            on_answer=lambda probe: self.events.probed(self._read(probe)),
            ask_again=request.ask_again,
        )

    def seed(self) -> None:
        """Take the points that history answers whole, on the grid or off it; the oldest first."""
        for point in self._prober.remembered(self.request.points):
            toolchain = self._prober.toolchain_of(point)
            if toolchain is not None and not unanswered(self.request.requests, toolchain, self.tools.history):
                probes = self._prober.known(point, self.request.requests)
                for probe in probes:
                    self.events.probed(self._read(probe))
                self._note(point, probes)
                self.events.finished(point)

    def probe(self, point: Point, signals: Stoppable) -> tuple[Probe, ...]:
        """In a thread of the pool. Raises what stands in the way after the last try."""
        work = partial(self._prober.probe, point, self.request.requests)
        return with_back_off(work, signals, self.request.back_off, partial(self.events.retrying, point))

    def take(self, landed: Landed[tuple[Probe, ...]]) -> None:
        """What a point gave; or that it cannot be had, with whatever is known of it none the less."""
        point = landed.point
        try:
            self._note(point, landed.result())
        except _OF_ONE_TOOLCHAIN as error:
            self._failed[point] = FailedPoint(point=point, error=error)
            self._note(point, self._prober.known(point, self.request.requests))
            self.events.failed(self._failed[point])
        else:
            self.events.finished(point)

    def result(self) -> SweepResult:
        points = self.request.points
        return SweepResult(
            probes=tuple(probe for point in points for probe in self._probes.get(point, ())),
            transitions=tuple(self._transitions()),
            failed=tuple(self._failed[point] for point in points if point in self._failed),
            unprobed=self.grid.unprobed,
            cost=self._prober.spent,
        )

    def _transitions(self) -> Iterable[Transition]:
        for step in self.grid.steps():
            yield Transition(
                request=self.request.requests[step.line],
                mark=step.mark,
                change=step.change,
                last=step.last,
                first=step.first,
                suspects=(*step.between, step.first),
            )

    def _note(self, point: Point, probes: Iterable[Probe]) -> None:
        read = {id(probe.request): self._read(probe) for probe in probes}
        ordered = [read.get(id(request)) for request in self.request.requests]
        self._probes[point] = tuple(probe for probe in ordered if probe is not None)
        self.grid.record(
            point,
            tuple(None if probe is None else _marks(probe) for probe in ordered),
            [() if probe is None else probe.judgement.blind for probe in ordered],
        )

    def _read(self, probe: Probe) -> Probe:
        return replace(probe, judgement=restrict(probe.judgement, self.request.defects))


def _marks(probe: Probe) -> frozenset[Mark] | None:
    return None if probe.judgement.verdict is Verdict.UNTESTABLE else probe.judgement.marks
