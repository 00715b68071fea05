"""Which layer, and which pass, makes the difference between two toolchains; for where no commit can be built.

Every mix of layers is made and judged like any object. Then passes are looked for in the bad toolchain: by switching
them off one search step after another (`-opt-bisect-limit`), and by comparing both toolchains' dumps pass by pass.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.attribution import Attribution, Layer, NothingToAttribute, PassFindings, Side, Trial
from mmio_bisect.domain.outcome import CellRequest, Judgement, Verdict
from mmio_bisect.domain.recipe import Language
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import BrokenToolchainError
from mmio_bisect.workflow.dumps import diverging, forming, read_snapshots
from mmio_bisect.workflow.judge import restrict
from mmio_bisect.workflow.layers import conclude, mixes_of
from mmio_bisect.workflow.limits import search_limits
from mmio_bisect.workflow.mixing import Bench, Mixer, Refused, Telling, Workplace
from mmio_bisect.workflow.ports import Signals
from mmio_bisect.workflow.probe import Prober, Toolbox
from mmio_bisect.workflow.stages import has_llvm, has_middle
from mmio_bisect.workflow.workplaces import AttributeRequest, AttributeTools, Workplaces

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
    places = Workplaces(tools=tools, request=request, signals=signals)
    with places.opened(good) as at_good, places.opened(bad) as at_bad:
        bench = Bench(good=at_good, bad=at_bad, telling=telling, profile=request.profile, objects=tools.objects)
        layers = _layers(bench)
        found = _Attributing(bench, telling, Mixer(bench, layers), places.notes)
        trials = tuple(found.mixer.trial(mix) for mix in mixes_of(layers))
        found.note_sources()
        found.note_unread(trials)
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
            layers=layers,
            stand_ins=tuple(places.stand_ins),
            trials=trials,
            conclusion=conclusion,
            searches=searches,
            findings=found.passes(),
            notes=tuple(found.notes),
            compiles=bench.compiles,
            seconds=time.monotonic() - began,
        )


def _new_defects(before: Side, after: Side) -> Telling:
    return _keys(after.judgement) - _keys(before.judgement)


def _keys(judgement: Judgement) -> Telling:
    return frozenset((defect.function, defect.access, defect.kind.value) for defect in judgement.defects)


def _layers(bench: Bench) -> tuple[Layer, ...]:
    """What can be told apart: a case that is IR has no front end, and an llc is a back end alone."""
    cells = (bench.good.cell, bench.bad.cell)
    if not any(has_middle(cell.toolchain.family) for cell in cells):
        return (Layer.BACK,)
    if all(cell.request.case.language is Language.LLVM_IR for cell in cells):
        return (Layer.MIDDLE, Layer.BACK)
    return tuple(Layer)


@dataclass(slots=True)
class _Attributing:
    bench: Bench
    telling: Telling
    mixer: Mixer
    notes: list[str]

    def note_sources(self) -> None:
        """Two languages are two programs."""
        good, bad = (place.cell.request.case.file_name for place in (self.bench.good, self.bench.bad))
        if good != bad:
            self.notes.append(
                f"the front ends compile two files, {good} and {bad}: what differs there counts as theirs"
            )

    def note_unread(self, trials: Sequence[Trial]) -> None:
        unread = sum(not trial.readable for trial in trials)
        if unread:
            mixes = "1 mix is" if unread == 1 else f"{unread} mixes are"
            self.notes.append(f"LLVM reads the IR of older versions, not always of newer ones: {mixes} left out")

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
