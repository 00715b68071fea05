"""The bisection that the reports' tests print: two compilers, one function, one offending store."""

from dataclasses import replace

from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.domain.access import Defect, DefectKind
from mmio_bisect.domain.answer import Answer
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.outcome import (
    CellRequest,
    FunctionJudgement,
    Judgement,
    ListingLine,
    Outcome,
    OutcomeKind,
    Verdict,
)
from mmio_bisect.domain.recipe import Case, Language, OptLevel, digest_of
from mmio_bisect.domain.run import CellAnswer, Probe
from mmio_bisect.domain.toolchain import Point, Toolchain

CASE = Case(
    recipe="store_then_step",
    language=Language.C,
    text=b"//mmio: fn=store_then_step(mmio) accesses=store32+0\nint x;\n",
    functions=(),
    targets=("aarch64",),
    opt_levels=(OptLevel.O1, OptLevel.O2),
)
GOOD_CODE = ("mov\tx8, x0", "add\tx0, x0, #8", "mov\tw9, #1", "str\tw9, [x8]", "ret")
BAD_CODE = ("mov\tx8, x0", "mov\tw9, #1", "str\tw9, [x0], #8", "ret")
DEFECT = Defect(
    function="store_then_step",
    access="store32+0",
    kind=DefectKind.WRITEBACK_POST,
    code="store_then_step",
    position=8,
    instruction="str\tw9, [x0], #8",
    why="register writeback: ISV = 0",
)


def function(code: tuple[str, ...], *defects: Defect, name: str = "store_then_step") -> FunctionJudgement:
    listing = tuple(
        ListingLine(code=name, position=4 * place, encoding=text.encode(), text=text) for place, text in enumerate(code)
    )
    return FunctionJudgement(function=name, accesses=(), defects=defects, listing=listing)


GOOD = Judgement(verdict=Verdict.GOOD, profile="arm-isv", rules=1, functions=(function(GOOD_CODE),))
BAD = Judgement(verdict=Verdict.BAD, profile="arm-isv", rules=1, functions=(function(BAD_CODE, DEFECT),))
UNTESTABLE = Judgement(
    verdict=Verdict.UNTESTABLE, profile="arm-isv", rules=1, reason="crashed: error: unable to execute"
)


def point(version: str) -> Point:
    return Point(series="zig", version=version, sort_key=version)


def toolchain(clang: str) -> Toolchain:
    return Toolchain(
        digest=digest_of(clang.encode()),
        family=CompilerFamily.CLANG,
        tool=("zig", "clang"),
        version_text=f"clang version {clang}",
        compiler_version=clang,
        llvm_version=clang,
        commit=None,
        released=None,
    )


def request(opt: OptLevel = OptLevel.O2) -> CellRequest:
    return CellRequest(case=CASE, target=TARGETS["aarch64"], opt=opt)


def probe(version: str, clang: str, judgement: Judgement, opt: OptLevel = OptLevel.O2) -> Probe:
    made = judgement.verdict is not Verdict.UNTESTABLE
    return Probe(
        point=point(version),
        toolchain=toolchain(clang),
        request=request(opt),
        cell_key=digest_of(f"{version} {opt}".encode()),
        outcome=Outcome(
            kind=OutcomeKind.OBJECT if made else OutcomeKind.CRASHED,
            object_code=version.encode() if made else None,
            argv=(f"/store/{version}/zig", "clang", f"-O{opt}", "-c", "store_then_step.c"),
            sandbox="local",
            status=0 if made else -11,
            output="",
            seconds=0.25,
        ),
        judgement=judgement,
        from_history=False,
        seconds=0.25,
    )


LAST_GOOD = probe("0.12.1", "17.0.6", GOOD)
FIRST_BAD = probe("0.13.0", "18.1.6", BAD)
BROKEN = probe("0.12.9", "17.0.9", UNTESTABLE)


def cell_answer(answer: Answer, *probes: Probe, opt: OptLevel = OptLevel.O2) -> CellAnswer:
    own = tuple(replace(found, request=request(opt)) for found in probes)
    return CellAnswer(request=request(opt), answer=answer, probes=own)
