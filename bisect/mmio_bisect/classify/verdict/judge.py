"""From an object's code to a verdict: follow, decode, compare with the expectation, apply the profile."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, assert_never

from mmio_bisect.classify.dataflow.entry import entry_state, label_of, region_of
from mmio_bisect.classify.dataflow.findings import Escape, Flow, WindowTouch
from mmio_bisect.classify.dataflow.flow import follow
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.classify.machine.instructions import FunctionCode
from mmio_bisect.classify.verdict.each import match_each
from mmio_bisect.classify.verdict.matching import (
    Finding,
    Match,
    Unit,
    Wanted,
    is_library_call,
    match_covered,
    match_exact,
    units_of,
    wanted,
)
from mmio_bisect.classify.verdict.paths import (
    MAX_ORDERS,
    happens_again,
    leaves_out,
    only_try,
    orders,
    repeated,
    tried_again,
)
from mmio_bisect.classify.verdict.undefined import undefined_reason
from mmio_bisect.classify.verdict.witness import flow_of_word
from mmio_bisect.classify.word.values import Word
from mmio_bisect.domain.access import RULES, Access, Defect, DefectKind, Form, Transfer
from mmio_bisect.domain.names import is_pattern
from mmio_bisect.domain.outcome import FunctionJudgement, Judgement, ListingLine, Verdict, Witness
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.recipe import (
    ConstantWindow,
    CoveredBytes,
    EachAccess,
    ExactAccesses,
    ExpectedAccess,
    FunctionExpectation,
    digest_of,
)


def judge_image(
    image: CodeImage,
    functions: Sequence[FunctionExpectation],
    windows: tuple[ConstantWindow, ...],
    profile: Profile,
    word: Word | None = None,
) -> Judgement:
    """Judge every function under test. One that the object does not define is untestable.

    Where the data flow loses sight, the compiler's `word` decides if it can.
    """
    judged: list[FunctionJudgement] = []
    codes: dict[str, FunctionCode] = {}
    flows: list[Flow] = []
    for expectation in functions:
        named = image.functions_named(expectation.symbol)
        if not named:
            judged.append(_undefined(expectation.symbol, image))
        called = replace(image, isa=image.isa.under(expectation.convention))
        for code in named:
            several = len(named) > 1 or is_pattern(expectation.symbol)
            name = image.names.get(code.name, code.name) if several else expectation.symbol
            found, flow = _judge_code(called, code, replace(expectation, symbol=name), windows, profile, word)
            judged.append(found)
            flows.append(flow)
            codes.update((followed.name, followed) for followed in flow.followed)
    unread = Judgement(
        verdict=Verdict.UNTESTABLE,
        profile=profile.name,
        rules=RULES,
        fingerprint=fingerprint(codes[name] for name in sorted(codes)),
        behaviour=behaviour(flows),
    )
    return unread.of_functions(judged)


def _judge_code(
    image: CodeImage,
    code: FunctionCode,
    expectation: FunctionExpectation,
    windows: tuple[ConstantWindow, ...],
    profile: Profile,
    word: Word | None,
) -> tuple[FunctionJudgement, Flow]:
    """With the flow that decided."""
    flow = follow(image, code, entry_state(expectation, windows, image), expectation.calls)
    found = _judge_function(expectation, windows, flow, profile)
    if word is None or found.verdict is not Verdict.UNTESTABLE:
        return found, flow
    said = flow_of_word(image, flow, word)
    if isinstance(said, str):
        return _undecided(found, said), flow
    if isinstance(expectation.expectation, CoveredBytes):
        return _undecided(found, "which bytes its accesses cover it does not tell"), flow
    told = _judge_function(expectation, windows, said, profile, anywhere=True)
    forms = set(_form_defects(expectation.symbol, told.accesses, profile))
    for one in (*told.unseen, *told.defects):
        if one not in forms:
            return _undecided(found, f"it is not what the source asks for: {one.why}"), flow
    return replace(told, witness=Witness.COMPILER), said


def _undecided(seen: FunctionJudgement, why: str) -> FunctionJudgement:
    """As seen by the data flow, and why the compiler's word does not help."""
    defect = _defect(seen.function, None, DefectKind.ESCAPES, f"the compiler's word does not decide it: {why}")
    return replace(seen, unseen=(*seen.unseen, defect))


def fingerprint(codes: Iterable[FunctionCode]) -> str:
    """A digest of machine code and relocations: equal ones are equal code."""
    digest = hashlib.sha256()
    for code in codes:
        digest.update(f"{code.name}\0{code.size}\0".encode())
        for instruction in code.instructions:
            digest.update(instruction.encoding)
            for relocation in instruction.relocations:
                digest.update(f"{instruction.position}\0{relocation.kind}\0{relocation.symbol}\0".encode())
                digest.update(f"{relocation.addend}\0".encode())
    return f"sha256:{digest.hexdigest()}"


def behaviour(flows: Iterable[Flow]) -> str:
    """A digest of what functions do to the window: equal ones do the same in the same orders, whatever else they do."""
    lines: list[str] = []
    for flow in flows:
        again = repeated(flow)
        for index, touch in enumerate(flow.touches):
            lines.append(f"{touch.instruction.text} {touch.transfer} {touch.region} {touch.offset} {index in again}")
        lines += map(str, orders(flow) or ())
    return digest_of("\n".join(lines).encode())


def defect_kinds(transfer: Transfer, profile: Profile) -> tuple[DefectKind, ...]:
    """Why a hypervisor of that profile cannot emulate the transfer; none if it can."""
    # What a library routine does is its own choice: no profile can speak for it.
    if transfer.form is not Form.LIBCALL and profile.emulates(transfer):
        return ()
    return transfer.defects


def _why(transfer: Transfer, kind: DefectKind, profile: Profile) -> str:
    if kind is DefectKind.UNEMULATED:
        return f"{transfer.operation or 'it'} is not among what {profile.name} emulates"
    return transfer.why


def _undefined(symbol: str, image: CodeImage) -> FunctionJudgement:
    defect = _defect(symbol, None, DefectKind.UNDEFINED, undefined_reason(symbol, image))
    return FunctionJudgement(function=symbol, accesses=(), defects=(), listing=(), unseen=(defect,))


def _match(
    expectation: FunctionExpectation, windows: tuple[ConstantWindow, ...], flow: Flow, *, anywhere: bool = False
) -> Match:
    region = partial(region_of, function=expectation, windows=windows)

    def aims(items: Iterable[ExpectedAccess], region_named: Callable[[str | None], str | None]) -> list[Wanted]:
        wants = [wanted(item, region_named) for item in items]
        return [want.anywhere() for want in wants] if anywhere else wants

    match expectation.expectation:
        case EachAccess() as each:
            wants = aims(each.items, lambda label: label and region(label))
            # An accessor that is called twice is two accesses, as it is where it was inlined.
            places = {touch.node[:3] for touch in flow.touches}
            units = _units(flow, range(len(flow.touches)))
            found = match_each(each, wants, units, _calls(flow), instructions=len(places), again=repeated(flow))
        case ExactAccesses(accesses=items):
            wants = aims(items, region)
            found = _match_orders(partial(match_exact, wants), wants, flow)
        case CoveredBytes() as covers:
            wants = []
            found = _match_orders(partial(match_covered, covers, region(None)), wants, flow)
        case _:
            assert_never(expectation.expectation)
    _find_hoisted(wants, flow, found)
    return found


def _judge_function(
    expectation: FunctionExpectation,
    windows: tuple[ConstantWindow, ...],
    flow: Flow,
    profile: Profile,
    *,
    anywhere: bool = False,
) -> FunctionJudgement:
    """With `anywhere` every touch counts as one of the window, wherever it goes."""
    found = _match(expectation, windows, flow, anywhere=anywhere)
    accesses = tuple(
        Access(
            function=expectation.symbol,
            code=touch.code,
            position=touch.instruction.position,
            encoding=touch.instruction.encoding,
            instruction=touch.instruction.text,
            transfer=touch.transfer,
            label=label_of(touch.region),
            window_offset=touch.offset,
            fulfils=tuple(found.fulfils.get(index, ())),
        )
        for index, touch in enumerate(flow.touches)
    )
    findings = found.findings
    unseen = dict.fromkeys(
        (
            *_expectation_defects(expectation.symbol, (one for one in findings if one.kind.unseen), flow.touches),
            *_escapes(expectation.symbol, flow),
        )
    )
    # What was not seen may be what seems to be missing, or the rest of what seems to be torn: only forms are certain.
    defects = [
        *_form_defects(expectation.symbol, accesses, profile),
        *(() if unseen else _expectation_defects(expectation.symbol, findings, flow.touches)),
    ]
    return FunctionJudgement(
        function=expectation.symbol,
        accesses=tuple(dict.fromkeys(accesses)),
        defects=tuple(dict.fromkeys(defects)),
        listing=_listing(flow),
        unseen=tuple(unseen),
    )


def _listing(flow: Flow) -> tuple[ListingLine, ...]:
    return tuple(
        ListingLine(code=code.name, position=line.position, encoding=line.encoding, text=line.text)
        for code in flow.followed
        for line in code.instructions
    )


def _units(flow: Flow, indices: Iterable[int]) -> list[Unit]:
    """What may go to one place of the window and to no other counts as if it did: by its form and its width."""
    places = Counter(touch.node for touch in flow.touches if not touch.certain)
    units: list[Unit] = []
    for index in indices:
        touch = flow.touches[index]
        certain = touch.certain or places[touch.node] == 1
        units.extend(units_of(index, touch.transfer, touch.region, touch.offset, certain=certain))
    return units


def _calls(flow: Flow) -> frozenset[int]:
    return frozenset(index for index, touch in enumerate(flow.touches) if is_library_call(touch.transfer))


class _Matching(Protocol):
    def __call__(self, units: Sequence[Unit], calls: frozenset[int], *, whole: bool) -> Match:
        """Hold the accesses of one path against the expectation; all of it is asked for on a `whole` path."""


def _match_orders(matching: _Matching, wants: Sequence[Wanted], flow: Flow) -> Match:
    """Hold every order of the accesses against the expectation.

    A path that traps must do what the source asks up to there, one that returns all of it.
    """
    found, ways = Match(), orders(flow)
    if ways is None:
        many = f"more than {MAX_ORDERS} orders of accesses"
        reason = "calls that multiply are followed together" if flow.shared else many
        why = f"{reason}: not compared with the expectation"
        found.find(None, DefectKind.ESCAPES, None, why)
        return found
    tried = tried_again(flow)
    ways = tuple(dict.fromkeys(only_try(flow, order, tried) for order in ways))
    returning = any(order.complete for order in ways)
    for order in ways:
        found.absorb(matching(_units(flow, order.touches), _calls(flow), whole=order.complete or not returning))
    for want in wants:
        if want.optional and not found.touches_of(want):
            found.find(want.name, DefectKind.MISSING, None, f"no instruction on any path does {want.name}")
    for index in sorted(repeated(flow) - tried):
        if not any(want.repeated and index in found.touches_of(want) for want in wants):
            found.find(None, DefectKind.ESCAPES, index, "in a loop: how often it is executed is not followed")
    return found


def _find_hoisted(wants: Iterable[Wanted], flow: Flow, found: Match) -> None:
    """Accesses of a loop that are made before it or after it, or in some rounds only."""
    for want in wants:
        touches = found.touches_of(want)
        if not want.repeated or not touches:
            continue
        if flow.shared:
            found.find(None, DefectKind.ESCAPES, None, "calls that multiply are followed together: loops are not told")
            break
        if not happens_again(flow, touches):
            text = flow.touches[min(touches)].instruction.text
            found.find(want.name, DefectKind.MISSING, None, f"{want.name} is done once and not in a loop, by “{text}”")
        elif not want.optional and leaves_out(flow, touches & repeated(flow)):
            found.find(want.name, DefectKind.MISSING, None, f"a round of the loop leaves {want.name} out")


def _form_defects(function: str, accesses: Sequence[Access], profile: Profile) -> Iterable[Defect]:
    for access in accesses:
        for kind in defect_kinds(access.transfer, profile):
            for item in access.fulfils or (None,):
                yield Defect(
                    function=function,
                    access=item,
                    kind=kind,
                    code=access.code,
                    position=access.position,
                    instruction=access.instruction,
                    why=_why(access.transfer, kind, profile),
                )


def _expectation_defects(
    function: str, findings: Iterable[Finding], touches: Sequence[WindowTouch]
) -> Iterable[Defect]:
    for finding in findings:
        at = None if finding.touch is None else touches[finding.touch]
        yield _defect(function, finding.item, finding.kind, finding.why, at)


def _escapes(function: str, flow: Flow) -> Iterable[Defect]:
    for escape in flow.escapes:
        yield _defect(function, None, DefectKind.ESCAPES, escape.why, escape)


def _defect(
    function: str, item: str | None, kind: DefectKind, why: str, at: WindowTouch | Escape | None = None
) -> Defect:
    instruction = at.instruction if at else None
    return Defect(
        function=function,
        access=item,
        kind=kind,
        code=at.code if at else None,
        position=instruction.position if instruction else None,
        instruction=instruction.text if instruction else None,
        why=why,
    )
