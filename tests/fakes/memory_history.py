"""A `History` without a database: dictionaries that keep the same promises, for tests of what stands above the port."""

import itertools
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from mmio_bisect.domain.outcome import Cell, Judgement, Outcome
from mmio_bisect.domain.run import Cost, Probe, RunHead
from mmio_bisect.domain.toolchain import Point, Toolchain
from mmio_bisect.errors import UnknownRunError
from mmio_bisect.workflow.ports.history import OutcomeRecord, RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """An outcome where it stands in the order of recording."""

    order: int
    cell: Cell
    outcome: Outcome
    recorded: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedBy:
    """What a judgement is kept under: equal objects are judged once."""

    object_digest: str
    expectation_digest: str
    profile: str
    rules: int


@dataclass(slots=True, kw_only=True)
class MemoryHistory:
    """What was recorded lies open in `probes` and `costs`, by run."""

    probes: dict[int, list[Probe]] = field(default_factory=dict)
    costs: dict[int, Cost] = field(default_factory=dict)
    _runs: dict[int, RunRecord] = field(default_factory=dict)
    _outcomes: dict[str, _Kept] = field(default_factory=dict)
    _judgements: dict[JudgedBy, Judgement] = field(default_factory=dict)
    _toolchains: dict[str, Toolchain] = field(default_factory=dict)
    _points: dict[tuple[str, str], dict[str, Point]] = field(default_factory=dict)
    _order: Iterator[int] = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def toolchain_of(self, point: Point) -> Toolchain | None:
        with self._lock:
            was = self._points.get((point.series, point.version), {})
            return self._toolchains[next(reversed(was))] if was else None

    def remembered(self, series: str) -> frozenset[str]:
        with self._lock:
            return frozenset(version for known, version in self._points if known == series)

    def remember_toolchain(self, point: Point, toolchain: Toolchain) -> None:
        with self._lock:
            self._toolchains.setdefault(toolchain.digest, toolchain)
            was = self._points.setdefault((point.series, point.version), {})
            was.pop(toolchain.digest, None)
            was[toolchain.digest] = point
            for digest in was:
                was[digest] = point

    def outcomes_of(self, cells: Sequence[Cell]) -> dict[str, Outcome]:
        kept = {cell.key: self._outcomes.get(cell.key) for cell in cells}
        return {key: found.outcome for key, found in kept.items() if found is not None}

    def record(
        self, found: Sequence[tuple[Cell, Outcome]], judged: Sequence[tuple[Cell, Outcome, Judgement]] = ()
    ) -> None:
        with self._lock:
            for cell, outcome in found:
                self._toolchains.setdefault(cell.toolchain.digest, cell.toolchain)
                kept = _Kept(order=next(self._order), cell=cell, outcome=outcome, recorded=_now())
                self._outcomes.setdefault(cell.key, kept)
            for cell, outcome, judgement in judged:
                key = _judged_by(cell, outcome, judgement.profile, judgement.rules)
                if key is not None:
                    self._judgements.setdefault(key, judgement)

    def judgement_of(self, cell: Cell, outcome: Outcome, profile: str, rules: int) -> Judgement | None:
        key = _judged_by(cell, outcome, profile, rules)
        return None if key is None else self._judgements.get(key)

    def begin_run(self, head: RunHead) -> int:
        with self._lock:
            run = len(self._runs) + 1
            self.probes[run] = []
            self._runs[run] = RunRecord(
                id=run,
                recipe=head.case.recipe,
                case=head.case.file_name,
                series=head.series,
                first=head.first.version,
                last=head.last.version,
                profile=head.profile,
                started=_now(),
                finished=None,
                argv=head.argv,
                document=None,
            )
            return run

    def record_probe(self, run: int, probe: Probe) -> None:
        self.run(run)
        self.probes[run].append(probe)

    def finish_run(self, run: int, cost: Cost, document: str) -> None:
        self._runs[run] = replace(self.run(run), finished=_now(), document=document)
        self.costs[run] = cost

    def runs(self, *, limit: int) -> tuple[RunRecord, ...]:
        return tuple(reversed(self._runs.values()))[:limit]

    def run(self, run: int) -> RunRecord:
        if run not in self._runs:
            raise UnknownRunError(f"History has no run {run}.")
        return self._runs[run]

    def outcomes(self, *, run: int | None = None) -> Iterator[OutcomeRecord]:
        probed = None
        if run is not None:
            self.run(run)
            probed = {probe.cell_key for probe in self.probes[run]}
        for key, kept in sorted(self._outcomes.items(), key=lambda item: -item[1].order):
            if probed is None or key in probed:
                yield self._record(key, kept)

    def outcome(self, cell_key: str) -> OutcomeRecord:
        digits = re.fullmatch(r"(?:sha256:)?([0-9a-f]{1,64})", cell_key.lower())
        fitting = [key for key in self._outcomes if digits and key.startswith(f"sha256:{digits[1]}")]
        if len(fitting) != 1:
            raise UnknownRunError(f"{len(fitting)} outcomes in history begin with {cell_key}.")
        return self._record(fitting[0], self._outcomes[fitting[0]])

    def _record(self, key: str, kept: _Kept) -> OutcomeRecord:
        request, toolchain = kept.cell.request, kept.cell.toolchain
        digest = kept.outcome.object_digest
        points = [was[toolchain.digest] for was in self._points.values() if toolchain.digest in was]
        return OutcomeRecord(
            cell_key=key,
            recipe=request.case.recipe,
            language=request.case.language.value,
            case_text=request.case.text,
            points=tuple(sorted(points, key=lambda point: (point.series, point.sort_key))),
            toolchain=self._toolchains[toolchain.digest],
            triple=kept.cell.triple,
            opt=request.opt.value,
            flags=kept.cell.flags,
            recorded=kept.recorded,
            outcome=kept.outcome,
            judgements=tuple(found for by, found in self._judgements.items() if by.object_digest == digest),
        )


def _judged_by(cell: Cell, outcome: Outcome, profile: str, rules: int) -> JudgedBy | None:
    if outcome.object_digest is None:
        return None
    return JudgedBy(
        object_digest=outcome.object_digest,
        expectation_digest=cell.request.case.expectation_digest,
        profile=profile,
        rules=rules,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
