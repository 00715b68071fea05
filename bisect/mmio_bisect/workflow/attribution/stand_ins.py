"""Who stands in for a compiler that reads no IR: which clangs come into question, and whether one does alike.

A rustc takes nobody's IR, but a clang of the same major version of LLVM has the same passes, mostly of the same source.
That is not a proof: so the stand-in is first given this very program as the rustc's own front end, and its own middle
end, left it, and what it makes is held against what the rustc makes in one go.
"""

from collections.abc import Callable, Sequence

from mmio_bisect.domain.attribution import Layer, Likeness
from mmio_bisect.domain.llvm import LlvmVersion
from mmio_bisect.domain.outcome import Judgement, Outcome, Verdict
from mmio_bisect.domain.toolchain import Point, Toolchain
from mmio_bisect.workflow.attribution import layer_commands
from mmio_bisect.workflow.attribution.mixing import OpenToolchain, Refused

Judge = Callable[[Outcome], Judgement]


def candidates(wanted: Point, toolchain: Toolchain, points: Sequence[Point]) -> tuple[Point, ...]:
    """Clangs of the same major version of LLVM by their names, the likest first.

    Likest is the same version, then of the same suite, whose packages share the library; then what is nearest.
    """
    wanted_llvm, suite = _release(toolchain.llvm_version), _suite(wanted)

    def unlikeness(point: Point) -> tuple[bool, bool, list[int]]:
        release = _release(point.version)
        distance = [abs(one - other) for one, other in zip(release, wanted_llvm, strict=False)]
        return release != wanted_llvm, _suite(point) != suite, distance

    of_that_llvm = [point for point in points if _release(point.version)[:1] == (toolchain.llvm_major,)]
    return tuple(sorted(of_that_llvm, key=unlikeness))


def likeness(place: OpenToolchain, stand_in: OpenToolchain, own: Judgement, judge: Judge) -> dict[Layer, Likeness]:
    """How like each of the stand-in's layers is, on the program that `place` makes `own` of.

    The middle end is judged by what the stand-in's back end makes of it: where that is unlike, so is this.
    """
    optimised = place.ir(layer_commands.optimise(place.cell))
    back = Likeness.UNLIKE
    if not isinstance(optimised, Refused):
        back = _compared(own, judge(stand_in.run(layer_commands.back(stand_in.cell, optimised))))
    middle = Likeness.UNLIKE
    written = Refused(reason="") if back is Likeness.UNLIKE else place.written()
    if not isinstance(written, Refused):
        again = stand_in.ir(layer_commands.middle(stand_in.cell, written))
        if not isinstance(again, Refused):
            middle = _compared(own, judge(stand_in.run(layer_commands.back(stand_in.cell, again))))
    return {Layer.MIDDLE: middle, Layer.BACK: back}


def _compared(own: Judgement, made: Judgement) -> Likeness:
    if Verdict.UNTESTABLE in {own.verdict, made.verdict}:
        return Likeness.UNLIKE
    if own.fingerprint is not None and own.fingerprint == made.fingerprint:
        return Likeness.SAME_CODE
    return Likeness.SAME_DEFECTS if own.marks == made.marks else Likeness.UNLIKE


def _release(version: str | None) -> tuple[int, ...]:
    found = LlvmVersion.from_text(version)
    return () if found is None else found.release


def _suite(point: Point) -> str:
    return point.version.partition("+")[2]
