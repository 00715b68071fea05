"""Which layer, and which pass, makes the difference between two toolchains; for where no commit can be built.

Every mix of layers is made and judged like any object. Then passes are looked for in the bad toolchain: by switching
them off one search step after another (`-opt-bisect-limit`), and by comparing both toolchains' dumps pass by pass.
"""

import time
from collections.abc import Callable, Iterator, Sequence

from mmio_bisect.domain.access import Mark
from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.attribution import Attribution, Layer, NothingToAttribute, Side, Trial
from mmio_bisect.domain.outcome import CellRequest, Judgement, Verdict
from mmio_bisect.domain.recipe import Language
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.workflow.attribution.layers import conclude, mixes_of
from mmio_bisect.workflow.attribution.limits import search_limits
from mmio_bisect.workflow.attribution.mixing import Comparison, Mixer
from mmio_bisect.workflow.attribution.open_toolchains import AttributeRequest, AttributeTools, OpenToolchains
from mmio_bisect.workflow.attribution.passes import Passes
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.probing.judge import restrict
from mmio_bisect.workflow.probing.probe import Prober

Finding = Attribution | NothingToAttribute


def attribute_all(
    request: AttributeRequest, tools: AttributeTools, signals: Callable[[Point], Signals]
) -> tuple[Finding, ...]:
    """One finding for each pair that was asked. Raises the errors of `acquire` and `compile_cell`."""
    older = _probe(request, tools, request.older, [pair[0] for pair in request.asked], signals(request.older))
    newer = _probe(request, tools, request.newer, [pair[1] for pair in request.asked], signals(request.newer))
    return tuple(attribute_pair(request, tools, pair, signals) for pair in zip(older, newer, strict=True))


def _probe(
    request: AttributeRequest, tools: AttributeTools, point: Point, asked: Sequence[CellRequest], signals: Signals
) -> list[Side]:
    """The toolchain as a whole, from history where it can be."""
    prober = Prober(tools.of(point.series), request.profile)
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


def attribute_pair(
    request: AttributeRequest, tools: AttributeTools, pair: tuple[Side, Side], signals: Callable[[Point], Signals]
) -> Finding:
    older, newer = pair
    for side in pair:
        if side.judgement.verdict is Verdict.UNTESTABLE:
            return NothingToAttribute(
                older=older, newer=newer, reason=f"{side.point} is untestable: {side.judgement.reason}"
            )
    introduced, fixed = _lacked(newer.judgement, older.judgement), _lacked(older.judgement, newer.judgement)
    if not introduced and not fixed:
        same = older.judgement.marks == newer.judgement.marks
        reason = "both have the same defects, or none" if same else "where they differ, one of them did not show it all"
        return NothingToAttribute(older=older, newer=newer, reason=reason)
    began = time.monotonic()
    good, bad = pair if introduced else (newer, older)
    change = Change.INTRODUCED if introduced else Change.FIXED
    toolchains = OpenToolchains(tools=tools, request=request, signals=signals)
    with toolchains.opened(good) as at_good, toolchains.opened(bad) as at_bad:
        comparison = Comparison(
            good=at_good,
            bad=at_bad,
            telling=introduced or fixed,
            profile=request.profile,
            judge_object=tools.wiring.judge(),
        )
        return _compare(comparison, toolchains, (good, bad), change, began)


def _lacked(there: Judgement, elsewhere: Judgement) -> frozenset[Mark]:
    """The marks that are there and for certain not elsewhere."""
    return frozenset(mark for mark in there.marks - elsewhere.marks if mark.function not in elsewhere.blind)


def _compare(
    comparison: Comparison, toolchains: OpenToolchains, sides: tuple[Side, Side], change: Change, began: float
) -> Attribution:
    layers = _layers(comparison)
    mixer = Mixer(comparison, layers)
    trials = tuple(mixer.trial(mix) for mix in mixes_of(layers))
    notes = [*toolchains.notes, *_notes(comparison, trials)]
    conclusion = conclude(trials, layers)
    guilty = frozenset(layer for chosen in conclusion.explanations[:1] for enough in chosen.enough for layer in enough)
    return Attribution(
        good=sides[0],
        bad=sides[1],
        change=change,
        telling=comparison.telling,
        layers=layers,
        stand_ins=tuple(toolchains.stand_ins),
        trials=trials,
        conclusion=conclusion,
        searches=search_limits(comparison, mixer, guilty),
        findings=Passes(comparison=comparison, mixer=mixer, guilty=guilty, notes=notes).findings(),
        notes=tuple(notes),
        compiles=comparison.compiles,
        seconds=time.monotonic() - began,
    )


def _layers(comparison: Comparison) -> tuple[Layer, ...]:
    """What can be told apart: a case that is IR has no front end, and an llc is a back end alone."""
    places = (comparison.good, comparison.bad)
    if not any(place.has_middle for place in places):
        return (Layer.BACK,)
    if all(place.cell.request.case.language is Language.LLVM_IR for place in places):
        return (Layer.MIDDLE, Layer.BACK)
    return tuple(Layer)


def _notes(comparison: Comparison, trials: Sequence[Trial]) -> Iterator[str]:
    """That two languages are two programs, and that newer IR may not be readable."""
    good, bad = (place.cell.request.case.file_name for place in (comparison.good, comparison.bad))
    if good != bad:
        yield f"the front ends compile two files, {good} and {bad}: what differs there counts as theirs"
    unread = sum(not trial.readable for trial in trials)
    if unread:
        mixes = "1 mix is" if unread == 1 else f"{unread} mixes are"
        yield f"LLVM reads the IR of older versions, not always of newer ones: {mixes} left out"
