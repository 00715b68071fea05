"""Which clang stands in for a rustc, and how like it has to be: with compilers that are a table."""

from dataclasses import replace

import pytest
from report_values import BAD, GOOD, UNTESTABLE, toolchain
from table_compiler import Makes, place

from mmio_bisect.domain.attribution import Layer, Likeness
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.outcome import Judgement, Outcome
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.workflow.attribution.mixing import Refused
from mmio_bisect.workflow.attribution.stand_ins import candidates, likeness
from mmio_bisect.workflow.ports.sandbox import Command

RUSTC = Point(series="rustc", version="1.85.1+trixie", sort_key="1")
SAME, UNLIKE, DEFECTS = Likeness.SAME_CODE, Likeness.UNLIKE, Likeness.SAME_DEFECTS


JUDGED = {
    b"bad": replace(BAD, fingerprint="bad"),
    b"bad too": replace(BAD, fingerprint="bad too"),
    b"good": replace(GOOD, fingerprint="good"),
}


def judged(outcome: Outcome) -> Judgement:
    return UNTESTABLE if outcome.object_code is None else JUDGED[outcome.object_code]


OWN = {(b"source", True): b"optimised", (b"plain", True): b"written"}


def clang(back: bytes | None, both: bytes | None) -> Makes:
    """What it makes of IR that is optimised, and of IR that is not."""
    makes = {(b"optimised", False): back, (b"written", True): both and b"again", (b"again", False): both}
    return {asked: made for asked, made in makes.items() if made}


@pytest.mark.parametrize(
    ("makes", "middle", "back"),
    [
        (clang(b"bad", b"bad"), SAME, SAME),
        (clang(b"bad", b"bad too"), DEFECTS, SAME),
        (clang(b"bad too", b"good"), UNLIKE, DEFECTS),
        (clang(b"bad", None), UNLIKE, SAME),
        (clang(b"good", b"bad"), UNLIKE, UNLIKE),
        (clang(None, None), UNLIKE, UNLIKE),
    ],
)
def test_a_stand_in_is_as_like_as_what_it_makes(makes: Makes, middle: Likeness, back: Likeness) -> None:
    rustc = place(RUSTC, CompilerFamily.RUSTC, OWN)
    stand_in = place(replace(RUSTC, series="clang"), CompilerFamily.CLANG, makes)
    rustc.stand_in, rustc.likeness = stand_in, likeness(rustc, stand_in, JUDGED[b"bad"], judged)
    assert rustc.likeness == {Layer.MIDDLE: middle, Layer.BACK: back}
    assert isinstance(rustc.reader(Layer.MIDDLE), Refused) is (middle is UNLIKE)
    assert isinstance(rustc.reader(Layer.BACK), Refused) is (back is UNLIKE)


def test_ir_that_is_not_read_is_told_from_what_does_not_compile() -> None:
    reader = place(replace(RUSTC, series="clang"), CompilerFamily.CLANG, {})
    refused = reader.ir(Command(argv=("clang",), inputs=(("handed.ll", b"new"),), product="a.ll"), "LLVM 22.1.8")
    assert isinstance(refused, Refused)
    assert not refused.readable
    assert refused.reason.startswith("clang@1.85.1+trixie does not read IR of LLVM 22.1.8: rejected: handed.ll:7:18")


def test_the_likest_clang_has_the_same_version_and_then_the_same_suite() -> None:
    def points(*versions: str) -> list[Point]:
        return [Point(series="clang", version=version, sort_key=version) for version in versions]

    listed = points("18.1.8+trixie", "19.1.6+trixie", "19.1.7+bookworm", "19.1.7+trixie", "20.1.0+sid", "19.2.0+sid")
    found = candidates(RUSTC, replace(toolchain("19.1.7"), family=CompilerFamily.RUSTC), listed)
    assert [point.version for point in found] == ["19.1.7+trixie", "19.1.7+bookworm", "19.1.6+trixie", "19.2.0+sid"]
    assert candidates(RUSTC, replace(toolchain("23.1.0"), llvm_version="21.0"), listed) == ()
    assert candidates(RUSTC, replace(toolchain("19.1.7"), llvm_version=None), listed) == ()
