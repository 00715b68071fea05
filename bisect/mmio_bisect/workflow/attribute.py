"""Which layer, and which pass, makes the difference between two toolchains; for where no commit can be built.

Every mix of layers is made and judged like any object. Then passes are looked for in the bad toolchain: by switching
them off one search step after another (`-opt-bisect-limit`), and by comparing both toolchains' dumps pass by pass.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from mmio_bisect.classify.profiles import Profile
from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.attribution import Attribution, Layer, NothingToAttribute, PassFindings, Side, Trial
from mmio_bisect.domain.outcome import CellRequest, Judgement, Verdict
from mmio_bisect.domain.recipe import Language
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import BrokenToolchainError
from mmio_bisect.workflow.acquire import acquire
from mmio_bisect.workflow.compile import cell_of
from mmio_bisect.workflow.dumps import diverging, forming, read_snapshots
from mmio_bisect.workflow.judge import restrict
from mmio_bisect.workflow.layers import conclude, mixes_of
from mmio_bisect.workflow.limits import search_limits
from mmio_bisect.workflow.mixing import Bench, Mixer, Refused, Telling, Workplace
from mmio_bisect.workflow.ports import History, ObjectReader, Sandbox, SeriesSource, Signals, ToolchainStore
from mmio_bisect.workflow.probe import Prober, Toolbox
from mmio_bisect.workflow.stages import has_llvm, reads_ir


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeTools:
    """The adapters; `sources` gives a series' own, as the two toolchains may be of different ones."""

    sources: Callable[[str], SeriesSource]
    store: ToolchainStore
    sandbox: Sandbox
    objects: ObjectReader
    history: History


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeRequest:
    """Two points, older first, and the same target and level of each: in two languages where the families differ.

    `defects` are the kinds that count (None: all).
    """

    older: Point
    newer: Point
    asked: tuple[tuple[CellRequest, CellRequest], ...]
    profile: Profile
    defects: frozenset[DefectKind] | None = None


Finding = Attribution | NothingToAttribute


def attribute_all(
    request: AttributeRequest, tools: AttributeTools, signals: Callable[[Point], Signals]
) -> tuple[Finding, ...]:
    """One finding for each pair that was asked. Raises the errors of `acquire` and `compile_cell`."""
    older = _probe(request, tools, request.older, [pair[0] for pair in request.asked], signals(request.older))
    newer = _probe(request, tools, request.newer, [pair[1] for pair in request.asked], signals(request.newer))
    for side in (older[0], newer[0]):
        if not has_llvm(side.toolchain.family):
            raise BrokenToolchainError(
                f"{side.point} is a {side.toolchain.family}, which has no LLVM inside: attribute needs two compilers "
                "that have, such as clang, zig or rustc."
            )
    return tuple(_attribute(request, tools, pair, signals) for pair in zip(older, newer, strict=True))


def _probe(
    request: AttributeRequest, tools: AttributeTools, point: Point, asked: Sequence[CellRequest], signals: Signals
) -> list[Side]:
    """The toolchain as a whole, from history where it can be."""
    prober = Prober(
        Toolbox(
            source=tools.sources(point.series),
            store=tools.store,
            sandbox=tools.sandbox,
            objects=tools.objects,
            history=tools.history,
        ),
        request.profile,
    )
    probes = {probe.request: probe for probe in prober.probe(point, tuple(dict.fromkeys(asked)), signals)}
    return [
        Side(
            point=point,
            toolchain=probes[one].toolchain,
            request=one,
            judgement=restrict(probes[one].judgement, request.defects),
        )
        for one in asked
    ]


def _attribute(
    request: AttributeRequest, tools: AttributeTools, pair: tuple[Side, Side], signals: Callable[[Point], Signals]
) -> Finding:
    older, newer = pair
    for side in pair:
        if side.judgement.verdict is Verdict.UNTESTABLE:
            return NothingToAttribute(
                older=older, newer=newer, reason=f"{side.point} is untestable: {side.judgement.reason}"
            )
    introduced, fixed = _new_defects(older, newer), _new_defects(newer, older)
    if introduced:
        good, bad, telling, change = older, newer, introduced, Change.INTRODUCED
    elif fixed:
        good, bad, telling, change = newer, older, fixed, Change.FIXED
    else:
        return NothingToAttribute(older=older, newer=newer, reason="both have the same defects, or none")
    began = time.monotonic()
    with _open(tools, good, signals) as at_good, _open(tools, bad, signals) as at_bad:
        bench = Bench(good=at_good, bad=at_bad, telling=telling, profile=request.profile, objects=tools.objects)
        found = _Attributing(bench, telling)
        layers = found.layers()
        trials = tuple(found.mixer.trial(mix) for mix in mixes_of(layers))
        found.note_unmade(trials)
        conclusion = conclude(trials, layers)
        guilty = frozenset(
            layer for chosen in conclusion.explanations[:1] for enough in chosen.enough for layer in enough
        )
        searches = search_limits(bench, found.mixer, guilty)
        return Attribution(
            good=good,
            bad=bad,
            change=change,
            telling=telling,
            trials=trials,
            conclusion=conclusion,
            searches=searches,
            findings=found.passes(),
            notes=tuple(found.notes),
            compiles=at_good.compiles + at_bad.compiles,
            seconds=time.monotonic() - began,
        )


def _new_defects(before: Side, after: Side) -> Telling:
    return _keys(after.judgement) - _keys(before.judgement)


def _keys(judgement: Judgement) -> Telling:
    return frozenset((defect.function, defect.access, defect.kind.value) for defect in judgement.defects)


@contextmanager
def _open(tools: AttributeTools, side: Side, signals: Callable[[Point], Signals]) -> Iterator[Workplace]:
    watched = signals(side.point)
    with ExitStack() as stack:
        lease = stack.enter_context(
            acquire(side.point, tools.sources(side.point.series), tools.store, tools.sandbox, watched)
        )
        session = stack.enter_context(tools.sandbox.session(lease.root, lease.image))
        yield Workplace(
            point=side.point,
            cell=cell_of(side.request, lease.toolchain),
            session=session,
            sandbox=tools.sandbox.name,
            signals=watched,
        )


@dataclass(slots=True)
class _Attributing:
    bench: Bench
    telling: Telling
    notes: list[str] = field(default_factory=list)
    mixer: Mixer = field(init=False)

    def __post_init__(self) -> None:
        self.mixer = Mixer(self.bench)

    def layers(self) -> tuple[Layer, ...]:
        """What can be told apart: a case that is IR has no front end."""
        cells = (self.bench.good.cell, self.bench.bad.cell)
        for cell, place in zip(cells, (self.bench.good, self.bench.bad), strict=True):
            if not reads_ir(cell.toolchain.family):
                self.notes.append(f"{place.point} reads no IR: nothing can be handed to its middle or back end")
        if all(cell.request.case.language is Language.LLVM_IR for cell in cells):
            return (Layer.MIDDLE, Layer.BACK)
        return tuple(Layer)

    def note_unmade(self, trials: Sequence[Trial]) -> None:
        unmade = sum(trial.verdict is Verdict.UNTESTABLE for trial in trials)
        if unmade and self.bench.good.reads_ir and self.bench.bad.reads_ir:
            self.notes.append(
                f"LLVM reads the IR of older versions, not always of newer ones: {unmade} mixes are left out"
            )

    def passes(self) -> tuple[PassFindings, ...]:
        """Both toolchains' dumps of the functions concerned, compared."""
        functions = sorted({function for function, _, _ in self.telling})
        good, bad = (self._dumps(place, functions) for place in (self.bench.good, self.bench.bad))
        return tuple(self._findings(function, good, bad) for function in functions if bad)

    def _findings(self, function: str, good: str, bad: str) -> PassFindings:
        kinds = frozenset(DefectKind(kind) for name, _, kind in self.telling if name == function)
        theirs, ours = read_snapshots(good, function), read_snapshots(bad, function)
        return PassFindings(
            function=function,
            forming=forming(ours, kinds),
            diverging=diverging(theirs, ours) if theirs and ours else None,
        )

    def _dumps(self, place: Workplace, functions: Sequence[str]) -> str:
        """What the passes did, by the shorter form of dump where the version has it for machine passes."""
        wanted = f"-filter-print-funcs={','.join(functions)}"
        for how in ("-print-changed=quiet", "-print-after-all"):
            dumped = place.dump((how, wanted))
            if isinstance(dumped, Refused):
                self.notes.append(f"{place.point} does not show its passes with {how}: {dumped.reason}")
            elif "# Machine code for function" in dumped:
                return dumped
        return ""
