"""One point, several cells: answered from history where it can be, compiled where it must be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from mmio_bisect.classify.profiles import Profile
from mmio_bisect.domain.outcome import Cell, CellRequest, Judgement, Outcome
from mmio_bisect.domain.run import Cost, Probe
from mmio_bisect.domain.toolchain import Point, Toolchain, missing_toolchain
from mmio_bisect.errors import BrokenToolchainError, MissingToolchainError
from mmio_bisect.workflow.acquire import acquire
from mmio_bisect.workflow.compile import cell_of, compile_cell, outcome_without
from mmio_bisect.workflow.judge import judge_once
from mmio_bisect.workflow.ports import History, ObjectReader, Sandbox, SeriesSource, Signals, ToolchainStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolbox:
    """The adapters that a use case works with."""

    source: SeriesSource
    store: ToolchainStore
    sandbox: Sandbox
    objects: ObjectReader
    history: History


def unanswered(
    requests: Sequence[CellRequest], toolchain: Toolchain | None, history: History
) -> tuple[CellRequest, ...]:
    """What would have to be compiled: all of it where it is not known which toolchain the point is."""
    if toolchain is None:
        return tuple(requests)
    if toolchain.is_missing:
        return ()
    return tuple(request for request in requests if history.outcome_of(cell_of(request, toolchain)) is None)


def _nobody(_probe: Probe) -> None:
    """Where nobody wants to be told."""


@dataclass(slots=True)
class Prober:
    """Probes points with one toolbox and profile; may be used by several threads. Counts what it spends.

    `told` is called with each cell that `probe` answers, as it is answered, from whichever thread does. With
    `ask_again` no toolchain is believed to be missing because history says so.
    """

    tools: Toolbox
    profile: Profile
    told: Callable[[Probe], None] = _nobody
    ask_again: bool = False
    _spent: Cost = field(default_factory=Cost)
    _judgements: dict[tuple[str, str], Judgement] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @property
    def spent(self) -> Cost:
        return self._spent

    def known(self, point: Point, requests: Sequence[CellRequest]) -> tuple[Probe, ...]:
        """What history can answer, without a compiler."""
        toolchain = self.toolchain_of(point)
        if toolchain is None:
            return ()
        if toolchain.is_missing:
            return tuple(self._without(point, requests, toolchain, from_history=True))
        probes = []
        for request in requests:
            outcome = self.tools.history.outcome_of(cell_of(request, toolchain))
            if outcome is not None:
                probes.append(self._judged(point, toolchain, request, outcome, from_history=True))
        return tuple(probes)

    def remembered(self, points: Sequence[Point]) -> tuple[Point, ...]:
        """Those of one series' points of which history knows the toolchain: a series may have thousands of others."""
        known = self.tools.history.remembered(points[0].series) if points else frozenset()
        return tuple(point for point in points if point.version in known)

    def toolchain_of(self, point: Point) -> Toolchain | None:
        """What history says the point is, if it is to be believed."""
        toolchain = self.tools.history.toolchain_of(point)
        return None if toolchain is not None and toolchain.is_missing and self.ask_again else toolchain

    def probe(self, point: Point, requests: Sequence[CellRequest], signals: Signals) -> tuple[Probe, ...]:
        """Answer all requests, fetching and compiling what history lacks: one sandbox start for all of it.

        Every outcome is kept as soon as it is there, so a killed run loses one compile at most. A toolchain that is not
        to be had, or whose compiler does not start, makes all its cells untestable: that is its own doing. Raises the
        other errors of `acquire`, and those of `compile_cell`, which are never verdicts.
        """
        known = self.known(point, requests)
        for probe in known:
            self.told(probe)
        answered = {id(probe.request) for probe in known}
        missing = [request for request in requests if id(request) not in answered]
        if not missing:
            return known
        try:
            return (*known, *self._make(point, missing, signals))
        except (MissingToolchainError, BrokenToolchainError) as error:
            toolchain = self._missing(point, error)
            made = self._without(point, missing, toolchain, from_history=False)
            for probe in made:
                self.told(probe)
            return (*known, *made)

    def fetch(self, point: Point, signals: Signals) -> None:
        """Put the point's toolchain into the store. Raises the errors of `acquire`."""
        tools = self.tools
        with acquire(point, tools.source, tools.store, tools.sandbox, signals) as lease:
            self._spend(fetched=int(lease.fetched))

    def _make(self, point: Point, requests: Sequence[CellRequest], signals: Signals) -> list[Probe]:
        tools, made = self.tools, []
        with acquire(point, tools.source, tools.store, tools.sandbox, signals) as lease:
            self._spend(fetched=int(lease.fetched))
            tools.history.remember_toolchain(point, lease.toolchain)
            with tools.sandbox.session(lease.root, lease.image) as session:
                for request in requests:
                    cell = cell_of(request, lease.toolchain)
                    # Two points may be one toolchain: what another name of it made need not be made again.
                    outcome = tools.history.outcome_of(cell)
                    fresh = outcome is None
                    if outcome is None:
                        outcome = compile_cell(cell, session, tools.sandbox.name, signals)
                        tools.history.record_outcome(cell, outcome)
                        self._spend(compiled=1)
                    made.append(self._judged(point, lease.toolchain, request, outcome, from_history=not fresh))
                    self.told(made[-1])
        return made

    def _missing(self, point: Point, error: MissingToolchainError | BrokenToolchainError) -> Toolchain:
        """Only what is missing for good is believed without asking again; a toolchain that was there stays known."""
        history = self.tools.history
        toolchain, before = missing_toolchain(point, self.tools.source.family, str(error)), history.toolchain_of(point)
        for_good = isinstance(error, MissingToolchainError) and error.for_good
        if for_good and (before is None or before.is_missing):
            history.remember_toolchain(point, toolchain)
        return toolchain

    def _without(
        self, point: Point, requests: Sequence[CellRequest], missing: Toolchain, *, from_history: bool
    ) -> list[Probe]:
        probes = []
        for request in requests:
            outcome = outcome_without(missing.version_text)
            self.tools.history.record_outcome(cell_of(request, missing), outcome)
            probes.append(self._judged(point, missing, request, outcome, from_history=from_history))
        return probes

    def _judged(
        self, point: Point, toolchain: Toolchain, request: CellRequest, outcome: Outcome, *, from_history: bool
    ) -> Probe:
        cell = cell_of(request, toolchain)
        return Probe(
            point=point,
            toolchain=toolchain,
            request=request,
            cell_key=cell.key,
            outcome=outcome,
            judgement=self._judgement(cell, outcome),
            from_history=from_history,
            seconds=outcome.seconds,
        )

    def _judgement(self, cell: Cell, outcome: Outcome) -> Judgement:
        """Many cells of a sweep give the same object: it is looked up once."""
        tools = self.tools
        if outcome.object_digest is None:
            return judge_once(cell, outcome, self.profile, tools.objects, tools.history)
        key = (outcome.object_digest, cell.request.case.expectation_digest)
        known = self._judgements.get(key)
        if known is None:
            known = judge_once(cell, outcome, self.profile, tools.objects, tools.history)
            self._judgements[key] = known
        return known

    def _spend(self, *, fetched: int = 0, compiled: int = 0) -> None:
        with self._lock:
            self._spent = Cost(
                toolchains_fetched=self._spent.toolchains_fetched + fetched,
                cells_compiled=self._spent.cells_compiled + compiled,
            )
