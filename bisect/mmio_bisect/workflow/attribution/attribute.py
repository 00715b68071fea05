"""Which layer, and which pass, makes the difference between two toolchains; for where no commit can be built.

Every mix of layers is made and judged like any object. Then passes are looked for in the bad toolchain: by switching
them off one search step after another (`-opt-bisect-limit`), and by comparing both toolchains' dumps pass by pass.
"""

import time
from collections.abc import Callable, Iterator, Sequence

from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.attribution import Attribution, Layer, NothingToAttribute, Side, Trial
from mmio_bisect.domain.outcome import CellRequest, Judgement, Verdict
from mmio_bisect.domain.recipe import Language
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.workflow.attribution.layers import conclude, mixes_of
from mmio_bisect.workflow.attribution.limits import search_limits
from mmio_bisect.workflow.attribution.mixing import Comparison, Mixer, Telling
from mmio_bisect.workflow.attribution.open_toolchains import AttributeRequest, AttributeTools, OpenToolchains
from mmio_bisect.workflow.attribution.passes import Passes
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.probing.judge import restrict
from mmio_bisect.workflow.probing.probe import Adapters, Prober

Finding = Attribution | NothingToAttribute


def attribute_all(
    request: AttributeRequest, tools: AttributeTools, signals: Callable[[Point], Signals]
) -> tuple[Finding, ...]:
    """One finding for each pair that was asked. Raises the errors of `acquire` and `compile_cell`."""
    older = _probe(request, tools, request.older, [pair[0] for pair in request.asked], signals(request.older))
    newer = _probe(request, tools, request.newer, [pair[1] for pair in request.asked], signals(request.newer))
    return tuple(_attribute(request, tools, pair, signals) for pair in zip(older, newer, strict=True))


def _probe(
    request: AttributeRequest, tools: AttributeTools, point: Point, asked: Sequence[CellRequest], signals: Signals
) -> list[Side]:
    """The toolchain as a whole, from history where it can be."""
    prober = Prober(
        Adapters(
            source=tools.sources(point.series),
            store=tools.store,
            sandbox=tools.sandbox,
            judge=tools.judge,
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
    places = OpenToolchains(tools=tools, request=request, signals=signals)
    with places.opened(good) as at_good, places.opened(bad) as at_bad:
        bench = Comparison(good=at_good, bad=at_bad, telling=telling, profile=request.profile, judge_object=tools.judge)
        layers = _layers(bench)
        mixer = Mixer(bench, layers)
        trials = tuple(mixer.trial(mix) for mix in mixes_of(layers))
        places.notes.extend(_notes(bench, trials))
        conclusion = conclude(trials, layers)
        guilty = frozenset(
            layer for chosen in conclusion.explanations[:1] for enough in chosen.enough for layer in enough
        )
        passes = Passes(bench=bench, mixer=mixer, guilty=guilty, notes=places.notes)
        searches = search_limits(bench, mixer, guilty)
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
            findings=passes.findings(),
            notes=tuple(places.notes),
            compiles=bench.compiles,
            seconds=time.monotonic() - began,
        )


def _new_defects(before: Side, after: Side) -> Telling:
    return _keys(after.judgement) - _keys(before.judgement)


def _keys(judgement: Judgement) -> Telling:
    return frozenset((defect.function, defect.access, defect.kind.value) for defect in judgement.defects)


def _layers(bench: Comparison) -> tuple[Layer, ...]:
    """What can be told apart: a case that is IR has no front end, and an llc is a back end alone."""
    places = (bench.good, bench.bad)
    if not any(place.has_middle for place in places):
        return (Layer.BACK,)
    if all(place.cell.request.case.language is Language.LLVM_IR for place in places):
        return (Layer.MIDDLE, Layer.BACK)
    return tuple(Layer)


def _notes(bench: Comparison, trials: Sequence[Trial]) -> Iterator[str]:
    """That two languages are two programs, and that newer IR may not be readable."""
    good, bad = (place.cell.request.case.file_name for place in (bench.good, bench.bad))
    if good != bad:
        yield f"the front ends compile two files, {good} and {bad}: what differs there counts as theirs"
    unread = sum(not trial.readable for trial in trials)
    if unread:
        mixes = "1 mix is" if unread == 1 else f"{unread} mixes are"
        yield f"LLVM reads the IR of older versions, not always of newer ones: {mixes} left out"
