"""One point, several cells: answered from history where it can be, compiled where it must be."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Self

from mmio_bisect.classify.verdict.profiles import profile_for
from mmio_bisect.domain.access import RULES
from mmio_bisect.domain.outcome import Cell, CellRequest, Judgement, Outcome
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.run import Cost, Probe
from mmio_bisect.domain.toolchain import Point, Toolchain, missing_toolchain
from mmio_bisect.errors import BrokenToolchainError, MissingToolchainError
from mmio_bisect.workflow.ports.history import History
from mmio_bisect.workflow.ports.judge import Judge
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.sandbox import Sandbox, SandboxSession
from mmio_bisect.workflow.ports.series import SeriesSource
from mmio_bisect.workflow.ports.store import ToolchainStore
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.acquire import acquire
from mmio_bisect.workflow.probing.budget import Budget, Work
from mmio_bisect.workflow.probing.compile import ask_word, cell_of, compile_cell, outcome_without
from mmio_bisect.workflow.probing.judge import judge_outcome, loses_sight

# Outcomes are kept together, since a database waits for its disk each time: as many as a killed run can well lose.
_TOGETHER_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """The adapters that a use case works with, and what it may spend."""

    source: SeriesSource
    store: ToolchainStore
    sandbox: Sandbox
    judge: Judge
    history: History
    budget: Budget = field(default_factory=Budget)

    @classmethod
    def of(cls, wiring: Wiring, series: str, sandbox: Sandbox, history: History, budget: Budget | None = None) -> Self:
        """Those of one series."""
        return cls(
            source=wiring.source(series),
            store=wiring.store(),
            sandbox=sandbox,
            judge=wiring.judge(),
            history=history,
            budget=budget or Budget(),
        )

    def work_for(self, point: Point) -> Work:
        """The cost of the point's toolchain."""
        if self.store.known(point) is not None:
            return Work.NOTHING
        return Work.DOWNLOAD if self.source.capabilities.seconds is None else Work.BUILD


def unanswered(
    requests: Sequence[CellRequest], toolchain: Toolchain | None, history: History
) -> tuple[CellRequest, ...]:
    """What would have to be compiled: all of it where it is not known which toolchain the point is."""
    if toolchain is None:
        return tuple(requests)
    if toolchain.is_missing:
        return ()
    cells = [cell_of(request, toolchain) for request in requests]
    known = history.outcomes_of(cells)
    return tuple(cell.request for cell in cells if cell.key not in known)


@dataclass(frozen=True, slots=True)
class _Answered:
    """A cell with its outcome; `fresh` if history does not have it yet."""

    cell: Cell
    outcome: Outcome
    fresh: bool


_Judged = dict[tuple[str, str], tuple[Cell, Outcome, Judgement]]
"""What is judged for the first time, by the digests of object and expectation."""


@dataclass(slots=True)
class Prober:
    """Probes points with the same adapters and profile; may be used by several threads. Counts what it spends.

    `on_answer` is called with each cell that `probe` answers, as it is answered, from whichever thread does. With
    `ask_again` no toolchain is believed to be missing because history says so.
    """

    tools: Adapters
    profile: Profile
    on_answer: Callable[[Probe], None] = lambda _: None
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
        cells = [cell_of(request, toolchain) for request in requests]
        outcomes = self.tools.history.outcomes_of(cells)
        found = [_Answered(cell, outcomes[cell.key], fresh=False) for cell in cells if cell.key in outcomes]
        return tuple(self._keep(point, found))

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

        A killed run loses half a second's outcomes at most, or one compile that takes longer. A toolchain that is
        unavailable, or whose compiler does not start, makes all its cells untestable: that is its own doing. Raises the
        other errors of `acquire`, those of `compile_cell`, and `OverBudgetError`, which are never verdicts.
        """
        known = self.known(point, requests)
        self._tell(known)
        answered = {id(probe.request) for probe in known}
        missing = [request for request in requests if id(request) not in answered]
        if not missing:
            return known
        try:
            with self.tools.budget.spending(self.tools.work_for(point), signals) as metered:
                return (*known, *self._make(point, missing, metered))
        except (MissingToolchainError, BrokenToolchainError) as error:
            toolchain = self._missing(point, error)
            return (*known, *self._tell(self._without(point, missing, toolchain, from_history=False)))

    def fetch(self, point: Point, signals: Signals) -> None:
        """Put the point's toolchain into the store. Raises the errors of `acquire`."""
        tools = self.tools
        with (
            tools.budget.spending(tools.work_for(point), signals) as metered,
            acquire(point, tools.source, tools.store, tools.sandbox, metered) as lease,
        ):
            self._spend(fetched=int(lease.fetched))

    def _make(self, point: Point, requests: Sequence[CellRequest], signals: Signals) -> list[Probe]:
        tools, made = self.tools, list[Probe]()
        with acquire(point, tools.source, tools.store, tools.sandbox, signals) as lease:
            self._spend(fetched=int(lease.fetched))
            tools.history.remember_toolchain(point, lease.toolchain)
            with tools.sandbox.session(lease.root, lease.image) as session:
                waiting = deque(cell_of(request, lease.toolchain) for request in requests)
                while waiting:
                    batch, judged = list[_Answered](), _Judged()
                    try:
                        self._compile(waiting, batch, judged, session, signals)
                    finally:
                        made += self._tell(self._keep(point, batch, judged))
        return made

    def _compile(
        self,
        waiting: deque[Cell],
        batch: list[_Answered],
        judged: _Judged,
        session: SandboxSession,
        signals: Signals,
    ) -> None:
        """Move what half a second is enough for from `waiting` to `batch`, one cell at least."""
        # Two points may be one toolchain: what another name of it made need not be made again.
        known = self.tools.history.outcomes_of(tuple(waiting))
        until = monotonic() + _TOGETHER_SECONDS
        while waiting and (not batch or monotonic() < until):
            cell = waiting[0]
            outcome = known.get(cell.key)
            if fresh := outcome is None:
                outcome = compile_cell(cell, session, self.tools.sandbox.name, signals)
                self._spend(compiled=1)
            batch.append(_Answered(cell, outcome, fresh))
            waiting.popleft()
            if fresh:
                batch[-1] = _Answered(cell, self._with_word(cell, outcome, judged, session, signals), fresh)

    def _with_word(
        self, cell: Cell, outcome: Outcome, judged: _Judged, session: SandboxSession, signals: Signals
    ) -> Outcome:
        """Asked for only where the object is judged for the first time, and the data flow loses sight."""
        before = len(judged)
        judgement = self._judgement(cell, outcome, judged)
        if len(judged) == before or not loses_sight(judgement):
            return outcome
        asked = ask_word(cell, outcome, session, signals)
        if asked.word is not None:
            judged.popitem()
            self._judgement(cell, asked, judged)
        return asked

    def _keep(self, point: Point, batch: Sequence[_Answered], new: _Judged | None = None) -> list[Probe]:
        """Judge what was answered and is not yet judged, and keep what is new of it."""
        new = _Judged() if new is None else new
        probes = [
            self._probe(point, found, self._judgement(found.cell, found.outcome, new), from_history=not found.fresh)
            for found in batch
        ]
        fresh = [(found.cell, found.outcome) for found in batch if found.fresh]
        if fresh or new:
            self.tools.history.record(fresh, list(new.values()))
        # Not before: what could not be kept is to be tried again, by whoever needs it next.
        self._judgements.update({key: judgement for key, (*_, judgement) in new.items()})
        return probes

    def _tell(self, probes: Sequence[Probe]) -> Sequence[Probe]:
        for probe in probes:
            self.on_answer(probe)
        return probes

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
        outcome = outcome_without(missing.version_text)
        found = [_Answered(cell_of(request, missing), outcome, fresh=True) for request in requests]
        self.tools.history.record([(each.cell, outcome) for each in found])
        return [
            self._probe(point, each, self._judgement(each.cell, outcome, _Judged()), from_history=from_history)
            for each in found
        ]

    def _probe(self, point: Point, found: _Answered, judgement: Judgement, *, from_history: bool) -> Probe:
        return Probe(
            point=point,
            toolchain=found.cell.toolchain,
            request=found.cell.request,
            cell_key=found.cell.key,
            outcome=found.outcome,
            judgement=judgement,
            from_history=from_history,
            seconds=found.outcome.seconds,
        )

    def _judgement(self, cell: Cell, outcome: Outcome, new: _Judged) -> Judgement:
        """Equal objects are judged once, and looked up once; what is judged now is added to `new`."""
        tools = self.tools
        profile = profile_for(self.profile, cell.request.target.architecture)
        if outcome.object_digest is None:
            return judge_outcome(cell, outcome, profile, tools.judge)
        key = (outcome.object_digest, cell.request.case.expectation_digest)
        if key in new:
            return new[key][2]
        known = self._judgements.get(key) or tools.history.judgement_of(cell, outcome, profile.name, RULES)
        if known is None:
            known = judge_outcome(cell, outcome, profile, tools.judge)
            new[key] = (cell, outcome, known)
        else:
            self._judgements[key] = known
        return known

    def _spend(self, *, fetched: int = 0, compiled: int = 0) -> None:
        with self._lock:
            self._spent = Cost(
                toolchains_fetched=self._spent.toolchains_fetched + fetched,
                cells_compiled=self._spent.cells_compiled + compiled,
            )
