"""From an object's code to a verdict: follow, decode, compare with the expectation, apply the profile."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import assert_never

from mmio_bisect.classify.dataflow.entry import entry_state, label_of, region_of
from mmio_bisect.classify.dataflow.findings import Escape, Flow, WindowTouch
from mmio_bisect.classify.dataflow.flow import follow
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.classify.machine.instructions import FunctionCode
from mmio_bisect.classify.verdict.matching import (
    Finding,
    Match,
    Unit,
    is_library_call,
    match_covered,
    match_exact,
    units_of,
    wanted,
)
from mmio_bisect.classify.verdict.paths import MAX_ORDERS, Order, orders, repeated
from mmio_bisect.classify.verdict.undefined import undefined_reason
from mmio_bisect.domain.access import RULES, Access, Defect, DefectKind, Form, RegisterClass, Transfer
from mmio_bisect.domain.outcome import FunctionJudgement, Judgement, ListingLine, Verdict
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.recipe import (
    ConstantWindow,
    CoveredBytes,
    EachAccess,
    ExactAccesses,
    FunctionExpectation,
    digest_of,
)

_MODE_DEFECTS = {"post-index": DefectKind.WRITEBACK_POST, "pre-index": DefectKind.WRITEBACK_PRE}


def judge_image(
    image: CodeImage, functions: Sequence[FunctionExpectation], window: ConstantWindow | None, profile: Profile
) -> Judgement:
    """Judge every function under test. One that the object does not define is untestable."""
    judged: list[FunctionJudgement] = []
    codes: dict[str, FunctionCode] = {}
    flows: list[Flow] = []
    for expectation in functions:
        code = image.function(expectation.symbol)
        if code is None:
            judged.append(_undefined(expectation.symbol, image))
            continue
        flow = follow(image, code, entry_state(expectation.arguments, window, image))
        flows.append(flow)
        judged.append(_judge_function(expectation, flow, profile))
        codes.update((followed.name, followed) for followed in flow.followed)
    unread = Judgement(
        verdict=Verdict.UNTESTABLE,
        profile=profile.name,
        rules=RULES,
        fingerprint=fingerprint(codes[name] for name in sorted(codes)),
        behaviour=behaviour(flows),
    )
    return unread.of_functions(judged)


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
    kinds = []
    if transfer.addressing.writes_back:
        kinds.append(_MODE_DEFECTS[transfer.addressing.value])
    if transfer.form is not Form.SINGLE:
        kinds.append(DefectKind(transfer.form.value))
    if transfer.register_class in {RegisterClass.SIMD_FP, RegisterClass.SCALABLE}:
        kinds.append(DefectKind.SIMD_FP)
    return tuple(kinds) or (DefectKind.UNEMULATED,)


def _why(transfer: Transfer, kind: DefectKind, profile: Profile) -> str:
    if kind is DefectKind.UNEMULATED:
        return f"{transfer.operation or 'it'} is not among what {profile.name} emulates"
    return transfer.why


def _undefined(symbol: str, image: CodeImage) -> FunctionJudgement:
    defect = _defect(symbol, None, DefectKind.UNDEFINED, undefined_reason(symbol, image))
    return FunctionJudgement(function=symbol, accesses=(), defects=(), listing=(), unseen=(defect,))


def _judge_function(expectation: FunctionExpectation, flow: Flow, profile: Profile) -> FunctionJudgement:
    match expectation.expectation:
        case EachAccess() as each:
            found = _match_each(each, flow)
        case ExactAccesses() | CoveredBytes():
            found = _match_orders(expectation, flow)
        case _:
            assert_never(expectation.expectation)
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
        listing=tuple(
            ListingLine(code=code.name, position=line.position, encoding=line.encoding, text=line.text)
            for code in flow.followed
            for line in code.instructions
        ),
        unseen=tuple(unseen),
    )


def _units(flow: Flow, indices: Iterable[int]) -> list[Unit]:
    units: list[Unit] = []
    for index in indices:
        touch = flow.touches[index]
        units.extend(units_of(index, touch.transfer, touch.region, touch.offset))
    return units


def _match_orders(expectation: FunctionExpectation, flow: Flow) -> Match:
    """Hold every order of the accesses against the expectation."""
    found, ways = Match(), orders(flow)
    if ways is None:
        why = f"more than {MAX_ORDERS} orders of accesses: not compared with the expectation"
        found.find(None, DefectKind.ESCAPES, None, why)
        return found
    for index in sorted(repeated(flow)):
        found.find(None, DefectKind.ESCAPES, index, "in a loop: how often it is executed is not followed")
    calls = frozenset(index for index, touch in enumerate(flow.touches) if is_library_call(touch.transfer))
    returning = any(order.complete for order in ways)
    for order in ways:
        found.absorb(_match_order(expectation, flow, order, calls, whole=order.complete or not returning))
    return found


def _match_order(
    expectation: FunctionExpectation, flow: Flow, order: Order, calls: frozenset[int], *, whole: bool
) -> Match:
    """A path that traps must do what the source asks up to there, one that returns (`whole`) all of it."""
    units = _units(flow, order.touches)
    wants = expectation.expectation
    if isinstance(wants, CoveredBytes):
        match = match_covered(wants, region_of(None, expectation.arguments), units, calls)
        if not whole:
            kept = (finding for finding in match.findings if finding.kind is not DefectKind.MISSING)
            match.findings = dict.fromkeys(kept)
        return match
    assert isinstance(wants, ExactAccesses)  # noqa: S101  the only other caller has dealt with EachAccess
    items = [wanted(access, region_of(access.label, expectation.arguments)) for access in wants.accesses]
    return match_exact(items if whole else items[: len(units)], units, calls)


def _match_each(each: EachAccess, flow: Flow) -> Match:
    match = Match()
    shapes = {(shape.direction, shape.width): str(shape) for shape in each.shapes}
    instructions = {(touch.code, touch.instruction.position) for touch in flow.touches}
    for unit in _units(flow, range(len(flow.touches))):
        item = shapes.get((unit.direction, unit.width or 0))
        if item is not None:
            match.meet(unit.touch, item)
        elif shapes and not is_library_call(flow.touches[unit.touch].transfer):
            _misfit(match, each, unit)
    if len(instructions) < each.minimum:
        item = next(iter(shapes.values()), None)
        why = f"{len(instructions)} instructions touch the window; the source asks for at least {each.minimum}"
        match.find(item, DefectKind.MISSING, None, why)
    if each.maximum is not None and len(instructions) > each.maximum:
        why = f"{len(instructions)} instructions touch the window; the source asks for at most {each.maximum}"
        match.find(None, DefectKind.EXTRA, None, why)
    return match


def _misfit(match: Match, each: EachAccess, unit: Unit) -> None:
    """An access of a shape that the source does not have."""
    alike = [shape for shape in each.shapes if shape.direction is unit.direction]
    if not alike:
        match.find(None, DefectKind.EXTRA, unit.touch, f"the source asks for no {unit.direction}")
        return
    item = str(alike[0])
    wide = unit.width is None or unit.width > max(shape.width for shape in alike)
    why = f"{unit.direction}{unit.width} where the source has {item}"
    if unit.width is None:
        why = f"it moves more than one {item}"
    match.blame(unit.touch, item, DefectKind.WIDENED if wide else DefectKind.TORN, why)


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
